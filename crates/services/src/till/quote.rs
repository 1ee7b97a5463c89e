//! `PUT session`: the hot path. One read, the cards (from the cache), the pure evaluation, and one write.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use contract::Refusal;
use contract::till::{
    Allocation, CouponRejection, Degraded, Effect, QuoteMode, Session, SessionLine, SessionRequest, Source, TillCaller,
};
use domain::{Card, CardId, CodeKind, Currency, CustomerCode, SessionId, SessionState};
use promotions::{ChosenCard, Coupon, Decision, Facts, Rules, Standing, Tz};
use store::sessions::{self, Ground, Quote};

use super::basket::{self, Found};
use super::codes::{self, Shown};
use super::purchase::Basis;
use super::{Stop, busy, corrupt, not_set_up, session_not_found, session_not_open};
use crate::Shop;

/// How long a quote holds: its prices are pinned until then.
const HOLDS_FOR: TimeDelta = TimeDelta::minutes(30);
/// Law 9: cards that take longer are left out, and the answer says so.
const CARDS_WITHIN: Duration = Duration::from_secs(2);
/// Where the request has the customer's code.
const FIELD: &str = "/customer_code";
/// How often a quote is made anew because the session changed while it was made.
const TRIES: u32 = 4;

impl Shop {
    pub(super) async fn quote(
        &self,
        caller: &TillCaller,
        id: SessionId,
        request: &SessionRequest,
        mode: QuoteMode,
    ) -> Result<Session, Stop> {
        for _ in 0..TRIES {
            if let Some(session) = self.quote_now(caller, id, request, mode).await? {
                return Ok(session);
            }
        }
        Err(busy().into())
    }

    /// `None` when the session changed between reading and writing: what it is now decides the next time.
    async fn quote_now(
        &self,
        caller: &TillCaller,
        id: SessionId,
        request: &SessionRequest,
        mode: QuoteMode,
    ) -> Result<Option<Session>, Stop> {
        let basket = basket::check(request)?;
        let now = self.clock.now();
        let code = request.customer_code.as_deref().map(CustomerCode::parse).transpose();
        let Ok(code) = code else { return Err(self.nobody(caller, FIELD).await) };
        let mut ground = self.store.ground(id, &basket.skus(), code.as_ref()).await?.ok_or_else(not_set_up)?;
        let shown = match code {
            Some(code) => match ground.customer.take().and_then(|customer| codes::prove(&code, customer, now)) {
                Some(shown) => Some(shown),
                None => return Err(self.nobody(caller, FIELD).await),
            },
            None => None,
        };
        let step = shown.as_ref().and_then(|shown| Some((shown.customer.id, shown.step?)));
        check_standing(&ground, caller, shown.as_ref())?;
        let binds = match &shown {
            Some(shown) => codes::usable(shown, ground.code_use, caller, id, now)?,
            None => false,
        };
        check_currency(request.currency, ground.currency)?;
        let coupons = basket.coupons.clone();
        let found = basket.find(ground.products, caller.sets_prices, ground.floor)?;

        let (cards, degraded) =
            self.cards_in_time(shown.as_ref(), request.card_id, ground.redeem_with_static_code).await?;
        // Read only now: cards that this very quote had issued are valid from a moment ago.
        let at = match mode {
            QuoteMode::Dry { at: Some(at) } => at,
            QuoteMode::Dry { at: None } | QuoteMode::Stored => self.clock.now(),
        };
        let card = choose(cards, request.card_id, degraded.is_some(), at)?;
        let (names, lines): (Vec<String>, Vec<_>) = found.into_iter().map(|Found { name, line }| (name, line)).unzip();
        let rules = Rules::default();
        let facts = Facts {
            at,
            store: caller.store,
            zone: Tz::UTC,
            lines,
            customer: None,
            card,
            coupons: unknown(coupons),
            rooms: Vec::new(),
            holdout: false,
            floor: ground.floor,
        };
        let decision = promotions::evaluate(&facts, &rules);

        let customer = match &shown {
            Some(shown) => Some(self.summary(&shown.customer, caller.locale).await?),
            None => None,
        };
        let mut session = Session {
            session_id: id,
            state: SessionState::Open,
            version: ground.session.map_or(1, |standing| standing.version.saturating_add(1)),
            currency: ground.currency,
            evaluated_at: at,
            expires_at: at.checked_add_signed(HOLDS_FOR).unwrap_or(at),
            customer,
            lines: session_lines(&facts, names, &decision),
            subtotal: decision.subtotal,
            discount: decision.discount,
            total: decision.total,
            effects: effects(&decision),
            degraded,
            receipt_number: None,
            closed_at: None,
            segment_changed: None,
            savings: None,
        };
        if mode != QuoteMode::Stored {
            return Ok(Some(session));
        }
        let customer = shown.as_ref().map(|shown| shown.customer.id);
        let basis = Basis {
            customer,
            code_kind: shown.as_ref().map(|shown| shown.kind),
            facts,
            params: rules.params().clone(),
            at,
        };
        // The code itself is a credential and is not kept.
        let kept = SessionRequest { customer_code: None, ..request.clone() };
        let version = sessions::put(
            &self.store,
            &Quote {
                id,
                store: caller.store,
                till: caller.till,
                customer,
                request: &serde_json::to_value(&kept).map_err(|why| corrupt("request", &why))?,
                facts: &serde_json::to_value(&basis).map_err(|why| corrupt("facts", &why))?,
                answer: &serde_json::to_value(&session).map_err(|why| corrupt("session", &why))?,
                evaluated_at: at,
                expires_at: session.expires_at,
                code: step.filter(|_| binds),
            },
        )
        .await?;
        Ok(version.map(|version| {
            session.version = version;
            session
        }))
    }

