//! Staff sign in with a password; hashing is bounded, so that a flood of tries cannot take the machine.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use async_trait::async_trait;
use cache::Hit;
use chrono::TimeDelta;
use contract::staff::{StaffApi, StaffCaller, StaffSignedIn};
use contract::till::TillCaller;
use contract::{Kind, Refusal};
use sha2::{Digest, Sha256};
use store::staff::StaffMember;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::Shop;
use crate::clock::Draw;
use crate::customer::{neighbourhood, token_hash};

/// A shift, and then the password again.
const VALID: TimeDelta = TimeDelta::hours(12);
/// Longer passwords are none: nobody types them, and hashing them is work.
const PASSWORD_BYTES: usize = 256;
const LOGIN_BYTES: usize = 128;
const QUARTER: Duration = Duration::from_secs(15 * 60);
/// Wrong passwords in a quarter of an hour: per login at one address, per login everywhere, per address.
const WRONG: [u32; 3] = [10, 50, 100];
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
        let _turn = turn().await?;
        let hashed = apart(move || phc(password.as_bytes(), &salt)).await?;
        hashed.map_err(|why| self.failed(&std::io::Error::other(why.to_string())))
    }

    /// `sign-in-failed` takes its time whoever it is, and is counted; what is right is not.
    async fn member(&self, login: &str, password: &str) -> Result<Option<StaffMember>, Refusal> {
        // Only what could be a login is looked up.
        let member = match login.len() <= LOGIN_BYTES && !login.contains('\0') {
            true => self.store.staff_by_login(login).await.map_err(|error| self.failed(&error))?,
            false => None,
        };
        let (password, stored) = (password.to_owned(), member.as_ref().map(|member| member.password_hash.clone()));
        let fits = apart(move || is_password(&password, &stored.unwrap_or_else(nobody))).await?;
        Ok(member.filter(|member| fits && !member.disabled))
    }

    /// Whether too many wrong passwords were given for one of these keys.
    async fn shut_out(&self, keys: &[String]) -> Option<Refusal> {
        for key in keys {
            let until = self.cache.get(&format!("{key}:until")).await.unwrap_or_default();
            let until = until.and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<i64>().ok());
            if let Some(until) = until {
                let left = until.saturating_sub(self.clock.now().timestamp()).max(1);
                return Some(Refusal::too_many(u32::try_from(left).unwrap_or(u32::MAX)));
            }
        }
        None
    }

    async fn count_wrong(&self, keys: &[String]) {
        for (key, limit) in keys.iter().zip(WRONG) {
            if let Ok(Hit::Over { retry_after }) = self.cache.hit(key, limit - 1, QUARTER).await {
                let until = self.clock.now().timestamp().saturating_add(i64::from(retry_after)).to_string();
                let ttl = Duration::from_secs(u64::from(retry_after));
                let _ = self.cache.put(&format!("{key}:until"), until.as_bytes(), ttl).await;
            }
        }
    }
}

fn is_password(password: &str, stored: &str) -> bool {
    let Ok(hash) = PasswordHash::new(stored) else {
        tracing::error!("a stored password hash cannot be read");
        return false;
    };
    password.len() <= PASSWORD_BYTES && argon2id().verify_password(password.as_bytes(), &hash).is_ok()
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

/// A turn to hash; who waits too long is sent away instead of queueing for ever.
async fn turn() -> Result<SemaphorePermit<'static>, Refusal> {
    match tokio::time::timeout(PATIENCE, HASHING.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Refusal::too_many(5)),
    }
}

/// On a thread that may block.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::too_many(1))
}

#[async_trait]
impl StaffApi for Shop {
    async fn sign_in(&self, login: &str, password: &str, from: IpAddr) -> Result<StaffSignedIn, Refusal> {
        let (login, address) = (login.trim(), neighbourhood(from));
        let name = tag(login);
        let keys = [format!("staff:{name}:{address}"), format!("staff:{name}"), format!("staff:address:{address}")];
        // The turn first: tries made at once are looked at one after the other, and get no more guesses than others.
        let _turn = turn().await?;
        if let Some(refusal) = self.shut_out(&keys).await {
            return Err(refusal);
        }
        let Some(member) = self.member(login, password).await? else {
            self.count_wrong(&keys).await;
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
        till: member.till.map(|till| TillCaller {
            till: till.till,
            store: till.store,
            sets_prices: false,
            locale: domain::Locale::En,
        }),
        place,
    }
}

/// A login of any length as a short key.
fn tag(login: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(login.as_bytes()).into();
    hash[..12].iter().map(|byte| format!("{byte:02x}")).collect()
}
