//! The wire protocol of Alfa Kassa: the messages of both directions and how each proves where it comes from.

use chrono::{DateTime, Utc};
use contract::offline::{OfflineReceipt, ReceiptResult};
use domain::{Amount, Currency, SessionId, TillId};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::canonical::{hex, unhex};

/// The headers of every message.
pub const TILL: &str = "kassa-till";
pub const MESSAGE: &str = "kassa-message";
pub const TIMESTAMP: &str = "kassa-timestamp";
pub const SIGNATURE: &str = "kassa-signature";

/// How far a timestamp may be from the reader's clock, in seconds. Ids are kept for longer than messages are tried again,
/// so what is replayed within the window is known, and what is replayed later is stale.
pub const WINDOW: u64 = 300;
const VERSION: &str = "v1=";

/// From the till to Kava. The check's id is the session's; its sequence grows with every message about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ToKava {
    /// A basket, or its next state: Kava answers with [`ToTill::DiscountGranted`] to the till's endpoint.
    #[serde(rename = "check.opened")]
    CheckOpened {
        check: SessionId,
        sequence: i64,
        currency: Currency,
        #[serde(default)]
        customer_code: Option<String>,
        lines: Vec<CheckLine>,
    },
    /// It was paid, with or without the discount: what happened, for the record.
    #[serde(rename = "check.closed")]
    CheckClosed { check: SessionId, sequence: i64, receipt: OfflineReceipt },
    #[serde(rename = "check.abandoned")]
    CheckAbandoned { check: SessionId, sequence: i64 },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckLine {
    pub sku: String,
    pub quantity: i64,
}

/// What Kava answers to a message it has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Taken {
    /// The discount is on its way to the till's endpoint.
    Evaluated,
    Recorded {
        outcome: ReceiptResult,
    },
    Abandoned,
    /// A later message about this check came first, and counts.
    Superseded,
}

/// From Kava to the till's endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ToTill {
    /// What to take off each line of the check as it was at this sequence. For an earlier or later state it is void.
    #[serde(rename = "discount.granted")]
    DiscountGranted {
        check: SessionId,
        sequence: i64,
        currency: Currency,
        lines: Vec<GrantedLine>,
        discount: Amount,
        total: Amount,
        expires_at: DateTime<Utc>,
    },
    /// What became of a receipt, for the till's journal.
    #[serde(rename = "purchase.recorded")]
    PurchaseRecorded { check: SessionId, receipt_number: String, outcome: ReceiptResult },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedLine {
    pub position: u16,
    pub sku: String,
    pub unit_price: Amount,
    pub discount: Amount,
}

/// Which way a message goes: what one side has signed cannot be sent back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToKava,
    ToTill,
}

/// What a message says of itself in its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub till: TillId,
    /// The same for every try of one message.
    pub message: Uuid,
    /// Seconds since 1970, of this try.
    pub timestamp: i64,
}

/// What one till and Kava share. Kava keeps none of them: it derives each from a master key that is not in its database.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("the signature does not fit")]
    BadSignature,
    #[error("the timestamp is more than five minutes off")]
    Stale,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// The secret of a till; the next `generation` is another one.
    #[must_use]
    pub fn derive(master: &[u8; 32], till: TillId, generation: i32) -> Self {
        Self(tag(master, &[format!("alfa-kassa v1\n{till}\n{generation}").as_bytes()]))
    }

    /// Reads it as it was printed: 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }

    /// For the one moment when it is given to the till.
    #[must_use]
    pub fn reveal(&self) -> String {
        hex(&self.0)
    }

    /// The signature header.
    #[must_use]
    pub fn sign(&self, direction: Direction, stamp: &Stamp, body: &[u8]) -> String {
        format!("{VERSION}{}", hex(&self.tag(direction, stamp, body)))
    }

    /// The signature first, in constant time; then the time.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn verify(
        &self,
        direction: Direction,
        stamp: &Stamp,
        body: &[u8],
        signature: &str,
        now: DateTime<Utc>,
    ) -> Result<(), WireError> {
        let given = signature.strip_prefix(VERSION).and_then(unhex::<32>).ok_or(WireError::BadSignature)?;
        if !bool::from(given.ct_eq(&self.tag(direction, stamp, body))) {
            return Err(WireError::BadSignature);
        }
        if now.timestamp().abs_diff(stamp.timestamp) > WINDOW {
            return Err(WireError::Stale);
        }
        Ok(())
    }

    fn tag(&self, direction: Direction, stamp: &Stamp, body: &[u8]) -> [u8; 32] {
        let way = match direction {
            Direction::ToKava => "to-kava",
            Direction::ToTill => "to-till",
        };
        let head = format!("{way}\n{}\n{}\n{}\n", stamp.till, stamp.message, stamp.timestamp);
        tag(&self.0, &[head.as_bytes(), body])
    }
}

