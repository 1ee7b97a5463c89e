use std::sync::Mutex;

use contract::simulation::{SimulationRequest, SimulationState};
use contract::{CampaignApi, IdempotencyKey};
use domain::Amount;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::campaigns::tests::{author, set};
use crate::testing::Bare;

/// Counts, and stops after so many looks.
struct Looks {
    most: usize,
    seen: Mutex<Vec<(u64, u64)>>,
}

impl Looks {
    fn endless() -> Self {
        Self { most: usize::MAX, seen: Mutex::default() }
    }
}

impl Watch for Looks {
    fn goes_on(&self, done: u64, of: u64) -> bool {
        let mut seen = self.seen.lock().unwrap();
        seen.push((done, of));
        seen.len() < self.most
    }
}

/// Four sales of October 2026, one a week, of a mug for 10.00 (cost 4.00) and a jar for 2.00 (cost unknown); the third is
/// cancelled, and what came back is no sale.
async fn history() -> Bare {
    let bare = set().await;
    for sql in [
        "insert into categories (id, title_en, title_ru) values ('mugs', 'Mugs', 'Кружки')",
        "insert into products (sku, name, category, price, cost) values ('mug', 'Mug', 'mugs', 1000, 400), \
             ('jar', 'Jar', 'mugs', 200, null)",
        "insert into receipts (id, source, number, kind, at, lines, subtotal, discount, total, cancelled_at) \
             overriding system value values \
             (1, 'import', 'A', 'sale', '2026-10-01T10:00Z', 1, 2000, 100, 1900, null), \
             (2, 'import', 'B', 'sale', '2026-10-08T10:00Z', 2, 1200, 0, 1200, null), \
             (3, 'import', 'C', 'sale', '2026-10-15T10:00Z', 1, 9000, 0, 9000, now()), \
             (4, 'import', 'D', 'sale', '2026-10-22T10:00Z', 1, 3000, 0, 3000, null), \
             (5, 'import', 'E', 'return', '2026-10-23T10:00Z', 1, -1000, 0, -1000, null)",
        "insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, discount, unit_cost) values \
             (1, 0, 'mug', 2, 1000, 100, 400), (2, 0, 'mug', 1, 1000, 0, 400), (2, 1, 'jar', 1, 200, 0, null), \
             (3, 0, 'mug', 9, 1000, 0, 400), (4, 0, 'mug', 3, 1000, 0, 400), (5, 0, 'mug', -1, 1000, 0, 400)",
    ] {
        sqlx::query(sql).execute(&bare.pool).await.unwrap();
    }
    bare
}

fn ten_off(number: u128, budget: Option<i64>) -> Value {
    let budgets = budget.map(|limit| json!([{"action": "discount", "limit": limit}])).unwrap_or(json!([]));
    json!({
        "id": Uuid::from_u128(number), "name": {"en": "Ten off", "ru": "Минус десять"}, "budgets": budgets,
        "rules": [{"name": "all", "then": [{"percentage": {"rate_bp": 1000}}]}],
    })
}

fn request(draft: Value) -> SimulationRequest {
    SimulationRequest { draft, weeks: 52, until: None, coupon_share_bp: 0 }
}

