//! The counter: open sessions, in memory, each with a queue of its own. Calls about one session wait for each other and
//! never fail for it; calls about different sessions never meet.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use contract::Refusal;
use domain::{CustomerId, SessionId, SessionState, StoreId, TillId};
use foldhash::quality::RandomState;
use promotions::{Decision, Rules, Settlement};
use store::StoreError;
use store::sessions::{Open, Stored};
use tokio::sync::{Mutex as Queue, OwnedMutexGuard, oneshot};

use super::basis::Basis;
use super::batch::Batches;
use super::{Stop, busy};
use crate::Shop;

/// How long a call waits for those before it.
const PATIENCE: Duration = Duration::from_secs(5);
const SHARDS: usize = 32;
/// The most parts of a settlement that is kept: those of a few lines.
const KEPT: usize = 48;
/// Sessions that are looked for in one statement.
const LOOKED_FOR: usize = 256;
/// What a session takes beside its lines, in lines.
const FRAME: usize = 8;

/// The open sessions of this process.
#[derive(Debug)]
pub(crate) struct Counter {
    shards: Vec<Mutex<Places>>,
    hasher: RandomState,
    /// What the open sessions take, in lines.
    taken: Arc<AtomicUsize>,
    /// How many times room was made: shard by shard.
    turns: AtomicUsize,
    /// Sessions that are looked for in the database.
    sought: Batches<Sought>,
    pub(super) journal: super::journal::Journal,
    pub(super) closer: super::closer::Closer,
    pub(crate) regulars: super::known::Regulars,
    pub(super) unseen: super::unseen::Unseen,
}

type Places = HashMap<SessionId, Arc<Queue<Place>>, RandomState>;
type Found = Result<Option<Stored>, Lost>;
type Sought = (SessionId, oneshot::Sender<Found>);

/// The statement that looked for many failed: each looks for itself, and learns why.
#[derive(Debug)]
struct Lost;

/// What is known of one session.
#[derive(Debug, Default)]
pub(super) enum Place {
    /// Nothing yet.
    #[default]
    Unknown,
    Open(Box<Weighed>),
    /// Not of the counter any more: ask for it again.
    Left,
}

/// An open session that takes room while it is kept.
#[derive(Debug)]
pub(super) struct Weighed {
    open: OpenSession,
    weight: usize,
    taken: Arc<AtomicUsize>,
}

/// An open session: what it was evaluated from, and what came of it.
#[derive(Debug)]
pub(super) struct OpenSession {
    pub store: StoreId,
    pub till: TillId,
    pub version: u32,
    /// The code that was proven for this session, so that it is not proven at every put.
    pub code: Option<String>,
    pub basis: Basis,
    /// Of a usual purchase's size. A larger one is decided again when it is asked for: it takes as much memory as all the rest,
    /// and most baskets of that size still grow.
    pub settled: Option<Box<Settlement>>,
    pub revision: Option<i64>,
    pub rules: Rules,
    pub evaluated_at: DateTime<Utc>,
    /// Prices and rules are pinned until then.
    pub expires_at: DateTime<Utc>,
    /// The first customer it was quoted for, who stays its customer.
    pub customer: Option<CustomerId>,
    /// It may hold something of a limit.
    pub limited: bool,
    /// The journal is to write it.
    pub unwritten: bool,
    /// The version that its row is known to have; 0 before there is one.
    pub kept: u32,
    /// What happened to its row is not known: it is read before the next call.
    pub doubtful: bool,
}

/// A session that nobody else may touch meanwhile.
pub(super) struct Held {
    pub id: SessionId,
    pub place: OwnedMutexGuard<Place>,
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::default(),
            taken: Arc::default(),
            turns: AtomicUsize::new(0),
            sought: Batches::new(1, 1, LOOKED_FOR),
            journal: super::journal::Journal::default(),
            closer: super::closer::Closer::default(),
            regulars: super::known::Regulars::default(),
            unseen: super::unseen::Unseen::default(),
        }
    }
}

impl Counter {
    /// Whether baskets come faster than they are written one by one.
    pub(crate) fn is_busy(&self) -> bool {
        self.journal.is_busy()
    }

    fn shard(&self, id: SessionId) -> &Mutex<Places> {
        &self.shards[(self.hasher.hash_one(id) % SHARDS as u64) as usize]
    }

    pub(super) fn place(&self, id: SessionId) -> Arc<Queue<Place>> {
        self.shard(id).lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default().clone()
    }

