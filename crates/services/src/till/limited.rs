//! Quotes that draw on something limited: a coupon, a budget. Such a quote reads what is left, decides, and holds what it
//! gave before it answers; so what one till shows to one customer no other till can give away in the same moment.

use chrono::{DateTime, TimeDelta, Utc};
use contract::till::TillCaller;
use domain::SessionId;
use promotions::{Decision, Facts, Room, Rules, Settlement};
use store::limits::{self, Account, Holder, Reserved, Use};
use store::sessions;

use super::Stop;
use super::counter::OpenSession;
use crate::Shop;

/// How long a quote holds coupons and budgets; a put holds them anew.
const HELD_FOR: TimeDelta = TimeDelta::minutes(5);
/// How often a quote is made anew because somebody else took what was left.
const TRIES: u32 = 6;

impl Shop {
    /// Evaluates with what the limited accounts have left for this session.
    pub(super) async fn evaluate_within_limits(
        &self,
        session: SessionId,
        facts: &mut Facts,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Settlement, Stop> {
        let accounts = rules.accounts(facts);
        if !accounts.is_empty() {
            let wanted: Vec<Account<'_>> =
                accounts.iter().map(|account| Account { key: &account.key, limit: account.limit }).collect();
            let rooms = self.store.rooms(session, &wanted, now).await?;
            facts.rooms = accounts
                .into_iter()
                .zip(rooms)
                .map(|(account, room)| Room { key: account.key, left: room.left, elsewhere: room.elsewhere })
                .collect();
        }
        Ok(promotions::settle(facts, rules))
    }

    /// Keeps a session that draws on limits: its row and its holds in one transaction. Evaluates it again where somebody
    /// else was faster.
    pub(super) async fn keep_limited(
        &self,
        caller: &TillCaller,
        id: SessionId,
        mut open: OpenSession,
        mut settled: Settlement,
    ) -> Result<(OpenSession, Settlement), Stop> {
        for _ in 0..TRIES {
            let now = self.clock.now();
            let mut tx = sessions::begin_patient(&self.store).await?;
            if !sessions::keep_within(&mut tx, &open.row(id)?).await? {
                self.counter.unseen.saw(id);
                return Err(Stop::Again);
            }
            let holder = open.basis.customer().map_or(Holder::Till(caller.till), Holder::Customer);
            let reserved = limits::reserve(&mut tx, id, holder, &uses(&settled.uses), now + HELD_FOR, now).await?;
            match reserved {
                Reserved::Held | Reserved::Unheld => {
                    store::commit(tx).await?;
                    open.limited = !settled.uses.is_empty();
                    open.unwritten = false;
                    open.kept = open.version;
                    return Ok((open, settled));
                }
                Reserved::Short(_) => {
                    let _ = tx.rollback().await;
                    settled = self.evaluate_within_limits(id, &mut open.basis.facts, &open.rules, now).await?;
                }
            }
        }
        Err(Stop::Again)
    }

    /// Whether what a quote was given is still to be had at the moment of payment: windows, coupons, and the rules.
    pub(super) async fn still_holds(
        &self,
        open: &OpenSession,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<bool, Stop> {
        let facts = &open.basis.facts;
        let draws_on_campaigns = decision
            .lines
            .iter()
            .flat_map(|line| &line.allocations)
            .any(|part| !matches!(part.source, promotions::Source::Card(_)));
        if !draws_on_campaigns && decision.uses.is_empty() {
            return Ok(true);
        }
        if open.rules.decide_alike_at(facts, now) {
            return Ok(true);
        }
        let codes: Vec<String> = facts.coupons.iter().map(|coupon| coupon.code.clone()).collect();
        let coupons = self.coupons_known(&codes).await?;
        let again = promotions::evaluate(&Facts { at: now, coupons, ..facts.clone() }, &open.rules);
        Ok(again.lines == decision.lines)
    }
}

/// As the ledger takes them.
pub(super) fn uses(uses: &[promotions::Use]) -> Vec<Use<'_>> {
    uses.iter().map(|used| Use { key: &used.key, limit: used.limit, amount: used.amount }).collect()
}

/// Whether evaluating needs the database: something limited may be drawn on, or is held.
pub(super) fn is_limited(facts: &Facts, rules: &Rules, standing: Option<&OpenSession>) -> bool {
    standing.is_some_and(|open| open.limited) || (rules.may_be_limited(facts) && !rules.accounts(facts).is_empty())
}
