//! Staff sign in with a password; hashing is bounded, so that a flood of tries cannot take the machine.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use async_trait::async_trait;
use chrono::TimeDelta;
use contract::staff::{StaffApi, StaffCaller, StaffSignedIn};
use contract::till::TillCaller;
use contract::{Kind, Refusal};
use sha2::{Digest, Sha256};
use store::staff::StaffMember;
use tokio::sync::Semaphore;

use crate::Shop;
use crate::clock::Draw;
use crate::customer::{neighbourhood, token_hash};

/// A shift, and then the password again.
const VALID: TimeDelta = TimeDelta::hours(12);
/// Longer passwords are none: nobody types them, and hashing them is work.
const PASSWORD_BYTES: usize = 256;
const LOGIN_BYTES: usize = 128;
const QUARTER: Duration = Duration::from_secs(15 * 60);
/// Per login at one address, per login everywhere, per address.
const TRIES: [u32; 3] = [10, 50, 100];
/// Hashes at one time: each takes 19 MiB and a core for some tens of milliseconds.
static HASHING: Semaphore = Semaphore::const_new(2);
const PATIENCE: Duration = Duration::from_secs(5);

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
fn argon2id() -> Argon2<'static> {
    let params = Params::new(19 * 1_024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

impl Shop {
    /// The PHC text of a password (argon2id), for the seed and for the making of staff.
    ///
    /// # Errors
    /// `invalid-password` when it is empty or longer than 256 bytes.
    pub async fn hash_password(&self, password: &str) -> Result<String, Refusal> {
        if password.is_empty() || password.len() > PASSWORD_BYTES {
            return Err(Refusal::unacceptable("invalid-password", "A password has 1 to 256 bytes."));
        }
        let (password, salt) = (password.to_owned(), self.entropy.bytes::<16>());
        let hashed = bounded(move || phc(password.as_bytes(), &salt)).await?;
        hashed.map_err(|why| self.failed(&std::io::Error::other(why.to_string())))
    }

    async fn is_password(&self, password: &str, stored: String) -> Result<bool, Refusal> {
        let password = password.to_owned();
        bounded(move || {
            let Ok(hash) = PasswordHash::new(&stored) else {
                tracing::error!("a stored password hash cannot be read");
                return false;
            };
            password.len() <= PASSWORD_BYTES && argon2id().verify_password(password.as_bytes(), &hash).is_ok()
        })
        .await
    }
}

fn phc(password: &[u8], salt: &[u8; 16]) -> argon2::password_hash::Result<String> {
    let salt = SaltString::encode_b64(salt)?;
    Ok(argon2id().hash_password(password, &salt)?.to_string())
}

/// A hash that no password has, so that an unknown login takes the time of a known one.
fn nobody() -> String {
    static NOBODY: OnceLock<String> = OnceLock::new();
    NOBODY.get_or_init(|| phc(b"", &[0; 16]).unwrap_or_default()).clone()
}

/// Runs on a thread that may block, and only so many at a time.
async fn bounded<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    let Ok(Ok(_permit)) = tokio::time::timeout(PATIENCE, HASHING.acquire()).await else {
        return Err(Refusal::too_many(5));
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::too_many(1))
}

#[async_trait]
impl StaffApi for Shop {
    async fn sign_in(&self, login: &str, password: &str, from: IpAddr) -> Result<StaffSignedIn, Refusal> {
        let (login, address) = (login.trim(), neighbourhood(from));
        let name = tag(login);
        let keys = [format!("staff:{name}:{address}"), format!("staff:{name}"), format!("staff:address:{address}")];
        for (key, limit) in keys.iter().zip(TRIES) {
            self.within(key, limit, QUARTER).await?;
        }
        // Only what could be a login is looked up; the answer and its time are the same either way.
        let member = match login.len() <= LOGIN_BYTES && !login.contains('\0') {
            true => self.store.staff_by_login(login).await.map_err(|error| self.failed(&error))?,
            false => None,
        };
        let stored = match &member {
            Some(member) => member.password_hash.clone(),
            None => bounded(nobody).await?,
        };
        let fits = self.is_password(password, stored).await?;
        let Some(member) = member.filter(|member| fits && !member.disabled) else {
            return Err(Refusal::new(
                Kind::Unauthenticated,
                "sign-in-failed",
                "The login or the password is not right.",
            ));
        };
        let (token, hash) = self.new_token();
        let now = self.clock.now();
        let expires_at = now + VALID;
        let kept = self.store.start_staff_login(&hash, member.id, now, expires_at).await;
        kept.map_err(|error| self.failed(&error))?;
        Ok(StaffSignedIn { token, expires_at, role: member.role })
    }

    async fn authenticate(&self, token: &str) -> Result<Option<StaffCaller>, Refusal> {
        let Some(hash) = token_hash(token) else { return Ok(None) };
        let login = self.store.staff_login(&hash).await.map_err(|error| self.failed(&error))?;
        let now = self.clock.now();
        Ok(login.filter(|login| now < login.expires_at && !login.member.disabled).map(|login| caller(login.member)))
    }

    async fn sign_out(&self, token: &str) -> Result<(), Refusal> {
        let Some(hash) = token_hash(token) else { return Ok(()) };
        self.store.end_staff_login(&hash).await.map_err(|error| self.failed(&error))
    }
}

fn caller(member: StaffMember) -> StaffCaller {
    let place =
        member.till.as_ref().map(|till| format!("{} \u{b7} {}", till.store_name, till.till_name)).unwrap_or_default();
    StaffCaller {
        staff: member.id,
        name: member.name,
        role: member.role,
        // A cashier's screen sells at the catalogue's prices.
        till: member.till.map(|till| TillCaller { till: till.till, store: till.store, sets_prices: false }),
        place,
    }
}

/// A login of any length as a short key.
fn tag(login: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(login.as_bytes()).into();
    hash[..12].iter().map(|byte| format!("{byte:02x}")).collect()
}
