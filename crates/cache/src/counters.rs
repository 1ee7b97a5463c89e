//! Fixed-window counters in bounded memory, which count too much rather than too little.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Hit;

/// Distinct keys that are counted one by one.
const KEYS: usize = 100_000;
/// Keys beyond those share this many counters for each kind of limit.
const SHARED: u64 = 1_024;

/// Between two sweeps of what is over, so that a flood does not buy a sweep with every key.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    windows: HashMap<String, Window>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Window {
    ends: Instant,
    uses: u32,
}

impl Counters {
    pub(crate) fn hit(&self, key: &str, limit: u32, window: Duration, now: Instant) -> Hit {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.is_full_for(key) && inner.swept.is_none_or(|swept| now >= swept + BETWEEN_SWEEPS) {
            inner.windows.retain(|_, window| window.ends > now);
            inner.swept = Some(now);
        }
        let name = if inner.is_full_for(key) {
            // A flood of keys neither takes the memory nor goes uncounted: it counts together.
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            format!("\0shared:{}:{limit}:{}", hasher.finish() % SHARED, window.as_millis())
        } else {
            key.to_owned()
        };
        let ends = now + window;
        let counted = inner.windows.entry(name).or_insert(Window { ends, uses: 0 });
        if counted.ends <= now {
            *counted = Window { ends, uses: 0 };
        }
        if counted.uses >= limit {
            return Hit::Over { retry_after: whole_seconds(counted.ends - now) };
        }
        counted.uses += 1;
        Hit::Within
    }
}

impl Inner {
    fn is_full_for(&self, key: &str) -> bool {
        self.windows.len() >= KEYS && !self.windows.contains_key(key)
    }
}

/// Rounded up, and at least 1.
pub(crate) fn whole_seconds(left: Duration) -> u32 {
    u32::try_from(left.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_window_is_fixed_from_its_first_use() {
        let (counters, start) = (Counters::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(counters.hit("a", 2, MINUTE, at(0)), Hit::Within);
        assert_eq!(counters.hit("a", 2, MINUTE, at(50)), Hit::Within);
        assert_eq!(counters.hit("a", 2, MINUTE, at(50)), Hit::Over { retry_after: 10 });
        assert_eq!(counters.hit("a", 2, MINUTE, at(59)), Hit::Over { retry_after: 1 });
        assert_eq!(counters.hit("a", 2, MINUTE, at(60)), Hit::Within);
        assert_eq!(counters.hit("b", 2, MINUTE, at(60)), Hit::Within);
    }

    #[test]
    fn a_flood_of_keys_is_bounded_and_still_counted() {
        let (counters, now) = (Counters::default(), Instant::now());
        assert_eq!(counters.hit("mine", 1, MINUTE, now), Hit::Within);
        let let_through =
            (0..KEYS + 50_000).filter(|n| counters.hit(&format!("flood {n}"), 1, MINUTE, now) == Hit::Within).count();
        assert!(let_through <= KEYS + usize::try_from(SHARED).unwrap(), "{let_through} went through");
        assert!(counters.0.lock().unwrap().windows.len() <= KEYS + usize::try_from(SHARED).unwrap());
        assert!(matches!(counters.hit("mine", 1, MINUTE, now), Hit::Over { .. }), "the flood pushed nobody out");
        // When the windows are over, there is room again.
        assert_eq!(counters.hit("late", 1, MINUTE, now + MINUTE), Hit::Within);
        assert_eq!(counters.0.lock().unwrap().windows.len(), 1);
    }
}
