//! When a delivery is tried again: after 1, 2, 4, … seconds, until a day after it was made. Then a person decides.

use chrono::{DateTime, TimeDelta, Utc};

/// How long a delivery is tried.
pub const FOR: TimeDelta = TimeDelta::hours(24);

/// When to try again after the `tries`-th try has failed now; `None` when it is given up. The last try is at the very end
/// of the day, so that a till that was away for almost all of it still gets what it missed.
#[must_use]
pub fn next_try(created_at: DateTime<Utc>, tries: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let end = created_at + FOR;
    if now >= end {
        return None;
    }
    let seconds = 1_i64.checked_shl(tries.saturating_sub(1).min(20)).unwrap_or(i64::MAX);
    Some((now + TimeDelta::seconds(seconds)).min(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_the_day_ends_with_a_last_try() {
        let made = DateTime::UNIX_EPOCH;
        let (mut now, mut tries, mut pauses) = (made, 0, Vec::new());
        loop {
            tries += 1;
            let Some(next) = next_try(made, tries, now) else { break };
            pauses.push((next - now).num_seconds());
            now = next;
        }
        assert_eq!(pauses[..5], [1, 2, 4, 8, 16]);
        assert_eq!(pauses.len(), 17);
        assert_eq!(now, made + FOR);
        assert!(pauses[..16].windows(2).all(|pair| pair[1] == 2 * pair[0]));
    }

    #[test]
    fn a_worker_that_was_away_for_long_tries_once_more_and_no_count_overflows() {
        let made = DateTime::UNIX_EPOCH;
        assert_eq!(next_try(made, u32::MAX, made + TimeDelta::hours(23)), Some(made + FOR));
        assert_eq!(next_try(made, 1, made + FOR), None);
        assert_eq!(next_try(made, 0, made), Some(made + TimeDelta::seconds(1)));
    }
}
