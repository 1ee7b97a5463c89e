//! Sessions that are surely new. The first scan of a basket asks whether its id was ever used; where one process has all
//! open sessions, memory can answer that for nearly every till: ids are UUIDv7, which begin with their time, and nothing
//! outside memory has an id after the latest one.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use domain::SessionId;
use store::StoreError;
use uuid::Uuid;

use crate::Shop;

/// A till's clock may be ahead by this much less [`LEAST`]; ids that come from later are looked for.
const AHEAD: TimeDelta = TimeDelta::minutes(10);
/// With less than this left it is time to look again.
const LEAST: TimeDelta = TimeDelta::minutes(5);

#[derive(Debug, Default)]
pub(super) struct Unseen(Mutex<Bounds>);

/// Of all sessions with an id up to `until`, those that are not in memory have none after `latest`. At first nothing is known.
#[derive(Debug, Default)]
struct Bounds {
    latest: Uuid,
    until: Uuid,
    /// Somebody is looking what there is up to here.
    looking: Option<Uuid>,
}

/// The last id of a moment.
fn last_of(at: DateTime<Utc>) -> Uuid {
    let milliseconds = u128::try_from(at.timestamp_millis().max(0)).unwrap_or(0);
    Uuid::from_u128((milliseconds << 80) | ((1 << 80) - 1))
}

impl Unseen {
    fn bounds(&self) -> std::sync::MutexGuard<'_, Bounds> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a session that memory does not know is nowhere else either.
    fn has(&self, id: SessionId) -> bool {
        let bounds = self.bounds();
        bounds.latest < id.0 && id.0 <= bounds.until
    }

    /// There is a row of this session, and memory no longer has it, or not as it is.
    pub(super) fn saw(&self, id: SessionId) {
        let mut bounds = self.bounds();
        if id.0 <= bounds.until.max(bounds.looking.unwrap_or_default()) {
            bounds.latest = bounds.latest.max(id.0);
        }
    }

    /// Up to which id somebody is to look now.
    fn look(&self, now: DateTime<Utc>) -> Option<Uuid> {
        let mut bounds = self.bounds();
        if bounds.looking.is_some() || last_of(now + LEAST) <= bounds.until {
            return None;
        }
        bounds.looking = Some(last_of(now + AHEAD));
        bounds.looking
    }

    /// What a look has found; whatever was seen meanwhile counts as well.
    fn looked(&self, found: Result<Option<SessionId>, StoreError>) {
        let mut bounds = self.bounds();
        let Some(until) = bounds.looking.take() else { return };
        match found {
            Ok(latest) => {
                bounds.latest = bounds.latest.max(latest.map_or(Uuid::nil(), |id| id.0));
                bounds.until = until;
            }
            Err(error) => tracing::warn!(%error, "could not look for the latest session; each is looked for by itself"),
        }
    }
}

impl Shop {
    /// Whether nobody has used this id, without asking the database. Call it of a session that memory does not know.
    pub(super) fn is_surely_new(&self, id: SessionId) -> bool {
        if !self.pace.behind {
            return false;
        }
        if let Some(until) = self.counter.unseen.look(self.clock.now()) {
            let shop = self.clone();
            tokio::spawn(async move {
                shop.counter.unseen.looked(shop.store.latest_session(SessionId(until)).await);
            });
        }
        self.counter.unseen.has(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: i64) -> SessionId {
        SessionId(Uuid::from_u128(u128::try_from(ms).unwrap() << 80 | 7 << 76))
    }

    #[test]
    fn only_what_nothing_can_have_is_new() {
        let unseen = Unseen::default();
        let now = DateTime::from_timestamp_millis(1_000_000_000).unwrap();
        let at = |ms: i64| id(1_000_000_000 + ms);
        assert!(!unseen.has(at(0)), "nobody has looked yet");
        assert!(unseen.look(now).is_some());
        assert_eq!(unseen.look(now), None, "one looks at a time");
        // It ended while somebody looked, who may not have found it.
        unseen.saw(at(-5));
        unseen.looked(Ok(Some(at(-10))));
        assert_eq!(unseen.look(now), None, "for a while that is enough");
        assert!(!unseen.has(at(-10)) && !unseen.has(at(-5)) && unseen.has(at(-4)) && unseen.has(at(0)));
        assert!(unseen.has(at(AHEAD.num_milliseconds())) && !unseen.has(at(AHEAD.num_milliseconds() + 1)));
        unseen.saw(at(3));
        assert!(!unseen.has(at(3)) && unseen.has(at(4)));
        // One from the future, of which the next look learns.
        unseen.saw(at(3_600_000));
        assert!(unseen.has(at(4)));

        let later = now + AHEAD - LEAST + TimeDelta::milliseconds(1);
        assert!(unseen.look(later).is_some());
        unseen.saw(at(AHEAD.num_milliseconds() + 9));
        unseen.looked(Err(StoreError::corrupt("test", "away")));
        assert!(!unseen.has(at(AHEAD.num_milliseconds() + 10)), "what failed has shown nothing");
        assert!(unseen.look(later).is_some());
        unseen.looked(Ok(None));
        assert!(!unseen.has(at(AHEAD.num_milliseconds() + 9)) && unseen.has(at(AHEAD.num_milliseconds() + 10)));
    }
}