fn tag(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32]; // HMAC takes keys of any length, so this arm is never reached.
    };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            till: TillId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0003)),
            message: Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0009),
            timestamp: 1_795_248_000,
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(stamp().timestamp, 0).unwrap()
    }

    #[test]
    fn the_documented_example_holds() {
        let secret = Secret::derive(&[7; 32], stamp().till, 1);
        let body = br#"{"type":"check.abandoned","check":"01980000-0000-7000-8000-000000000001","sequence":2}"#;
        let signature = secret.sign(Direction::ToKava, &stamp(), body);
        let document = include_str!("../../../docs/till.md");
        for text in [secret.reveal(), signature] {
            assert!(document.contains(&text), "docs/till.md does not have {text}");
        }
        let read: ToKava = serde_json::from_slice(body).unwrap();
        assert_eq!(
            read,
            ToKava::CheckAbandoned {
                check: SessionId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001)),
                sequence: 2
            }
        );
    }

    #[test]
    fn every_till_and_every_generation_has_another_secret() {
        let secret = |master: u8, till: u128, generation| {
            Secret::derive(&[master; 32], TillId(Uuid::from_u128(till)), generation).reveal()
        };
        let all = [secret(1, 1, 1), secret(1, 1, 2), secret(1, 2, 1), secret(2, 1, 1), secret(1, 1, 12)];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one));
            assert_eq!(Secret::parse(one).unwrap().reveal(), *one);
        }
        assert_eq!(Secret::parse("secret"), None);
    }

    #[test]
    fn only_the_very_message_in_its_direction_and_time_is_believed() {
        let (secret, body) = (Secret([1; 32]), b"body".as_slice());
        let good = secret.sign(Direction::ToKava, &stamp(), body);
        let verify = |direction, stamp: Stamp, body: &[u8], signature: &str, seconds| {
            secret.verify(direction, &stamp, body, signature, now() + chrono::TimeDelta::seconds(seconds))
        };
        for seconds in [-300, 0, 300] {
            assert_eq!(verify(Direction::ToKava, stamp(), body, &good, seconds), Ok(()));
        }
        for seconds in [-301, 301, 1_000_000] {
            assert_eq!(verify(Direction::ToKava, stamp(), body, &good, seconds), Err(WireError::Stale));
        }
        let bad = Err(WireError::BadSignature);
        assert_eq!(verify(Direction::ToTill, stamp(), body, &good, 0), bad, "reflected");
        assert_eq!(verify(Direction::ToKava, stamp(), b"bodY", &good, 0), bad);
        assert_eq!(verify(Direction::ToKava, Stamp { message: Uuid::nil(), ..stamp() }, body, &good, 0), bad);
        assert_eq!(verify(Direction::ToKava, Stamp { till: TillId(Uuid::nil()), ..stamp() }, body, &good, 0), bad);
        // A later timestamp cannot be put to an old message.
        assert_eq!(
            verify(Direction::ToKava, Stamp { timestamp: stamp().timestamp + 600, ..stamp() }, body, &good, 600),
            bad
        );
        for signature in ["", "v1=", &good[3..], &good[..good.len() - 2], "v2=00"] {
            assert_eq!(verify(Direction::ToKava, stamp(), body, signature, 0), bad);
        }
    }

    proptest! {
        #[test]
        fn no_signature_panics(text in "\\PC{0,80}", body: Vec<u8>) {
            prop_assert_eq!(Secret([1; 32]).verify(Direction::ToKava, &stamp(), &body, &text, now()), Err(WireError::BadSignature));
        }
    }
}
