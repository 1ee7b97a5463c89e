use contract::till::{CardView, CustomerSummary, Savings};
use domain::{CardScope, CodeKind, CustomerId, Rate, SessionState};
use proptest::prelude::*;

use super::*;

/// A counter and the ids that it is given: `1`, `2`, …
struct Till {
    counter: Counter,
    next: u32,
}

impl Till {
    fn new() -> Self {
        Self { counter: Counter::new(Currency::EUR), next: 0 }
    }

    fn take(&mut self, event: Event) -> Vec<Order> {
        let next = &mut self.next;
        self.counter.take(event, &mut || {
            *next += 1;
            next.to_string()
        })
    }

    fn add(&mut self, sku: &str) -> Vec<Order> {
        self.take(Event::Added { sku: sku.to_owned(), name: sku.to_uppercase(), price: Amount(100) })
    }

    /// Answers a quote order as the shop would, with ten per cent off.
    fn answer(&mut self, orders: &[Order]) -> Vec<Order> {
        let Some((seq, session)) = orders.iter().find_map(|order| match order {
            Order::Quote { seq, request, .. } => Some((*seq, session(request))),
            _ => None,
        }) else {
            panic!("a quote is asked for: {orders:?}")
        };
        self.take(Event::Quoted { seq, answer: Ok(session) })
    }

    fn reach_payment(&mut self) {
        let orders = self.add("tea");
        self.answer(&orders);
        self.take(Event::PaymentOpened { receipt: "A-1".to_owned() });
        assert!(matches!(self.counter.stage, Stage::Paying(_)));
    }

    fn pay(&mut self) -> (String, String, String) {
        match &self.take(Event::PaymentSent)[..] {
            [Order::Close { session, key, receipt, .. }] => (session.clone(), key.clone(), receipt.clone()),
            other => panic!("the payment is sent: {other:?}"),
        }
    }
}

fn session(request: &SessionRequest) -> Session {
    let subtotal: Amount = request.lines.iter().map(|line| Amount(100 * line.quantity)).sum();
    let discount = Rate(1_000).of(subtotal);
    Session {
        session_id: domain::SessionId(uuid::Uuid::nil()),
        state: SessionState::Open,
        version: 1,
        currency: request.currency,
        evaluated_at: chrono::DateTime::UNIX_EPOCH,
        expires_at: chrono::DateTime::UNIX_EPOCH,
        customer: None,
        lines: Vec::new(),
        subtotal,
        discount,
        total: subtotal - discount,
        effects: Vec::new(),
        degraded: None,
        receipt_number: None,
        closed_at: None,
        segment_changed: None,
        savings: None,
        explanation: None,
    }
}

fn offline() -> Refusal {
    Refusal::new(Kind::Unavailable, "offline", "No connection.")
}

fn ann() -> Identified {
    let card = |n: u128, active| CardView {
        id: CardId(uuid::Uuid::from_u128(n)),
        title: format!("Card {n}"),
        scope: CardScope::Basket,
        rate_bp: Rate(1_000),
        valid_from: chrono::DateTime::UNIX_EPOCH,
        valid_until: chrono::DateTime::UNIX_EPOCH,
        active,
        reasons: Vec::new(),
    };
    Identified {
        customer: CustomerSummary {
            id: CustomerId(uuid::Uuid::nil()),
            display_name: "Ann".to_owned(),
            segment: "Regulars".to_owned(),
        },
        code_kind: CodeKind::Static,
        cards: vec![card(1, true), card(2, false)],
        savings: Savings { amount: Amount(0), currency: Currency::EUR },
    }
}

#[test]
fn the_last_basket_wins_and_one_quote_is_under_way_at_a_time() {
    let mut till = Till::new();
    let first = till.add("tea");
    assert!(till.add("tea").is_empty(), "the first answer is awaited");
    assert!(till.add("cake").is_empty());
    let newest = till.answer(&first);
    assert!(till.counter.quote.is_none(), "an answer to an older basket is not shown");
    match &newest[..] {
        [Order::Quote { request, .. }] => assert_eq!(request.lines.len(), 2),
        other => panic!("the newest basket is asked for: {other:?}"),
    }
    assert!(!till.counter.may_pay());
    till.answer(&newest);
    assert!(till.counter.is_settled() && till.counter.may_pay());
    // The first answer comes a second time, late.
    assert!(till.answer(&first).is_empty());
    assert_eq!(till.counter.quote.as_ref().map(|quote| quote.subtotal), Some(Amount(300)));
}

