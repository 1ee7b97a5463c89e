//! A day of random calls, and the books afterwards.

use std::collections::HashMap;

use contract::TillApi;
use contract::till::{Effect, Session};
use domain::{CardScope, CategoryId, SessionId, SessionState, Sku};
use uuid::Uuid;

use super::scene::{Guest, Scene, basket};
use crate::pace::Pace;
use crate::till::basis::Basis;

/// A seeded generator (xorshift): the same day every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

async fn guests(scene: &Scene) -> Vec<Guest> {
    let mut guests = Vec::new();
    for (scope, bp) in [
        (CardScope::Basket, 1_000),
        (CardScope::Basket, 9_999),
        (CardScope::Category(CategoryId::new("cakes")), 2_500),
        (CardScope::Product(Sku::parse("latte").unwrap()), 333),
    ] {
        guests.push(scene.guest_with(scope, bp).await);
    }
    guests
}

#[tokio::test]
async fn after_any_day_the_books_agree() {
    a_day(Scene::set().await).await;
}

#[tokio::test]
async fn after_any_day_that_is_written_behind_the_books_agree() {
    a_day(Scene::set_at(Pace::swift()).await).await;
}

async fn a_day(scene: Scene) {
    let guests = guests(&scene).await;
    let skus = ["espresso", "latte", "eclair", "mystery", "bag", "gift"];
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut sessions: Vec<Session> = Vec::new();
    for step in 0..400 {
        scene.advance(dice.roll(400) as i64);
        let key = format!("k{}", if dice.roll(10) == 0 { step / 2 } else { step });
        match dice.roll(4) {
            0 | 1 => {
                let lines: Vec<_> = (0..dice.roll(6)).map(|_| (skus[dice.roll(6)], dice.roll(4) as i64 + 1)).collect();
                let code = (dice.roll(5) > 0).then(|| guests[dice.roll(guests.len())].code.as_str());
                let again = (!sessions.is_empty() && dice.roll(3) == 0).then(|| dice.roll(sessions.len()));
                let id = again.map_or_else(|| scene.id(), |place| sessions[place].session_id);
                if let Ok(session) = scene.put(id, basket(code, &lines)).await {
                    match again {
                        Some(place) => sessions[place] = session,
                        None => sessions.push(session),
                    }
                }
            }
            2 if !sessions.is_empty() => {
                let place = sessions.len().saturating_sub(1 + dice.roll(3));
                let _ = scene.close(&sessions[place], &format!("R-{}", dice.roll(120)), &key).await;
            }
            3 if !sessions.is_empty() && dice.roll(3) == 0 => {
                let _ = scene.cancel(&sessions[dice.roll(sessions.len())], &key).await;
            }
            _ => {}
        }
    }
    assert!(scene.count("select count(*) from receipts where cancelled_at is null").await > 20);
    assert!(scene.count("select count(*) from receipts where cancelled_at is not null").await > 5);
    scene.shop.settle().await;
    books_agree(&scene).await;
    decisions_replay(&scene).await;
}

async fn books_agree(scene: &Scene) {
    for (what, sql) in [
        (
            "savings, visits and spend are those of the purchases that stand",
            "select count(*) from customers c, lateral (select coalesce(sum(discount), 0) as saved, count(*) as times, \
              coalesce(sum(total), 0) as paid from receipts r where r.customer_id = c.id and r.cancelled_at is null) b \
             where c.savings <> saved or c.visits <> times or c.spent <> paid",
        ),
        (
            "spend by category adds up to spend",
            "select count(*) from customers c where c.spent is distinct from \
             (select coalesce(sum(value::bigint), 0) from jsonb_each_text(c.composition::jsonb))",
        ),
        (
            "receipts are the sums of their lines",
            "select count(*) from receipts r, lateral (select count(*) as lines, sum(quantity * unit_price) as subtotal, \
              sum(discount) as discount from receipt_lines l where l.receipt_id = r.id) b \
             where r.lines <> b.lines or r.subtotal <> b.subtotal or r.discount <> b.discount",
        ),
        (
            "a line's discount is what its allocations pay",
            "select count(*) from receipt_lines l where l.discount is distinct from \
             (select coalesce(sum((a->>'amount')::bigint), 0) from jsonb_array_elements(coalesce(l.allocations, '[]')::jsonb) a)",
        ),
        (
            "no discount breaks the margin floor",
            "select count(*) from receipt_lines where discount > 0 \
             and quantity * unit_price - discount < quantity * ceil(unit_cost * 1.1)",
        ),
        (
            "every purchase was told once, and so was its end",
            "select count(*) from receipts r where 1 + (cancelled_at is not null)::int is distinct from \
             (select count(*)::int from outbox o where o.topic = 'kava.purchases.v1' \
              and o.payload::jsonb->>'session_id' = r.session_id::text)",
        ),
        (
            "a session that was closed has its receipt, and no other has one",
            "select count(*) from sessions s where (state = 'closed' or version in (select version from session_answers a \
              where a.session_id = s.id and a.body::jsonb ? 'receipt_number')) \
             is distinct from exists (select 1 from receipts r where r.session_id = s.id)",
        ),
        (
            "no key is left without an answer",
            "select count(*) from idempotency_keys k left join session_answers a \
         on (a.session_id, a.version) = (k.session_id, k.session_version) where coalesce(k.body, a.body, '') = ''",
        ),
    ] {
        assert_eq!(scene.count(sql).await, 0, "{what}");
    }
}

/// Law 6: what was stored with a decision gives the decision again.
async fn decisions_replay(scene: &Scene) {
    let rows: Vec<(Uuid, String)> =
        sqlx::query_as("select id, basis from sessions").fetch_all(&scene.pool).await.unwrap();
    let mut states: HashMap<&str, usize> = HashMap::new();
    for (id, basis) in rows {
        let basis = Basis::read(&basis).unwrap();
        let session = scene.shop.session(&scene.till, SessionId(id)).await.unwrap();
        *states.entry(session.state.name()).or_default() += 1;
        let again = promotions::evaluate(&basis.facts, &promotions::Rules::default());
        assert_eq!((again.subtotal, again.discount, again.total), (session.subtotal, session.discount, session.total));
        for (line, stored) in again.lines.iter().zip(&session.lines) {
            assert_eq!((line.discount, line.total), (stored.discount, stored.total));
        }
        if session.state == SessionState::Cancelled && session.receipt_number.is_some() {
            let back: i64 = session
                .effects
                .iter()
                .map(|effect| match effect {
                    Effect::RollbackDiscount { amount, .. } => amount.minor(),
                    _ => panic!("a cancelled purchase has rollbacks only"),
                })
                .sum();
            assert_eq!(back, session.discount.minor());
        }
    }
    assert!(["open", "closed", "cancelled"].iter().all(|state| states.contains_key(state)), "{states:?}");
}
