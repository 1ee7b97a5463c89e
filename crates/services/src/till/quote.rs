//! `PUT session`: the hot path. Customer, catalogue and rules come from memory, the evaluation is pure, and the session is
//! written behind the answer.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use contract::Refusal;
use contract::till::{QuoteMode, SessionRequest, TillCaller};
use domain::{Card, CardId, CardReason, CodeKind, Currency, CustomerCode, CustomerId, Locale, SessionId, SessionState};
use promotions::{ChosenCard, Facts, Settlement};
use store::{StoreError, sessions};

use super::basis::Basis;
use super::basket;
use super::codes::{self, Shown};
use super::counter::{Held, OpenSession, Session as Found, to_keep};
use super::limited::is_limited;
use super::{Stop, session_not_found, session_not_open};
use crate::guests::Guest;
use crate::snapshot::Snapshot;
use crate::{Shop, policy};

/// How long a quote holds: its prices and rules are pinned until then.
pub(super) const HOLDS_FOR: TimeDelta = TimeDelta::minutes(30);
/// A basket that is put with less than this left is quoted anew, so that there is time to pay.
const TIME_TO_PAY: TimeDelta = TimeDelta::minutes(10);
/// Law 9: cards that take longer are left out, and the answer says so.
const CARDS_WITHIN: Duration = Duration::from_secs(2);
/// Where the request has the customer's code.
const FIELD: &str = "/customer_code";

/// How a quote is told: as a session, or as its JSON; with the reasons, in the language that somebody wants them in.
pub(super) type Tell<T> =
    fn(SessionId, &OpenSession, &Settlement, &Snapshot, &TillCaller, Option<Locale>) -> Result<T, StoreError>;

impl Shop {
    pub(super) async fn quote<T>(
        &self,
        caller: &TillCaller,
        id: SessionId,
        request: &SessionRequest,
        mode: QuoteMode,
        tell: Tell<T>,
    ) -> Result<T, Stop> {
        let basket = basket::check(request)?;
        let shop = self.snapshot().await?;
        check_currency(request.currency, shop.settings.currency)?;
        let mut held = match self.at_counter(id).await? {
            Found::New(held) | Found::Open(held) => held,
            Found::Ended(held, stored) => {
                self.leave_if_unknown(held);
                return Err(match stored.state {
                    _ if stored.store != caller.store => session_not_found(),
                    SessionState::Cancelled => session_not_open("cancelled"),
                    SessionState::Open | SessionState::Closed | SessionState::PartiallyReturned => {
                        session_not_open("closed")
                    }
                }
                .into());
            }
        };
        let quoted = self.quote_held(caller, &mut held, request, basket, mode, &shop, tell).await;
        self.leave_if_unknown(held);
        quoted
    }

