//! Time, ids and randomness come from here and nowhere else, so that a test can set them.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock, to the microsecond, which is what PostgreSQL keeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> DateTime<Utc> {
        let now = Utc::now();
        DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }
}

/// A clock that stands still until it is moved, but for the microsecond that every look at it takes: what is read first
/// is earlier, as it is in life.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    #[must_use]
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(AtomicI64::new(now.timestamp_micros()))
    }

    /// Whether `then` is now, but for the looks at the clock since.
    #[must_use]
    pub fn is_at(&self, then: DateTime<Utc>) -> bool {
        (self.now() - then).abs() < chrono::TimeDelta::milliseconds(1)
    }

    pub fn advance(&self, by: chrono::TimeDelta) {
        self.0.fetch_add(by.num_microseconds().unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.fetch_add(1, Ordering::SeqCst)).unwrap_or_default()
    }
}

/// Random bytes: secrets, codes and the random part of ids.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that makes randomness; rand's thread rng is a CSPRNG seeded by the OS"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        rand::Rng::fill(&mut rand::rng(), bytes);
    }
}

/// What can be drawn from an [`Entropy`].
pub trait Draw {
    fn bytes<const N: usize>(&self) -> [u8; N];
    fn number(&self) -> u64;
    /// A UUIDv7 (RFC 9562): in order of time, random in the rest.
    fn id(&self, now: DateTime<Utc>) -> Uuid;
}

impl Draw for dyn Entropy {
    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    fn number(&self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }

    fn id(&self, now: DateTime<Utc>) -> Uuid {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }
}