async fn contents(pool: &PgPool) -> (i64, i64) {
    sqlx::query_as("select (select count(*) from rule_sets), (select count(*) from limit_entries)")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_draft_is_priced_as_if_it_had_been_in_force() {
    let Bare { shop, pool, database } = history().await;
    let before = contents(&pool).await;
    let looks = Looks::endless();
    let report = shop.simulate(&request(ten_off(1, None)), &looks).await.unwrap();
    assert_eq!((report.sales, report.subtotal, report.discount_then), (3, Amount(6_200), Amount(100)));
    // 10 % of 20.00, 12.00 and 30.00.
    let with = report.with_draft;
    assert_eq!((with.discount, with.sales), (Amount(620), 3));
    assert_eq!((report.without_draft.discount, report.without_draft.sales), (Amount(0), 0));
    // The sale with the jar, whose cost nobody knows, is in no margin: (20 - 8) + (30 - 12) before, less 2.00 and 3.00.
    assert_eq!(report.sales_without_cost, 1);
    assert_eq!((report.without_draft.margin, with.margin), (Amount(3_000), Amount(2_500)));
    let weeks: Vec<(u64, i64)> = report.weeks.iter().map(|week| (week.sales, week.with_draft.0)).collect();
    assert_eq!(weeks, [(1, 200), (1, 120), (1, 300)]);
    let products: Vec<(&str, i64)> =
        report.winners.products.iter().map(|winner| (winner.id.as_str(), winner.gains.0)).collect();
    assert_eq!(products, [("mug", 600), ("jar", 20)]);
    assert_eq!(looks.seen.lock().unwrap().last(), Some(&(3, 3)));
    assert_eq!(contents(&pool).await, before, "a simulation changes nothing");
    drop((shop, pool, database));
}

#[tokio::test]
async fn a_budget_ends_when_it_would_have_ended() {
    let Bare { shop, pool, database } = history().await;
    let report = shop.simulate(&request(ten_off(1, Some(250))), &Looks::endless()).await.unwrap();
    let campaign = &report.campaigns[0];
    assert_eq!((campaign.discount, campaign.budget_clipped), (Amount(250), Amount(370)));
    assert_eq!(campaign.exhausted_at.map(|at| at.to_rfc3339()).as_deref(), Some("2026-10-08T10:00:00+00:00"));
    assert_eq!(report.with_draft.budget_clipped, Amount(370));
    drop((shop, pool, database));
}

#[tokio::test]
async fn a_draft_joins_the_rules_in_force_or_takes_their_place() {
    let Bare { shop, pool, database } = history().await;
    let mut five = ten_off(2, None);
    five["rules"][0]["then"][0]["percentage"]["rate_bp"] = json!(500);
    shop.publish(&author(), json!({"campaigns": [five.clone()]}), None).await.unwrap();
    let joined = shop.simulate(&request(ten_off(1, None)), &Looks::endless()).await.unwrap();
    assert_eq!(joined.without_draft.discount, Amount(310));
    assert_eq!(joined.campaigns.len(), 2);
    // Of the same id it takes the other's place; a rule set takes everybody's.
    let instead = shop.simulate(&request(ten_off(2, None)), &Looks::endless()).await.unwrap();
    assert_eq!((instead.with_draft.discount, instead.campaigns.len()), (Amount(620), 1));
    let nothing = shop.simulate(&request(json!({"campaigns": []})), &Looks::endless()).await.unwrap();
    assert_eq!((nothing.without_draft.discount, nothing.with_draft.discount), (Amount(310), Amount(0)));
    // Coupons are drawn by the sale's id: the same every time, and more of them with a larger share.
    let mut coupon = ten_off(3, None);
    coupon["coupon"] = json!({"per_code": 1});
    let mut given = Vec::new();
    for coupon_share_bp in [0, 5_000, 10_000] {
        let request = SimulationRequest { coupon_share_bp, ..request(json!({"campaigns": [coupon.clone()]})) };
        let first = shop.simulate(&request, &Looks::endless()).await.unwrap();
        assert_eq!(first, shop.simulate(&request, &Looks::endless()).await.unwrap());
        given.push(first.with_draft.discount.0);
    }
    assert!(given[0] == 0 && given.is_sorted() && given[2] == 620, "{given:?}");
    drop((shop, pool, database));
}

#[tokio::test]
async fn what_cannot_be_simulated_is_refused_with_its_place() {
    let Bare { shop, pool, database } = history().await;
    let refused = async |request: SimulationRequest| {
        let refusal = shop.simulate(&request, &Looks::endless()).await.unwrap_err();
        (refusal.key, refusal.faults.first().map(|fault| fault.pointer.clone()).unwrap_or_default())
    };
    let weeks = |weeks| SimulationRequest { weeks, ..request(ten_off(1, None)) };
    assert_eq!(refused(weeks(0)).await, ("invalid-simulation".into(), "/weeks".into()));
    assert_eq!(refused(weeks(u32::MAX)).await, ("invalid-simulation".into(), "/weeks".into()));
    let share = SimulationRequest { coupon_share_bp: 10_001, ..request(ten_off(1, None)) };
    assert_eq!(refused(share).await.1, "/coupon_share_bp");
    for draft in [json!(null), json!([]), json!("x"), json!({})] {
        assert_eq!(refused(request(draft)).await.1, "/draft");
    }
    let mut wrong = ten_off(1, None);
    wrong["rules"][0]["then"][0]["percentage"]["rate_bp"] = json!(20_000);
    assert_eq!(refused(request(wrong)).await.0, "invalid-rules");
    let early = SimulationRequest { until: Some("2020-01-01T00:00:00Z".parse().unwrap()), ..request(ten_off(1, None)) };
    assert_eq!(refused(early).await.0, "nothing-sold");
    let ancient = chrono::DateTime::<chrono::Utc>::MIN_UTC;
    let ancient = SimulationRequest { until: Some(ancient), ..request(ten_off(1, None)) };
    assert_eq!(refused(ancient).await.1, "/until");
    let stopped = Looks { most: 1, seen: Mutex::default() };
    let stopped = shop.simulate(&request(ten_off(1, None)), &stopped).await;
    assert!(stopped.unwrap_err().is("simulation-cancelled"));
    drop((shop, pool, database));
}

#[tokio::test]
async fn a_simulation_is_begun_once_and_watched_to_its_end() {
    let Bare { shop, pool, database } = history().await;
    let once = IdempotencyKey::parse("k").unwrap();
    let begun = shop.simulate_draft(&author(), &once, request(ten_off(1, None))).await.unwrap();
    let again = shop.simulate_draft(&author(), &once, request(ten_off(1, None))).await.unwrap();
    assert_eq!((&again.body, again.replayed), (&begun.body, true));
    let other = shop.simulate_draft(&author(), &once, request(ten_off(2, None))).await;
    assert!(other.unwrap_err().is("idempotency-key-reused"));
    let id = begun.value.simulation_id;
    let done = loop {
        let view = shop.simulation(id).await.unwrap();
        if view.state != SimulationState::Running {
            break view;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((done.state, done.done, done.of), (SimulationState::Done, 3, 3));
    assert_eq!(done.report.unwrap().with_draft.discount, Amount(620));
    assert_eq!(shop.cancel_simulation(id).await.unwrap().state, SimulationState::Done, "it has ended");
    assert!(shop.simulation(Uuid::nil()).await.unwrap_err().is("simulation-not-found"));
    // What is wrong is told at once, and leaves no key.
    let key = IdempotencyKey::parse("wrong").unwrap();
    let wrong = shop.simulate_draft(&author(), &key, request(json!({}))).await;
    assert!(wrong.unwrap_err().is("invalid-simulation"));
    assert!(shop.simulate_draft(&author(), &key, request(ten_off(1, None))).await.is_ok());
    drop((shop, pool, database));
}
