//! Whose code was scanned. A rotating code counts once: at the till that read it, for the one session it is used in.

use std::time::Duration;

use cache::Hit;
use chrono::{DateTime, TimeDelta, Utc};
use contract::till::{CardView, CustomerSummary, TillCaller};
use contract::{Kind, Refusal};
use domain::{Card, CodeError, CodeKind, CustomerCode, Locale, SessionId};
use store::customers::Customer;
use store::sessions::CodeUse;

use super::Stop;
use crate::Shop;

/// Wrong codes that one till may show in a minute: a scanner's bad day, and no use for guessing 15 digits.
const MAX_WRONG: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);
/// How long the till that identified with a code may open a session with it.
const UNUSED_FOR: TimeDelta = TimeDelta::minutes(30);

/// A code that is somebody's.
pub(super) struct Shown {
    pub customer: Customer,
    pub kind: CodeKind,
    /// Of a rotating code.
    pub step: Option<i64>,
    /// A rotating code that is no longer on the screen; it was theirs.
    pub expired: bool,
}

impl Shop {
    /// Finds whose code this is, for a story that reads nothing else of it.
    pub(super) async fn shown(
        &self,
        caller: &TillCaller,
        text: &str,
        field: &str,
        now: DateTime<Utc>,
    ) -> Result<Shown, Stop> {
        if let Ok(code) = CustomerCode::parse(text)
            && let Some(shown) = self.find_shown(&code, now).await?
        {
            return Ok(shown);
        }
        Err(self.nobody(caller, field).await)
    }

    /// Whose code this is; `None` when it is nobody's.
    pub(super) async fn find_shown(&self, code: &CustomerCode, now: DateTime<Utc>) -> Result<Option<Shown>, Stop> {
        let customer = match code {
            CustomerCode::Static(code) => self.store.customer_by_static_code(code).await?,
            CustomerCode::Rotating(code) => self.store.customer_by_handle(code.handle).await?,
        };
        let Some(mut shown) = customer.and_then(|customer| prove(code, customer, now)) else { return Ok(None) };
        // The code of an account that was merged is as good as that of the one it is now.
        if let Some(now) = shown.customer.merged_into {
            let Some(customer) = self.store.customer(now).await? else { return Ok(None) };
            shown.customer = customer;
        }
        Ok(Some(shown))
    }

    /// The one answer to every code that is nobody's; a till that shows many has to wait. `field` is where the request
    /// has the code.
    pub(super) async fn nobody(&self, caller: &TillCaller, field: &str) -> Stop {
        match self.within(&format!("wrong-code:{}", caller.till), MAX_WRONG).await {
            Ok(()) => not_found(field).into(),
            Err(refusal) => refusal.into(),
        }
    }

    /// Counts one use of `key` in this minute.
    pub(super) async fn within(&self, key: &str, limit: u32) -> Result<(), Refusal> {
        match self.cache.hit(key, limit, MINUTE).await {
            Ok(Hit::Over { retry_after }) => Err(Refusal::too_many(retry_after)),
            Ok(Hit::Within) => Ok(()),
            // A cache that is away stops no till.
            Err(error) => {
                tracing::warn!(%error, "a limit could not be counted");
                Ok(())
            }
        }
    }

    pub(super) async fn summary(&self, customer: &Customer, locale: Locale) -> Result<CustomerSummary, Stop> {
        let segment = self.segment_name(customer.segment_model, customer.segment_index).await?;
        Ok(CustomerSummary {
            id: customer.id,
            display_name: customer.display_name(),
            segment: segment.personal_words(locale),
        })
    }
}

/// Whether the code that led to this customer is theirs: a rotating one must carry their phone's tag.
fn prove(code: &CustomerCode, customer: Customer, now: DateTime<Utc>) -> Option<Shown> {
    let (step, expired) = match code {
        CustomerCode::Static(_) => (None, false),
        CustomerCode::Rotating(code) => match customer.code_secret.verify(code, now) {
            Ok(()) => (Some(code.step), false),
            Err(CodeError::Expired) => (Some(code.step), true),
            Err(CodeError::Unknown) => return None,
        },
    };
    Some(Shown { customer, kind: code.kind(), step, expired })
}

fn not_found(field: &str) -> Refusal {
    Refusal::not_found("customer-not-found", "No customer has this code. Ask them to open the app, and scan again.").at(
        field,
        "customer-not-found",
        "No customer has this code.",
    )
}

pub(super) fn expired() -> Refusal {
    Refusal::new(Kind::Gone, "code-expired", "This code has expired: scan the one that is on the screen now.")
}

pub(super) fn replayed() -> Refusal {
    Refusal::conflict("code-replayed", "This code was used before: scan the one that is on the screen now.")
}

/// Whether a session may be opened with the code, and whether its step is still to be bound to the session.
///
/// The till that read the code may use it in one session, as often as it likes and also after it expired.
pub(super) fn usable(
    shown: &Shown,
    used: Option<CodeUse>,
    caller: &TillCaller,
    session: SessionId,
    now: DateTime<Utc>,
) -> Result<bool, Refusal> {
    if shown.step.is_none() {
        return Ok(false);
    }
    match used {
        None if shown.expired => Err(expired()),
        None => Ok(true),
        // A till of the same store may take the session over.
        Some(CodeUse { session: Some(bound), .. }) if bound == session => Ok(false),
        Some(CodeUse { session: None, till, used_at }) if till == caller.till => {
            if now - used_at > UNUSED_FOR {
                Err(expired())
            } else {
                Ok(true)
            }
        }
        Some(_) => Err(replayed()),
    }
}

pub(super) fn card_view(card: Card, locale: Locale) -> CardView {
    CardView {
        title: card.title(locale),
        reasons: card.reasons.iter().map(|reason| reason.words(locale)).collect(),
        id: card.id,
        scope: card.scope,
        rate_bp: card.rate,
        valid_from: card.valid_from,
        valid_until: card.valid_until,
        active: card.active,
    }
}
