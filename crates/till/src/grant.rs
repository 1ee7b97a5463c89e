//! Who may sign a grant, and who may believe one.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use contract::offline::{Grant, GrantKey};
use domain::{StoreId, TillId};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::canonical::{self, hex, unhex};

const ALGORITHM: &str = "Ed25519";
/// How far a till's clock may be behind the server's.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// Signs grants. The same key and the same grant give the same signature (RFC 8032).
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    public: GrantKey,
}

impl Signer {
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(secret);
        let bytes = key.verifying_key().to_bytes();
        let public = GrantKey { key_id: key_id(&bytes), algorithm: ALGORITHM.to_owned(), public_key: hex(&bytes) };
        Self { key, public }
    }

    #[must_use]
    pub fn public(&self) -> &GrantKey {
        &self.public
    }

    /// Puts key and signature to a grant.
    #[must_use]
    pub fn sign(&self, mut grant: Grant) -> Grant {
        grant.key_id.clone_from(&self.public.key_id);
        grant.signature = hex(&self.key.sign(&canonical::grant(&grant)).to_bytes());
        grant
    }
}

fn key_id(public: &[u8; 32]) -> String {
    hex(&Sha256::digest(public)[..8])
}

/// The public keys that a till was given, each under its id.
#[derive(Clone, Debug, Default)]
pub struct Keyring(HashMap<String, VerifyingKey>);

/// Why a grant gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("the key is no Ed25519 key, or its id is another one's")]
    BadKey,
    #[error("the grant is signed with a key that this till was not given: fetch grants again")]
    UnknownKey,
    #[error("the signature does not fit: the grant was changed or forged")]
    BadSignature,
    #[error("the grant is for another till")]
    OtherTill,
    #[error("the grant is not valid now: fetch grants again")]
    NotNow,
    #[error("the grant is for another shelf than this one: fetch both again")]
    OtherShelf,
}

/// A grant that was checked: there is no other way to have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified(Grant);

impl Verified {
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.0
    }
}

impl Keyring {
    /// Takes a key up, as it came with a page of grants over a connection that proved the server.
    ///
    /// # Errors
    /// [`GrantError::BadKey`].
    pub fn add(&mut self, key: &GrantKey) -> Result<(), GrantError> {
        let bytes = unhex::<32>(&key.public_key).ok_or(GrantError::BadKey)?;
        let public = VerifyingKey::from_bytes(&bytes).map_err(|_| GrantError::BadKey)?;
        if key.algorithm != ALGORITHM || key.key_id != key_id(&bytes) || public.is_weak() {
            return Err(GrantError::BadKey);
        }
        self.0.insert(key.key_id.clone(), public);
        Ok(())
    }

    /// Checks all that can be checked without a network.
    ///
    /// # Errors
    /// [`GrantError`] says what is wrong and what to do.
    pub fn verify(
        &self,
        grant: Grant,
        (store, till): (StoreId, TillId),
        shelf: &str,
        now: DateTime<Utc>,
    ) -> Result<Verified, GrantError> {
        let key = self.0.get(&grant.key_id).ok_or(GrantError::UnknownKey)?;
        let signature = unhex::<64>(&grant.signature).ok_or(GrantError::BadSignature)?;
        key.verify_strict(&canonical::grant(&grant), &Signature::from_bytes(&signature))
            .map_err(|_| GrantError::BadSignature)?;
        if (grant.store, grant.till) != (store, till) {
            return Err(GrantError::OtherTill);
        }
        if now < grant.issued_at - SKEW || grant.expires_at <= now {
            return Err(GrantError::NotNow);
        }
        if grant.shelf != shelf {
            return Err(GrantError::OtherShelf);
        }
        Ok(Verified(grant))
    }
}

#[cfg(test)]
mod tests {
    use contract::offline::GrantedCard;
    use domain::{Amount, CardId, CardScope, CategoryId, Currency, CustomerId, GrantId, Rate};
    use uuid::Uuid;

    use super::*;

    /// The example of docs/till.md, with the first key of RFC 8032 (section 7.1): whoever implements a till checks
    /// against these very texts.
    #[test]
    fn the_documented_example_holds() {
        let secret = unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let signer = Signer::new(&secret);
        let public = signer.public();
        assert_eq!(public.public_key, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(public.key_id, "21fe31dfa154a261");
        let id = |n: u128| Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 | n);
        let salt = *b"kava-salt-of-day";
        let grant = signer.sign(Grant {
            grant_id: GrantId(id(1)),
            counter: 7,
            store: StoreId(id(2)),
            till: TillId(id(3)),
            customer: CustomerId(id(4)),
            code_salt: hex(&salt),
            code_hash: Some(crate::code::hash_static("4000123412341234", &salt)),
            handle_hash: crate::code::hash_handle(domain::code::CodeHandle(7), &salt),
            card: GrantedCard {
                id: CardId(id(5)),
                scope: CardScope::Category(CategoryId::new("tea")),
                rate_bp: Rate(1_250),
            },
            max_amount: Amount(500),
            currency: Currency::EUR,
            shelf: hex(&Sha256::digest(b"a shelf")),
            issued_at: DateTime::from_timestamp(1_795_248_000, 0).unwrap(),
            expires_at: DateTime::from_timestamp(1_795_262_400, 0).unwrap(),
            key_id: String::new(),
            signature: String::new(),
        });
        let document = include_str!("../../../docs/till.md");
        let message = String::from_utf8(canonical::grant(&grant)).unwrap();
        for text in [grant.code_hash.as_deref().unwrap(), &grant.handle_hash, &grant.signature, &message] {
            assert!(document.contains(text), "docs/till.md does not have {text}");
        }
        let json: Grant = serde_json::from_str(&serde_json::to_string(&grant).unwrap()).unwrap();
        let mut keys = Keyring::default();
        keys.add(public).unwrap();
        let at = (json.store, json.till);
        assert!(keys.verify(json.clone(), at, &json.shelf, json.issued_at).is_ok());
    }

    #[test]
    fn a_key_is_what_its_id_says() {
        let good = Signer::new(&[7; 32]).public().clone();
        let weak = hex(&[0; 32]);
        let broken = [
            GrantKey { key_id: "0000000000000000".into(), ..good.clone() },
            GrantKey { algorithm: "RSA".into(), ..good.clone() },
            GrantKey { public_key: good.public_key[..62].to_owned(), ..good.clone() },
            GrantKey { key_id: key_id(&[0; 32]), public_key: weak, ..good.clone() },
        ];
        for key in broken {
            assert_eq!(Keyring::default().add(&key), Err(GrantError::BadKey), "{key:?}");
        }
        assert_eq!(Keyring::default().add(&good), Ok(()));
    }
}