    /// The customer's cards. Where they cannot be had in time the basket is quoted at the shelf price and says so: a till
    /// never waits, and never fails to sell.
    async fn cards_in_time(
        &self,
        shown: Option<&Shown>,
        named: Option<CardId>,
        redeem_with_static_code: bool,
    ) -> Result<(Vec<Card>, Option<Degraded>), Stop> {
        let Some(shown) = shown else {
            return match named {
                Some(_) => Err(card_not_found("A card is its customer's: send their code with it.").into()),
                None => Ok((Vec::new(), None)),
            };
        };
        if shown.kind == CodeKind::Static && !redeem_with_static_code {
            return match named {
                Some(_) => Err(card_not_found("To use a card, scan the code on the phone's screen.").into()),
                None => Ok((Vec::new(), None)),
            };
        }
        match tokio::time::timeout(CARDS_WITHIN, self.cards_of(&shown.customer)).await {
            Ok(Ok(cards)) => Ok((cards, None)),
            Ok(Err(refusal)) => {
                tracing::warn!(%refusal, "a basket was quoted without its customer's cards");
                Ok((Vec::new(), Some(Degraded { why: "cards-away".to_owned() })))
            }
            Err(_) => {
                tracing::warn!("a basket was quoted without its customer's cards: they took too long");
                Ok((Vec::new(), Some(Degraded { why: "cards-late".to_owned() })))
            }
        }
    }
}

/// The card that counts: the named one, else the active one. Without the cards (`degraded`) there is none.
fn choose(
    cards: Vec<Card>,
    named: Option<CardId>,
    degraded: bool,
    at: DateTime<Utc>,
) -> Result<Option<ChosenCard>, Refusal> {
    let mut valid = cards.into_iter().filter(|card| card.is_valid_at(at));
    let card = match named {
        Some(id) if !degraded => Some(valid.find(|card| card.id == id).ok_or_else(|| {
            card_not_found("This customer has no such card, or it is no longer valid: see their cards.")
        })?),
        _ => valid.find(|card| card.active),
    };
    Ok(card.map(|Card { id, scope, rate, .. }| ChosenCard { id, scope, rate }))
}

fn check_standing(ground: &Ground, caller: &TillCaller, shown: Option<&Shown>) -> Result<(), Refusal> {
    let Some(standing) = ground.session else { return Ok(()) };
    if standing.store != caller.store {
        return Err(session_not_found());
    }
    match standing.state {
        SessionState::Open => {}
        SessionState::Cancelled => return Err(session_not_open("cancelled")),
        SessionState::Closed | SessionState::PartiallyReturned => return Err(session_not_open("closed")),
    }
    match (standing.customer, shown) {
        (Some(first), Some(shown)) if shown.customer.id != first => {
            Err(Refusal::conflict("customer-mismatch", "This session was begun for another customer: begin a new one.")
                .at(FIELD, "customer-mismatch", "Another customer's code."))
        }
        _ => Ok(()),
    }
}

fn check_currency(asked: Currency, ours: Currency) -> Result<(), Refusal> {
    if asked == ours {
        return Ok(());
    }
    let detail = format!("This shop sells in {ours}.");
    Err(Refusal::unacceptable("currency-mismatch", detail.clone()).at("/currency", "currency-mismatch", detail))
}

fn card_not_found(detail: &str) -> Refusal {
    Refusal::unacceptable("card-not-found", detail).at("/card_id", "card-not-found", detail)
}

fn session_lines(facts: &Facts, names: Vec<String>, decision: &Decision) -> Vec<SessionLine> {
    let decided = facts.lines.iter().zip(&decision.lines).zip(names).enumerate();
    decided
        .map(|(place, ((line, decided), name))| SessionLine {
            position: u16::try_from(place).unwrap_or(u16::MAX),
            sku: line.sku.to_string(),
            name,
            quantity: line.quantity,
            unit_price: line.unit_price,
            subtotal: decided.subtotal,
            discount: decided.discount,
            total: decided.total,
            allocations: decided
                .allocations
                .iter()
                .filter_map(|part| {
                    let id = card_of(&part.source)?.to_string();
                    Some(Allocation { source: Source::Card, id, amount: part.amount })
                })
                .collect(),
        })
        .collect()
}

/// Codes are not kept in books yet: none is known.
fn unknown(coupons: Vec<String>) -> Vec<Coupon> {
    coupons.into_iter().map(|code| Coupon { code, standing: Standing::Unknown }).collect()
}

fn card_of(source: &promotions::Source) -> Option<CardId> {
    match source {
        promotions::Source::Card(id) => Some(*id),
        promotions::Source::Campaign(_) | promotions::Source::Coupon { .. } => None,
    }
}

fn effects(decision: &Decision) -> Vec<Effect> {
    let told = decision.effects.iter().filter_map(|effect| match effect {
        promotions::Effect::Discount { position, source, desired, granted } => Some(Effect::SetDiscountPerItem {
            position: *position,
            source: Source::Card,
            id: card_of(source)?.to_string(),
            desired: *desired,
            granted: *granted,
        }),
        promotions::Effect::MarginClipped { position, desired, granted } => {
            Some(Effect::MarginClipped { position: *position, desired: *desired, granted: *granted })
        }
        promotions::Effect::RejectCoupon { code, .. } => {
            Some(Effect::RejectCoupon { code: code.clone(), reason: CouponRejection::CouponNotFound })
        }
        _ => None,
    });
    told.collect()
}