#[test]
fn a_fault_never_loses_the_basket() {
    let mut till = Till::new();
    till.add("tea");
    till.take(Event::Quoted { seq: 1, answer: Err(offline()) });
    assert_eq!(till.counter.lines.len(), 1);
    assert!(till.counter.trouble_at(Place::Basket).is_some() && !till.counter.may_pay());
    let again = till.take(Event::QuoteWanted);
    till.answer(&again);
    assert!(till.counter.trouble.is_none() && till.counter.may_pay());
}

#[test]
fn a_lost_answer_to_a_payment_is_repeated_with_the_same_key_and_number() {
    let mut till = Till::new();
    till.reach_payment();
    let sent = till.pay();
    till.take(Event::Closed { key: sent.1.clone(), answer: Err(offline()) });
    assert!(till.counter.is_unsure());
    // Everything that could make a second purchase of it is shut.
    assert!(till.take(Event::ReceiptTyped("A-2".to_owned())).is_empty());
    assert!(till.take(Event::PaymentLeft).is_empty());
    assert!(till.take(Event::QuoteWanted).is_empty());
    assert!(till.add("cake").is_empty());
    assert_eq!(till.pay(), sent);
    // Also over a reload while it is being sent.
    let saved = serde_json::to_string(&till.counter).unwrap();
    till.counter = serde_json::from_str::<Counter>(&saved).unwrap().restored();
    assert!(till.counter.is_unsure());
    assert_eq!(till.pay(), sent);
    let Some(quote) = till.counter.quote.clone() else { panic!("the quote survives") };
    till.take(Event::Closed { key: sent.1, answer: Ok(quote) });
    assert!(matches!(till.counter.stage, Stage::Sold(_)));
}

#[test]
fn an_answer_that_comes_after_the_wait_was_given_up_still_counts() {
    let mut till = Till::new();
    till.reach_payment();
    let (_, key, _) = till.pay();
    till.take(Event::Closed { key: key.clone(), answer: Err(offline()) });
    let quote = till.counter.quote.clone().unwrap();
    till.take(Event::Closed { key, answer: Ok(quote) });
    assert!(matches!(till.counter.stage, Stage::Sold(_)));
}

#[test]
fn another_receipt_number_is_another_attempt() {
    let mut till = Till::new();
    till.reach_payment();
    let first = till.pay();
    let used = Refusal::conflict("receipt-already-used", "Used.");
    till.take(Event::Closed { key: first.1.clone(), answer: Err(used) });
    till.take(Event::ReceiptTyped("A-2".to_owned()));
    let second = till.pay();
    assert_eq!((second.0, second.2.as_str()), (first.0, "A-2"));
    assert_ne!(second.1, first.1, "a key is never used for another body");
}

#[test]
fn a_stale_quote_is_renewed_before_the_money_is_taken() {
    for key in ["evaluation-stale", "paid-mismatch"] {
        let mut till = Till::new();
        till.reach_payment();
        let (_, first, _) = till.pay();
        let again = till.take(Event::Closed { key: first, answer: Err(Refusal::conflict(key, "Stale.")) });
        assert!(till.take(Event::PaymentSent).is_empty(), "not before the new total is known");
        till.answer(&again);
        assert!(till.counter.trouble_at(Place::Payment).is_some(), "the cashier reads why it did not go through");
        till.pay();
    }
}

#[test]
fn a_session_that_is_over_is_followed_by_a_fresh_one_with_the_same_basket() {
    let mut till = Till::new();
    let orders = till.add("tea");
    till.answer(&orders);
    let old = till.counter.session.clone();
    till.add("cake");
    let over = Refusal::conflict("session-not-open", "Over.");
    let seq = till.counter.under_way.unwrap();
    let again = till.take(Event::Quoted { seq, answer: Err(over.clone()) });
    assert_ne!(till.counter.session, old);
    assert_eq!(till.counter.lines.len(), 2);
    // A shop that says so for ever is not asked for ever.
    let seq = till.counter.under_way.unwrap();
    assert!(matches!(&again[..], [Order::Quote { .. }]));
    assert!(till.take(Event::Quoted { seq, answer: Err(over) }).is_empty());
    assert!(till.counter.trouble_at(Place::Basket).is_some());
}