    /// The session if it is known here, without waiting for anybody.
    pub(super) fn known(&self, id: SessionId) -> Option<Arc<Queue<Place>>> {
        self.shard(id).lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Waits for the calls before this one.
    async fn hold(&self, id: SessionId) -> Result<Held, Refusal> {
        loop {
            let place = self.place(id);
            let place = match place.clone().try_lock_owned() {
                Ok(place) => place,
                Err(_) => tokio::time::timeout(PATIENCE, place.lock_owned()).await.map_err(|_| busy())?,
            };
            // Whoever was before took it away from the counter: a newer place has its place.
            if !matches!(*place, Place::Left) {
                return Ok(Held { id, place });
            }
        }
    }

    /// Leaves some open sessions to their rows: of one shard, or of a second where the first has none to leave.
    fn make_room(&self) {
        let _ = self.leave_some() || self.leave_some();
    }

    /// Leaves the older half of what is written of the next shard.
    fn leave_some(&self) -> bool {
        let shard = &self.shards[self.turns.fetch_add(1, Ordering::Relaxed) % SHARDS];
        let mut places = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut written: Vec<(DateTime<Utc>, SessionId)> = places
            .iter()
            .filter_map(|(id, place)| match &*place.try_lock().ok()? {
                Place::Open(open) if open.is_written() => Some((open.evaluated_at, *id)),
                _ => None,
            })
            .collect();
        let half = written.len().div_ceil(2);
        if half > 0 {
            written.select_nth_unstable(half - 1);
        }
        let mut left = Vec::with_capacity(half);
        for (_, id) in &written[..half] {
            let Some(mut place) = places.get(id).and_then(|place| place.clone().try_lock_owned().ok()) else {
                continue;
            };
            if matches!(&*place, Place::Open(open) if open.is_written()) {
                left.push(std::mem::replace(&mut *place, Place::Left));
                places.remove(id);
                self.unseen.saw(*id);
            }
        }
        drop(places);
        // Their memory is given back while nobody waits for the shard.
        !left.is_empty()
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    fn remove(&self, mut held: Held) {
        *held.place = Place::Left;
        self.shard(held.id).lock().unwrap_or_else(PoisonError::into_inner).remove(&held.id);
    }

    /// Forgets what expired before `before` and is written.
    pub(crate) fn forget_expired(&self, before: DateTime<Utc>) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, place| {
                let Ok(mut place) = place.try_lock() else { return true };
                let keep = match &*place {
                    Place::Open(open) => open.unwritten || open.expires_at >= before,
                    Place::Unknown | Place::Left => false,
                };
                if !keep {
                    *place = Place::Left;
                    self.unseen.saw(*id);
                }
                keep
            });
        }
    }
}

impl Held {
    pub(super) fn open(&self) -> Option<&OpenSession> {
        match &*self.place {
            Place::Open(open) => Some(open),
            Place::Unknown | Place::Left => None,
        }
    }
}

impl Weighed {
    fn new(open: OpenSession, taken: &Arc<AtomicUsize>) -> Self {
        let weight = FRAME + open.basis.facts.lines.len();
        taken.fetch_add(weight, Ordering::Relaxed);
        Self { open, weight, taken: taken.clone() }
    }
}

impl Drop for Weighed {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.weight, Ordering::Relaxed);
    }
}

impl Deref for Weighed {
    type Target = OpenSession;

    fn deref(&self) -> &OpenSession {
        &self.open
    }
}

impl DerefMut for Weighed {
    fn deref_mut(&mut self) -> &mut OpenSession {
        &mut self.open
    }
}

/// What a call about a session finds.
pub(super) enum Session {
    /// Nobody has used this id.
    New(Held),
    Open(Held),
    /// Closed, cancelled or returned: its row decides.
    Ended(Held, Box<Stored>),
}

impl Shop {
    /// Holds a session for one call, and says what there is of it. Where this process is not the only one, its row is
    /// read every time.
    pub(super) async fn at_counter(&self, id: SessionId) -> Result<Session, Stop> {
        let held = self.counter.hold(id).await?;
        match held.open() {
            Some(open) if self.pace.behind && !open.doubtful => return Ok(Session::Open(held)),
            None if self.is_surely_new(id) => return Ok(Session::New(held)),
            _ => {}
        }
        Box::pin(self.look_up(held)).await
    }

    async fn look_up(&self, mut held: Held) -> Result<Session, Stop> {
        let found = match self.seek(held.id).await {
            Ok(found) => found,
            Err(error) => {
                self.leave_if_unknown(held);
                return Err(error.into());
            }
        };
        if let Place::Open(open) = &mut *held.place {
            open.doubtful = false;
        }
        match found {
            // Not written yet.
            None if self.pace.behind && held.open().is_some() => Ok(Session::Open(held)),
            None => {
                *held.place = Place::Unknown;
                Ok(Session::New(held))
            }
            Some(stored) if stored.state == SessionState::Open => {
                // A newer one here is what the journal has not written yet.
                if held.open().is_none_or(|open| open.version < stored.version) {
                    let open = self.reopened(stored).await?;
                    self.keep_open(&mut held, open);
                }
                Ok(Session::Open(held))
            }
            Some(stored) => {
                // It ended without us, or while its answer was lost: what is remembered of it is over.
                *held.place = Place::Unknown;
                self.counter.unseen.saw(held.id);
                Ok(Session::Ended(held, Box::new(stored)))
            }
        }
    }

