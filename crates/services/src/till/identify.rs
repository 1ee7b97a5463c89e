//! Who shows this code, and what they may redeem.

use contract::till::{Identified, Savings, TillCaller};
use contract::{IdempotencyKey, Once};
use store::idempotency::{self, Claimed};
use store::sessions;

use super::once::{body_of, claim, replay, reused};
use super::{Stop, codes};
use crate::Shop;

/// Customers that one till may identify in a minute.
const MAX_IDENTIFIED: u32 = 600;

impl Shop {
    pub(super) async fn identify_once(
        &self,
        caller: &TillCaller,
        once: &IdempotencyKey,
        code: &str,
    ) -> Result<Once<Identified>, Stop> {
        self.within(&format!("identify:{}", caller.till), MAX_IDENTIFIED).await?;
        let claim = claim(caller, once, "identify", &code)?;
        match self.store.answered(&claim).await? {
            Claimed::First => {}
            Claimed::Answered(body) => return replay(body),
            Claimed::Reused => return Err(reused()),
        }
        let now = self.clock.now();
        let shown = self.shown(caller, code, "/code", now).await?;
        if shown.expired {
            return Err(codes::expired().into());
        }
        let settings = self.settings().await?;
        let cards = self.cards_for(&shown.customer, caller.locale).await?;
        let value = Identified {
            customer: self.summary(&shown.customer, caller.locale).await?,
            code_kind: shown.kind,
            cards: cards.into_iter().map(|card| codes::card_view(card, caller.locale)).collect(),
            savings: Savings { amount: shown.customer.savings, currency: settings.currency },
        };
        let body = body_of(&value)?;
        let mut tx = sessions::begin_patient(&self.store).await?;
        match idempotency::claim(&mut tx, &claim, &body, now).await? {
            Claimed::First => {}
            Claimed::Answered(body) => return replay(body),
            Claimed::Reused => return Err(reused()),
        }
        if let Some(step) = shown.step
            && !sessions::use_code(&mut tx, shown.customer.id, step, caller.till, now).await?
        {
            return Err(codes::replayed().into());
        }
        store::commit(tx).await?;
        Ok(Once { value, body, replayed: false })
    }
}