/// What a property found: the next customer's quote must not be sent while the last one's is under way.
#[test]
fn what_is_paid_or_sold_is_not_quoted_again() {
    let mut till = Till::new();
    till.reach_payment();
    let (_, key, _) = till.pay();
    assert!(till.take(Event::QuoteWanted).is_empty(), "while it is paid");
    let sold = till.counter.quote.clone().unwrap();
    till.take(Event::Closed { key, answer: Ok(sold) });
    assert!(till.take(Event::QuoteWanted).is_empty() && till.counter.under_way.is_none(), "when it is sold");
    assert_eq!(till.add("cake").len(), 1);
    // An answer to what nobody asked says nothing, also where it has the newest number.
    till.take(Event::QuoteWanted);
    let (under_way, asked) = (till.counter.under_way, till.counter.asked);
    assert!(under_way < Some(asked));
    till.take(Event::Quoted { seq: asked, answer: Err(offline()) });
    assert_eq!((till.counter.under_way, till.counter.trouble_at(Place::Basket)), (under_way, None));
}

#[test]
fn the_customer_scanned_last_counts_and_gets_a_session_of_their_own() {
    let mut till = Till::new();
    let orders = till.add("tea");
    till.answer(&orders);
    till.take(Event::CodeEntered("111".to_owned()));
    till.take(Event::CodeEntered("222".to_owned()));
    assert!(till.take(Event::Identified { seq: 1, answer: Ok(ann()) }).is_empty(), "an older scan's answer");
    let quote = till.take(Event::Identified { seq: 2, answer: Ok(ann()) });
    assert_eq!(till.counter.customer.as_ref().map(|customer| customer.code.as_str()), Some("222"));
    till.answer(&quote);
    let first_session = till.counter.session.clone();
    till.take(Event::CodeEntered("333".to_owned()));
    let orders = till.take(Event::Identified { seq: 3, answer: Ok(ann()) });
    assert!(matches!(&orders[..], [Order::Abandon { .. }, Order::Quote { .. }]));
    assert_ne!(till.counter.session, first_session);
    assert_eq!(till.counter.lines.len(), 1, "the basket stays");
}

#[test]
fn a_card_picked_here_counts_instead_of_the_active_one() {
    let mut till = Till::new();
    let orders = till.add("tea");
    till.answer(&orders);
    till.take(Event::CodeEntered("111".to_owned()));
    let orders = till.take(Event::Identified { seq: 1, answer: Ok(ann()) });
    till.answer(&orders);
    let [own, other] = [1, 2].map(|n| CardId(uuid::Uuid::from_u128(n)));
    assert_eq!(till.counter.card_in_use(), Some(own));
    assert!(till.take(Event::CardPicked(own)).is_empty(), "it is in use already");
    match &till.take(Event::CardPicked(other))[..] {
        [Order::Quote { request, .. }] => assert_eq!(request.card_id, Some(other)),
        order => panic!("a new quote: {order:?}"),
    }
}

#[test]
fn cancelling_empties_the_counter_only_when_the_shop_said_so() {
    let mut till = Till::new();
    let orders = till.add("tea");
    till.answer(&orders);
    let orders = till.take(Event::CancelAsked);
    let [Order::Cancel { key, .. }] = &orders[..] else { panic!("it is cancelled at the shop: {orders:?}") };
    till.take(Event::Cancelled { key: key.clone(), answer: Err(offline()) });
    assert_eq!(till.counter.lines.len(), 1);
    let orders = till.take(Event::CancelAsked);
    let [Order::Cancel { key, .. }] = &orders[..] else { panic!("again: {orders:?}") };
    let quote = till.counter.quote.clone().unwrap();
    till.take(Event::Cancelled { key: key.clone(), answer: Ok(quote) });
    assert!(till.counter.lines.is_empty() && till.counter.session.is_none());
}

#[test]
fn a_lost_payment_that_cannot_be_cancelled_yet_stays_a_lost_payment() {
    let mut till = Till::new();
    till.reach_payment();
    let sent = till.pay();
    till.take(Event::Closed { key: sent.1.clone(), answer: Err(offline()) });
    let orders = till.take(Event::CancelAsked);
    let [Order::Cancel { key, .. }] = &orders[..] else { panic!("it may be cancelled: {orders:?}") };
    till.take(Event::Cancelled { key: key.clone(), answer: Err(offline()) });
    assert!(till.counter.is_unsure());
    assert_eq!(till.pay(), sent);
}