    /// Keeps an open session. Where there is no more room, others that were not put for long are left to their rows.
    pub(super) fn keep_open(&self, held: &mut Held, open: OpenSession) {
        *held.place = Place::Open(Box::new(Weighed::new(open, &self.counter.taken)));
        if self.counter.taken() > self.pace.room {
            self.counter.make_room();
        }
    }

    /// Nothing can be written, or too slowly, and twice the room is taken: no session is answered before it is written.
    pub(super) fn is_overfull(&self) -> bool {
        self.counter.taken() > self.pace.room.saturating_mul(2)
    }

    /// Takes the session from the counter: from now on its row decides.
    pub(super) fn leave(&self, held: Held) {
        self.counter.unseen.saw(held.id);
        self.counter.remove(held);
    }

    /// A call that came to nothing leaves nothing behind.
    pub(super) fn leave_if_unknown(&self, held: Held) {
        if held.open().is_none() {
            self.counter.remove(held);
        }
    }

    /// Looks for a session in the database, together with all who look now.
    async fn seek(&self, id: SessionId) -> Result<Option<Stored>, StoreError> {
        let (tell, told) = oneshot::channel();
        if self.counter.sought.join((id, tell)) {
            let shop = self.clone();
            tokio::spawn(async move {
                // Whoever asks in this very moment comes along.
                tokio::task::yield_now().await;
                while let Some(sought) = shop.counter.sought.next() {
                    shop.seek_all(sought).await;
                }
            });
        }
        match told.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(Lost)) | Err(_) => self.store.session(id).await,
        }
    }

    async fn seek_all(&self, sought: Vec<Sought>) {
        let ids: Vec<SessionId> = sought.iter().map(|(id, _)| *id).collect();
        let mut found = match self.store.sessions(&ids).await {
            Ok(found) => Some(found),
            Err(error) => {
                tracing::warn!(%error, "sessions could not be looked for together");
                None
            }
        };
        for (id, tell) in sought {
            // Who gave up waiting is not told.
            let _ = tell.send(found.as_mut().map(|found| found.remove(&id)).ok_or(Lost));
        }
    }

    /// An open session as its row has it: evaluated again from its basis, which gives what it gave.
    pub(super) async fn reopened(&self, stored: Stored) -> Result<OpenSession, Stop> {
        let basis = Basis::read(&stored.basis)?;
        let rules = self.rules_of(stored.revision).await?;
        // What its holds are is in the ledger, whatever became of this process.
        let settled = promotions::settle(&basis.facts, &rules);
        let limited = !settled.uses.is_empty();
        Ok(OpenSession {
            store: stored.store,
            till: stored.till,
            version: stored.version,
            kept: stored.version,
            code: None,
            basis,
            settled: to_keep(settled),
            revision: stored.revision,
            rules,
            evaluated_at: stored.evaluated_at,
            expires_at: stored.expires_at,
            customer: stored.customer,
            limited,
            unwritten: false,
            doubtful: false,
        })
    }
}

/// What is remembered of a settlement.
pub(super) fn to_keep(settled: Settlement) -> Option<Box<Settlement>> {
    (settled.size() <= KEPT).then(|| Box::new(settled))
}

impl OpenSession {
    /// Whether its row is as it is.
    fn is_written(&self) -> bool {
        !self.unwritten && !self.doubtful && self.kept == self.version
    }

    /// The decision, which is the same whenever it is made (law 6).
    pub(super) fn decide(&self) -> Decision {
        self.settle().decision()
    }

    /// The same in numbers.
    pub(super) fn settle(&self) -> Settlement {
        let anew = || promotions::settle(&self.basis.facts, &self.rules);
        match &self.settled {
            Some(settled) => {
                debug_assert_eq!(**settled, anew(), "what was kept is what would be decided");
                Settlement::clone(settled)
            }
            None => anew(),
        }
    }

    /// As the store keeps it.
    pub(super) fn row(&self, id: SessionId) -> Result<Open, StoreError> {
        Ok(Open {
            id,
            store: self.store,
            till: self.till,
            version: self.version,
            customer: self.customer,
            revision: self.revision,
            basis: serde_json::to_string(&self.basis).map_err(|why| StoreError::corrupt("basis", why))?,
            evaluated_at: self.evaluated_at,
            expires_at: self.expires_at,
        })
    }
}
