//! The journal: open sessions are written many in one statement, those that have no row yet as a batch of their own.
//!
//! A quiet shop writes a session before its answer. A busy one answers first and writes a moment later, and only what the
//! session is then: a basket that grows by ten scans in that moment is written once. What a killed process loses is that
//! moment of baskets that nobody paid: the till is told `session-not-found` and puts them again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::SessionId;
use store::StoreError;
use store::sessions::{self, Open};
use tokio::sync::oneshot;

use super::Stop;
use super::batch::Batches;
use super::counter::Place;
use crate::Shop;

/// Sessions of one statement: more do not make one cheaper, and fill memory that is cold.
const MOST: usize = 256;
/// So many new ones are worth a transaction of their own.
const WORTH: usize = 16;
/// When this many were written at once the shop is busy.
const BUSY: usize = 24;
/// What a busy shop gives its baskets to grow before they are written.
const MOMENT: Duration = Duration::from_millis(100);
/// When all that is to be written is in somebody's hands.
const BLINK: Duration = Duration::from_millis(1);
/// How long a database that is away is left alone.
const AWAY: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Journal {
    entries: Batches<Entry>,
    busy: AtomicBool,
}

#[derive(Debug)]
enum Entry {
    /// Somebody waits for it to be written.
    Now(Open, oneshot::Sender<Written>),
    /// Written as it is when its turn comes.
    Later(SessionId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Kept,
    /// The session went on elsewhere.
    Overtaken,
    /// The statement failed: each tries by itself, and learns why.
    Failed,
}

impl Default for Journal {
    fn default() -> Self {
        Self { entries: Batches::new(1, 1, MOST), busy: AtomicBool::new(false) }
    }
}

impl Journal {
    /// Whether sessions are answered before they are written.
    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn be_busy(&self) {
        self.busy.store(true, Ordering::Relaxed);
    }
}

impl Shop {
    /// Comes back when every open session is written: before the process ends.
    pub async fn settle(&self) {
        while !self.counter.journal.entries.is_idle() {
            tokio::time::sleep(BLINK).await;
        }
    }

    /// Writes the session, together with all that are written now.
    ///
    /// # Errors
    /// [`Stop::Again`] when it went on elsewhere.
    pub(super) async fn write_now(&self, row: Open) -> Result<(), Stop> {
        let id = row.id;
        let (tell, told) = oneshot::channel();
        self.enter(Entry::Now(row.clone(), tell));
        let kept = match told.await.unwrap_or(Written::Failed) {
            Written::Kept => true,
            Written::Overtaken => false,
            Written::Failed => sessions::keep_alone(&self.store, &row).await?,
        };
        if kept {
            return Ok(());
        }
        self.counter.unseen.saw(id);
        Err(Stop::Again)
    }

    /// Has the session written soon. Call it once for each time that it becomes `unwritten`.
    pub(super) fn write_behind(&self, id: SessionId) {
        self.enter(Entry::Later(id));
    }

    fn enter(&self, entry: Entry) {
        if self.counter.journal.entries.join(entry) {
            let shop = self.clone();
            tokio::spawn(async move {
                while let Some(entries) = shop.counter.journal.entries.next() {
                    shop.write_all(entries).await;
                }
                shop.counter.journal.busy.store(false, Ordering::Relaxed);
            });
        }
    }

    async fn write_all(&self, entries: Vec<Entry>) {
        let all = entries.len() >= MOST;
        let (mut batch, mut fresh, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Entry::Now(row, tell) => {
                    waiting.push((row.id, tell));
                    batch.push(row);
                }
                Entry::Later(id) => match self.as_it_is_now(id) {
                    Some((row, true)) => fresh.push(row),
                    Some((row, false)) => batch.push(row),
                    None => {}
                },
            }
        }
        if batch.is_empty() && fresh.is_empty() {
            tokio::time::sleep(BLINK).await;
            return;
        }
        let busy = batch.len() + fresh.len() >= BUSY;
        self.counter.journal.busy.store(busy, Ordering::Relaxed);
        let entered = match fresh.len() {
            WORTH.. => sessions::enter(&self.store, &fresh).await,
            _ => Ok(false),
        };
        if let Ok(true) = entered {
            fresh.drain(..).for_each(|row| self.mind(&row, true));
        }
        batch.append(&mut fresh);
        let kept = match entered {
            Ok(_) => sessions::keep(&self.store, &batch).await,
            Err(error) => Err(error),
        };
        match kept {
            Ok(kept) => {
                let kept: HashSet<SessionId> = kept.into_iter().collect();
                for (id, tell) in waiting {
                    // Who gave up waiting is not told.
                    let _ = tell.send(if kept.contains(&id) { Written::Kept } else { Written::Overtaken });
                }
                for row in &batch {
                    self.mind(row, kept.contains(&row.id));
                }
                if busy && !all {
                    tokio::time::sleep(MOMENT).await;
                }
            }
            Err(error) => {
                let waited_for: HashSet<SessionId> = waiting.iter().map(|(id, _)| *id).collect();
                for (_, tell) in waiting {
                    let _ = tell.send(Written::Failed);
                }
                self.try_again(batch.into_iter().filter(|row| !waited_for.contains(&row.id)), &error).await;
            }
        }
    }

    /// The row, and whether it is the session's first.
    fn as_it_is_now(&self, id: SessionId) -> Option<(Open, bool)> {
        let place = self.counter.known(id)?;
        let Ok(mut place) = place.try_lock() else {
            // Somebody is at it: what they leave is what is written.
            let _ = self.counter.journal.entries.join(Entry::Later(id));
            return None;
        };
        let Place::Open(open) = &mut *place else { return None };
        if !open.unwritten {
            return None;
        }
        open.unwritten = false;
        let row =
            open.row(id).inspect_err(|error| tracing::error!(session = %id, %error, "a session cannot be written"));
        Some((row.ok()?, open.kept == 0))
    }

    async fn try_again(&self, rows: impl Iterator<Item = Open>, error: &StoreError) {
        tracing::warn!(%error, "open sessions could not be written; they are tried again");
        tokio::time::sleep(AWAY).await;
        for row in rows {
            if let Some(place) = self.counter.known(row.id)
                && let Place::Open(open) = &mut *place.lock().await
                && !open.unwritten
            {
                open.unwritten = true;
                // This very worker takes it up again.
                let _ = self.counter.journal.entries.join(Entry::Later(row.id));
            }
        }
    }

    /// Remembers what became of a row. One that was not taken is another process's, or was closed between our reading and
    /// writing. Whoever holds the session meanwhile goes on without knowing.
    fn mind(&self, row: &Open, kept: bool) {
        let Some(place) = self.counter.known(row.id) else { return };
        let Ok(mut place) = place.try_lock() else { return };
        let Place::Open(open) = &mut *place else { return };
        if kept {
            open.kept = open.kept.max(row.version);
        } else if open.version == row.version {
            tracing::warn!(session = %row.id, version = row.version, "a session went on elsewhere");
            self.counter.unseen.saw(row.id);
            *place = Place::Unknown;
        }
    }
}
