//! The till plane: who shows this code, what the basket costs, and the purchase that follows. Implements [`TillApi`].
//!
//! One story a file. Locks are taken in one order everywhere: the session's queue, the idempotency key, the session's row,
//! limits, the customer.

mod answer;
mod basis;
mod basket;
mod batch;
mod cancel;
mod close;
mod closer;
mod codes;
mod counter;
mod event;
mod explain;
mod identify;
mod journal;
mod keys;
mod known;
mod limited;
mod once;
mod quote;
mod reopen;
mod replay;
mod returns;
mod sheets;
mod told;
mod unseen;

use std::ops::ControlFlow::{self, Break, Continue};

use async_trait::async_trait;
use bytes::Bytes;
use contract::till::{
    CloseRequest, Explanation, Identified, ProductPage, ProductView, QuoteMode, ReturnRequest, Returned, Session,
    SessionRequest, TillCaller,
};
use contract::{IdempotencyKey, Kind, Once, Refusal, TillApi};
use domain::{Locale, SessionId};
use store::StoreError;
use store::shop::Settings;

use crate::Shop;
use crate::snapshot::Snapshot;
use sheets::SHEETS;

pub(crate) use batch::Batches;
pub(crate) use counter::Counter;
pub(crate) use keys::KeyRing;
pub use keys::hash_key;
pub use replay::{Difference, MadeFrom, Replayed};

/// The most products of one page.
const MAX_PAGE: u16 = 200;
/// How often a story is told again after it lost a race that left nothing behind (a deadlock, a serialisation failure).
const TRIES: u32 = 4;

#[async_trait]
impl TillApi for Shop {
    async fn authenticate(&self, key: &str) -> Result<TillCaller, Refusal> {
        self.till_of_key(key).await
    }

    async fn identify(
        &self,
        caller: &TillCaller,
        once: &IdempotencyKey,
        code: &str,
    ) -> Result<Once<Identified>, Refusal> {
        let mut tries = 0;
        loop {
            if let Break(told) = self.came_of(&mut tries, self.identify_once(caller, once, code).await) {
                return told;
            }
        }
    }

    async fn put_session(
        &self,
        caller: &TillCaller,
        id: SessionId,
        request: SessionRequest,
        mode: QuoteMode,
    ) -> Result<Session, Refusal> {
        let mut tries = 0;
        loop {
            if let Break(told) = self.came_of(&mut tries, self.quote(caller, id, &request, mode, as_session).await) {
                return told;
            }
        }
    }

    async fn put_session_json(
        &self,
        caller: &TillCaller,
        id: SessionId,
        request: SessionRequest,
        mode: QuoteMode,
    ) -> Result<Bytes, Refusal> {
        let mut tries = 0;
        loop {
            if let Break(told) = self.came_of(&mut tries, self.quote(caller, id, &request, mode, told::json).await) {
                return told.map(|told| SHEETS.sent(told));
            }
        }
    }

    async fn session(&self, caller: &TillCaller, id: SessionId) -> Result<Session, Refusal> {
        let mut tries = 0;
        loop {
            if let Break(told) = self.came_of(&mut tries, self.look_at(caller, id).await) {
                return told;
            }
        }
    }

    async fn explain(&self, caller: &TillCaller, id: SessionId, language: Locale) -> Result<Explanation, Refusal> {
        let mut tries = 0;
        loop {
            if let Break(told) = self.came_of(&mut tries, self.explain_session(caller, id, language).await) {
                return told;
            }
        }
    }

    async fn close(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
        request: CloseRequest,
    ) -> Result<Once<Session>, Refusal> {
        let Once { value: (), body, replayed } = self.close_json(caller, id, once, request).await?;
        let value = stored_session(&body).map_err(|error| self.failed(&error))?;
        Ok(Once { value, body, replayed })
    }

    async fn close_json(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
        request: CloseRequest,
    ) -> Result<Once<()>, Refusal> {
        let mut tries = 0;
        loop {
            if let Break(told) = self.came_of(&mut tries, self.close_once(caller, id, once, &request).await) {
                return told;
            }
        }
    }

    async fn return_lines(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
        request: ReturnRequest,
    ) -> Result<Once<Returned>, Refusal> {
        let mut tries = 0;
        loop {
            if let Break(told) = self.came_of(&mut tries, self.return_once(caller, id, once, &request).await) {
                return told;
            }
        }
    }

    async fn reopen(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
    ) -> Result<Once<Session>, Refusal> {
        let mut tries = 0;
        loop {
            if let Break(told) = self.came_of(&mut tries, self.reopen_once(caller, id, once).await) {
                return told;
            }
        }
    }

    async fn cancel(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
    ) -> Result<Once<Session>, Refusal> {
        let mut tries = 0;
        loop {
            if let Break(told) = self.came_of(&mut tries, self.cancel_once(caller, id, once).await) {
                return told;
            }
        }
    }