#[test]
fn the_next_customer_finds_an_empty_counter() {
    let mut till = Till::new();
    till.reach_payment();
    let (_, key, _) = till.pay();
    let quote = till.counter.quote.clone().unwrap();
    till.take(Event::Closed { key, answer: Ok(quote) });
    // Scanning or tapping is enough; nobody has to press "next".
    let orders = till.add("cake");
    assert_eq!(till.counter.lines.len(), 1);
    assert!(matches!(&orders[..], [Order::Quote { session, .. }] if *session != "1"));
}

fn any_event() -> impl Strategy<Value = Event> {
    let sku = prop_oneof![Just("tea"), Just("cake"), Just("mug")].prop_map(str::to_owned);
    let refusal = prop_oneof![
        Just(offline()),
        Just(Refusal::conflict("session-not-open", "")),
        Just(Refusal::conflict("evaluation-stale", "")),
        Just(Refusal::conflict("receipt-already-used", "")),
    ];
    let session = session(&SessionRequest {
        explain: None,
        customer_code: None,
        card_id: None,
        coupon_codes: vec![],
        currency: Currency::EUR,
        lines: vec![],
    });
    let answer = prop_oneof![Just(Ok(session)), refusal.prop_map(Err)];
    let key = (1_u32..40).prop_map(|n| n.to_string());
    prop_oneof![
        4 => sku.clone().prop_map(|sku| Event::Added { name: sku.clone(), sku, price: Amount(100) }),
        2 => (sku, 0_u32..20_000).prop_map(|(sku, quantity)| Event::QuantitySet { sku, quantity }),
        6 => (1_u64..20, answer.clone()).prop_map(|(seq, answer)| Event::Quoted { seq, answer }),
        2 => Just(Event::CodeEntered("1".to_owned())),
        2 => (1_u64..4).prop_map(|seq| Event::Identified { seq, answer: Ok(ann()) }),
        1 => Just(Event::CustomerLeft),
        3 => Just(Event::PaymentOpened { receipt: "A".to_owned() }),
        1 => Just(Event::ReceiptTyped("B".to_owned())),
        3 => Just(Event::PaymentSent),
        3 => (key.clone(), answer.clone()).prop_map(|(key, answer)| Event::Closed { key, answer }),
        1 => Just(Event::PaymentLeft),
        1 => Just(Event::CancelAsked),
        1 => (key, answer).prop_map(|(key, answer)| Event::Cancelled { key, answer }),
        1 => Just(Event::NextCustomer),
        1 => Just(Event::QuoteWanted),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_only_the_cashier_or_a_sale_empties_the_basket(
        events in proptest::collection::vec(any_event(), 1..60),
    ) {
        let mut till = Till::new();
        let mut bodies = std::collections::HashMap::new();
        for event in events {
            let before = till.counter.clone();
            let orders = till.take(event.clone());
            let after = &till.counter;
            let quotes = orders.iter().filter(|order| matches!(order, Order::Quote { .. })).count();
            prop_assert!(quotes <= 1);
            if quotes == 1 {
                let free = before.under_way.is_none() || matches!(event, Event::Quoted { .. });
                prop_assert!(free, "{event:?} sent a second quote");
            }
            if after.lines.len() < before.lines.len() {
                let allowed = matches!(event, Event::QuantitySet { quantity: 0, .. } | Event::NextCustomer | Event::CancelAsked | Event::Cancelled { .. })
                    || matches!(before.stage, Stage::Sold(_));
                prop_assert!(allowed, "{event:?} emptied the basket");
            }
            prop_assert!(after.lines.iter().all(|line| (1..=domain::session::MAX_QUANTITY).contains(&line.quantity)));
            if before.is_unsure() && after.session != before.session {
                let over = matches!(event, Event::Closed { .. } | Event::Cancelled { .. });
                prop_assert!(over, "{event:?} left a payment that may have happened");
            }
            for order in orders {
                if let Order::Close { session, key, receipt, paid } = order {
                    let body = (session, receipt, paid);
                    let first = bodies.entry(key).or_insert_with(|| body.clone());
                    prop_assert_eq!(&*first, &body, "one key, one body");
                }
            }
            let saved = serde_json::to_string(after).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Counter>(&saved).unwrap(), after);
        }
    }
}