    // What most quotes do not come to is boxed: a quote is kept and moved in memory for the longest of its ways.
    #[expect(clippy::too_many_arguments, reason = "one call, taken apart")]
    async fn quote_held<T>(
        &self,
        caller: &TillCaller,
        held: &mut Held,
        request: &SessionRequest,
        basket: basket::Basket<'_>,
        mode: QuoteMode,
        shop: &Arc<Snapshot>,
        tell: Tell<T>,
    ) -> Result<T, Stop> {
        let id = held.id;
        let standing = held.open();
        if standing.is_some_and(|open| open.store != caller.store) {
            return Err(session_not_found().into());
        }
        let buyer = match self.buyer_known(request, standing) {
            Some(buyer) => Some(buyer),
            None => Box::pin(self.buyer(caller, id, request, standing)).await?,
        };
        let who = buyer.as_ref().map(|buyer| buyer.guest.customer.id);
        let customer = match (standing.and_then(|open| open.customer), who) {
            (Some(first), Some(now)) if first != now => Some(Box::pin(self.still_the_same(first, now)).await?),
            (first, now) => now.or(first),
        };
        // Read only now: cards that this very quote had issued are valid from a moment ago.
        let now = self.clock.now();
        let at = match mode {
            QuoteMode::Dry { at: Some(at) } => at,
            QuoteMode::Dry { at: None } | QuoteMode::Stored => now,
        };
        let pinned = standing.filter(|open| now + TIME_TO_PAY < open.expires_at);
        let coupons = match basket.coupons {
            [] => Vec::new(),
            shown => Box::pin(self.coupons_shown(caller.till, who, shown)).await?,
        };
        let before = pinned.map(|open| &open.basis.facts);
        let (shop, lines) = match basket.find(shop, caller.sets_prices, before) {
            Ok(lines) => (shop.clone(), lines),
            // It may have come into the catalogue a moment ago: a till that reads its label must not wait for us.
            Err(_) => {
                let newer = Box::pin(self.snapshot_anew()).await?;
                let lines = basket.find(&newer, caller.sets_prices, before)?;
                (newer, lines)
            }
        };
        let shop = &shop;
        let (revision, rules) = match pinned {
            Some(open) => (open.revision, open.rules.clone()),
            None => (shop.revision, shop.rules.clone()),
        };
        let mut basis = Basis::of(Facts {
            at,
            store: caller.store,
            zone: shop.zone_of(caller.store),
            lines,
            customer: None,
            card: None,
            coupons,
            rooms: Vec::new(),
            holdout: who.is_some_and(|who| policy::is_held_out(&shop.settings.discounts, who)),
            floor: shop.settings.floor,
        });
        if let Some(buyer) = &buyer {
            let customer = &buyer.guest.customer;
            basis.display_name = customer.display_name();
            basis.code_kind = Some(buyer.kind);
            basis.degraded = buyer.degraded.map(str::to_owned).or_else(|| stands_in(&buyer.guest.cards));
            basis.facts.customer = Some(promotions::Customer {
                id: customer.id,
                segment: buyer.guest.segment.clone(),
                visits: customer.visits,
                registered_at: customer.created_at,
                birthday: customer.birthday,
                last_purchase_at: customer.last_purchase_at,
            });
        }
        basis.facts.card = choose(buyer.as_ref(), request.card_id, shop.settings.redeem_with_static_code, at)?;
        let limited = is_limited(&basis.facts, &rules, standing);
        let settled = if limited {
            Box::pin(self.evaluate_within_limits(id, &mut basis.facts, &rules, now)).await?
        } else {
            promotions::settle(&basis.facts, &rules)
        };
        let mut open = OpenSession {
            store: caller.store,
            till: caller.till,
            version: standing.map_or(1, |open| open.version.saturating_add(1)),
            code: request.customer_code.clone().or_else(|| standing.and_then(|open| open.code.clone())),
            basis,
            settled: None,
            revision,
            rules,
            evaluated_at: at,
            expires_at: pinned.map_or_else(|| at.checked_add_signed(HOLDS_FOR).unwrap_or(at), |open| open.expires_at),
            customer,
            limited,
            unwritten: standing.is_some_and(|open| open.unwritten),
            kept: standing.map_or(0, |open| open.kept),
            doubtful: false,
        };
        if mode != QuoteMode::Stored {
            return Ok(tell(id, &open, &settled, shop, caller, request.explain)?);
        }
        // A rotating code is bound to its session before anything rests on it.
        if let Some((customer, step)) = buyer.and_then(|buyer| buyer.binds)
            && !Box::pin(sessions::bind_code(&self.store, customer, step, caller.till, id, now)).await?
        {
            return Err(codes::replayed().into());
        }
        if limited {
            let (mut open, settled) = Box::pin(self.keep_limited(caller, id, open, settled)).await?;
            let told = tell(id, &open, &settled, shop, caller, request.explain)?;
            open.settled = to_keep(settled);
            self.keep_open(held, open);
            return Ok(told);
        }
        let told = tell(id, &open, &settled, shop, caller, request.explain)?;
        open.settled = to_keep(settled);
        self.keep_unlimited(held, open).await?;
        Ok(told)
    }

    /// Keeps a session that holds nothing: in memory, and in its row before or behind the answer.
    async fn keep_unlimited(&self, held: &mut Held, mut open: OpenSession) -> Result<(), Stop> {
        let behind = self.pace.behind && !self.is_overfull();
        if behind && (open.unwritten || self.counter.journal.is_busy()) {
            let is_in_turn = std::mem::replace(&mut open.unwritten, true);
            self.keep_open(held, open);
            if !is_in_turn {
                self.write_behind(held.id);
            }
            return Ok(());
        }
        Box::pin(self.write_now(open.row(held.id)?)).await?;
        open.kept = open.version;
        open.unwritten = false;
        self.keep_open(held, open);
        Ok(())
    }

    /// Who buys, where memory knows them and their code proves enough.
    fn buyer_known(&self, request: &SessionRequest, standing: Option<&OpenSession>) -> Option<Buyer> {
        let text = request.customer_code.as_deref()?;
        let code = CustomerCode::parse(text).ok()?;
        let guest = self.guest(&code)?;
        let kind = code.kind();
        let enough = kind == CodeKind::Static || is_proven(text, standing);
        enough.then_some(Buyer { guest, kind, binds: None, degraded: None })
    }