    async fn products(
        &self,
        locale: Locale,
        after: Option<&str>,
        search: Option<&str>,
        limit: u16,
    ) -> Result<ProductPage, Refusal> {
        let settings = self.settings().await?;
        let limit = limit.clamp(1, MAX_PAGE);
        let search: String = search.unwrap_or_default().trim().chars().filter(|c| !c.is_control()).take(64).collect();
        let after: String = after.unwrap_or_default().chars().filter(|c| !c.is_control()).take(64).collect();
        // One more than asked for tells whether there is a next page.
        let products = self.store.product_page(locale, &after, &search, limit + 1).await;
        let mut products = products.map_err(|error| self.failed(&error))?;
        let more = products.len() > usize::from(limit);
        products.truncate(usize::from(limit));
        Ok(ProductPage {
            currency: settings.currency,
            next: products.last().filter(|_| more).map(|last| last.product.sku.to_string()),
            products: products
                .into_iter()
                .map(|listed| ProductView {
                    sku: listed.product.sku.to_string(),
                    name: listed.product.name,
                    category: listed.product.category.to_string(),
                    category_title: listed.category_title,
                    picture: listed.picture,
                    price: listed.product.price,
                })
                .collect(),
        })
    }
}

/// A quote as the contract has it, with the reasons where somebody wants to know them.
fn as_session(
    id: SessionId,
    open: &counter::OpenSession,
    settled: &promotions::Settlement,
    shop: &Snapshot,
    caller: &TillCaller,
    explain: Option<Locale>,
) -> Result<Session, StoreError> {
    // So every test of a quote is one of its JSON as well.
    debug_assert!(told::json(id, open, settled, shop, caller, None).is_ok());
    let mut session = answer::session(id, open, &settled.decision(), shop, caller);
    session.explanation =
        explain.map(|language| explain::explanation(&open.basis.facts, &open.rules, language, session.currency));
    Ok(session)
}

/// Why a story ends early: a refusal is the caller's to read, a failure is ours to log or to try again.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Refusal),
    Failed(StoreError),
    /// The session went on elsewhere meanwhile: what it is now decides.
    Again,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl Shop {
    /// What holds for the whole chain.
    ///
    /// # Errors
    /// `shop-not-set-up` before the first seed or import.
    pub async fn settings(&self) -> Result<Settings, Refusal> {
        match self.store.settings().await {
            Ok(Some(settings)) => Ok(settings),
            Ok(None) => Err(not_set_up()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn look_at(&self, caller: &TillCaller, id: SessionId) -> Result<Session, Stop> {
        match self.at_counter(id).await? {
            counter::Session::Open(held) if held.open().is_some_and(|open| open.store == caller.store) => {
                self.told(&held, caller).await
            }
            counter::Session::Open(_) => Err(session_not_found().into()),
            counter::Session::New(held) => {
                self.leave_if_unknown(held);
                Err(session_not_found().into())
            }
            counter::Session::Ended(held, stored) => {
                self.leave_if_unknown(held);
                match stored.answer {
                    Some(answer) if stored.store == caller.store => Ok(stored_session(&answer)?),
                    _ => Err(session_not_found().into()),
                }
            }
        }
    }

    /// What a story that is not told again is refused with.
    pub(crate) fn refused(&self, stop: Stop) -> Refusal {
        match stop {
            Stop::Refused(refusal) => refusal,
            Stop::Failed(error) => self.failed(&error),
            Stop::Again => busy(),
        }
    }

    /// What came of a story; to be told again when it lost a race that left nothing behind.
    fn came_of<T>(&self, tries: &mut u32, story: Result<T, Stop>) -> ControlFlow<Result<T, Refusal>> {
        *tries += 1;
        Break(match story {
            Err(Stop::Failed(StoreError::Conflict(_)) | Stop::Again) if *tries < TRIES => return Continue(()),
            Err(Stop::Failed(StoreError::Busy(_) | StoreError::Conflict(_))) => Err(busy()),
            told => told.map_err(|stop| self.refused(stop)),
        })
    }
}

pub(crate) fn not_set_up() -> Refusal {
    Refusal {
        retry_after: Some(60),
        ..Refusal::new(
            Kind::Unavailable,
            "shop-not-set-up",
            "There is no shop here yet: run `kava seed` or `kava import`.",
        )
    }
}

fn busy() -> Refusal {
    Refusal {
        retry_after: Some(1),
        ..Refusal::new(
            Kind::Busy,
            "session-busy",
            "Another call still holds this session. Nothing was changed; try again.",
        )
    }
}

fn session_not_found() -> Refusal {
    Refusal::not_found("session-not-found", "There is no such session in this store.")
}

fn session_not_open(what: &str) -> Refusal {
    Refusal::conflict("session-not-open", format!("This session is {what}: begin a new one."))
}

fn session_not_closed(what: &str) -> Refusal {
    Refusal::conflict("session-not-closed", format!("This session is {what}: only a sale that was closed can do that."))
}

fn stored_session(answer: &str) -> Result<Session, StoreError> {
    serde_json::from_str(answer).map_err(|why| StoreError::corrupt("session", why))
}

#[cfg(test)]
mod tests;