    /// Who buys, by the code that came with the basket.
    async fn buyer(
        &self,
        caller: &TillCaller,
        id: SessionId,
        request: &SessionRequest,
        standing: Option<&OpenSession>,
    ) -> Result<Option<Buyer>, Stop> {
        let Some(text) = request.customer_code.as_deref() else { return Ok(None) };
        let Ok(code) = CustomerCode::parse(text) else { return Err(self.nobody(caller, FIELD).await) };
        let now = self.clock.now();
        let (proven, kind) = (is_proven(text, standing), code.kind());
        let Some(shown) = self.find_shown(&code, now).await? else { return Err(self.nobody(caller, FIELD).await) };
        let mut binds = None;
        if let (Some(step), false) = (shown.step, proven) {
            let used = sessions::code_use(&self.store, shown.customer.id, step).await?;
            binds = codes::usable(&shown, used, caller, id, now)?.then_some((shown.customer.id, step));
        }
        let (guest, degraded) = self.greet(shown).await?;
        Ok(Some(Buyer { guest, kind, binds, degraded }))
    }

    /// The first customer of a session stays its customer; whoever they were merged into is the same one.
    async fn still_the_same(&self, first: CustomerId, now: CustomerId) -> Result<CustomerId, Stop> {
        if self.store.present_customer(first).await? == Some(now) {
            return Ok(now);
        }
        let detail = "This session was begun for another customer: begin a new one.";
        let refusal = Refusal::conflict("customer-mismatch", detail);
        Err(refusal.at(FIELD, "customer-mismatch", "Another customer's code.").into())
    }

    /// The customer with their cards. Where the cards cannot be had in time the basket is quoted without, and says so: a
    /// till never waits, and never fails to sell.
    async fn greet(&self, shown: Shown) -> Result<(Arc<Guest>, Option<&'static str>), Stop> {
        let customer = shown.customer;
        self.counter.regulars.meet(&customer);
        let segment = self.segment_name(customer.segment_model, customer.segment_index).await?;
        let read_at = self.clock.now();
        let (cards, degraded) = match tokio::time::timeout(CARDS_WITHIN, self.cards_of(&customer)).await {
            Ok(Ok(cards)) => (cards, None),
            Ok(Err(refusal)) => {
                tracing::warn!(%refusal, "a basket was quoted without its customer's cards");
                (Vec::new(), Some("cards-away"))
            }
            Err(_) => {
                tracing::warn!("a basket was quoted without its customer's cards: they took too long");
                (Vec::new(), Some("cards-late"))
            }
        };
        let guest = Arc::new(Guest { customer, segment, cards });
        if degraded.is_none() {
            self.guests.put(&guest, read_at);
        }
        Ok((guest, degraded))
    }
}

/// A code that was proven for this session before stays good for it, whatever its age.
fn is_proven(code: &str, standing: Option<&OpenSession>) -> bool {
    standing.is_some_and(|open| open.code.as_deref() == Some(code))
}

/// Who buys, and on what proof.
struct Buyer {
    guest: Arc<Guest>,
    kind: CodeKind,
    /// The step of a rotating code that is to be bound to the session.
    binds: Option<(CustomerId, i64)>,
    /// Why there are no cards.
    degraded: Option<&'static str>,
}

/// Why these cards are the segment's, where a model should have decided them (law 9).
fn stands_in(cards: &[Card]) -> Option<String> {
    cards.iter().flat_map(|card| &card.reasons).find_map(|reason| match reason {
        CardReason::StandIn { why } => Some(why.clone()),
        _ => None,
    })
}

/// The card that counts: the named one, else the active one. Without the cards (`degraded`) there is none.
fn choose(
    buyer: Option<&Buyer>,
    named: Option<CardId>,
    redeem_with_static_code: bool,
    at: DateTime<Utc>,
) -> Result<Option<ChosenCard>, Refusal> {
    let Some(buyer) = buyer else {
        return match named {
            Some(_) => Err(card_not_found("A card is its customer's: send their code with it.")),
            None => Ok(None),
        };
    };
    if buyer.kind == CodeKind::Static && !redeem_with_static_code {
        return match named {
            Some(_) => Err(card_not_found("To use a card, scan the code on the phone's screen.")),
            None => Ok(None),
        };
    }
    let mut valid = buyer.guest.cards.iter().filter(|card| card.is_valid_at(at));
    let card = match named {
        Some(id) if buyer.degraded.is_none() => Some(valid.find(|card| card.id == id).ok_or_else(|| {
            card_not_found("This customer has no such card, or it is no longer valid: see their cards.")
        })?),
        _ => valid.find(|card| card.active),
    };
    Ok(card.map(|Card { id, scope, rate, .. }| ChosenCard { id: *id, scope: scope.clone(), rate: *rate }))
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
