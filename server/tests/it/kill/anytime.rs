//! Server, database and single connections are killed at random moments while tills quote, close and take goods back.
//!
//! A till that gets no answer asks again, with the same key, until it has one: what it was told in the end is what the books
//! must say. `KAVA_KILLS=200 KAVA_SEED=7` makes it longer, and repeats a run's choices.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use services::seed::DEMO;
use sqlx::PgPool;
use uuid::Uuid;

use super::{Folder, Server, a_code, ask};

const TILLS: u64 = 4;
/// Minor units that the campaign of this test may give.
const BUDGET: i64 = 6_000;
const CAMPAIGN: &str = "01980000-0000-7000-8000-00000000dead";

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// What a till was told in the end.
#[derive(Default)]
struct Told {
    /// Session, paid, discount, whether a customer bought.
    sales: Vec<(Uuid, i64, i64, bool)>,
    refunds: Vec<i64>,
    quotes: u64,
    asked_again: u64,
}

struct Till {
    number: u64,
    address: Arc<RwLock<String>>,
    rng: StdRng,
    code: String,
    skus: Vec<Value>,
    currency: Value,
    told: Told,
}

impl Till {
    /// Until somebody answers with something that is not the machine's own fault.
    fn insist(&mut self, method: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
        for _ in 0..600 {
            let address = self.address.read().unwrap().clone();
            match ask(&address, DEMO.till_key, method, path, key, body) {
                Ok((status, text)) if status < 500 && status != 423 && status != 429 => {
                    return (status, serde_json::from_str(&text).unwrap());
                }
                _ => {
                    self.told.asked_again += 1;
                    thread::sleep(Duration::from_millis(50));
                }
            }
        }
        panic!("{method} {path}: nobody answers for half a minute");
    }

    fn serve(&mut self, turn: u64) {
        let id = Uuid::from_u128(0x0198_b000_0000_7000_8000_0000_0000_0000 | u128::from(self.number << 32 | turn));
        let path = format!("/api/v1/sessions/{id}");
        let known = self.rng.random_bool(0.5);
        let quantity = self.rng.random_range(1..=3);
        let mut lines = Vec::new();
        for _ in 0..self.rng.random_range(1..=4) {
            let sku = &self.skus[self.rng.random_range(0..self.skus.len())];
            lines.push(json!({"sku": sku, "quantity": quantity}));
        }
        let mut cart = json!({"currency": self.currency, "lines": lines});
        if known {
            cart["customer_code"] = json!(self.code);
        }
        let key = |what: &str| format!("{what}-{}-{turn}", self.number);
        let (close, back) = (key("close"), key("back"));
        let closed = loop {
            let (status, quote) = self.insist("PUT", &path, "-", &cart);
            assert_eq!(status, 200, "{quote}");
            self.told.quotes += 1;
            let body = json!({"receipt_number": format!("A-{}-{turn}", self.number), "paid": quote["total"]});
            let (status, closed) = self.insist("POST", &format!("{path}/close"), &close, &body);
            match (status, closed["key"].as_str()) {
                (200, _) => break closed,
                // A quote that was not written yet when the server died, or whose reservation was lost to another.
                (404, Some("session-not-found")) | (409, Some("evaluation-stale" | "paid-mismatch")) => {}
                _ => panic!("{status} {closed}"),
            }
        };
        let number = |value: &Value, field: &str| value[field].as_i64().unwrap();
        self.told.sales.push((id, number(&closed, "total"), number(&closed, "discount"), known));
        if self.rng.random_range(0..3) == 0 {
            let body = json!({"lines": [{"position": 0, "quantity": 1}], "reason": "cold"});
            let (status, back) = self.insist("POST", &format!("{path}/returns"), &back, &body);
            assert_eq!(status, 200, "{back}");
            self.told.refunds.push(number(&back["refund"], "amount"));
        }
    }
}

/// A process of the private PostgreSQL: the postmaster itself, or one of those that serve a connection.
fn a_postgres(data: &Path, rng: &mut StdRng, of_connection: bool) -> Option<String> {
    let file = std::fs::read_to_string(data.join("postgres/postmaster.pid")).ok()?;
    let postmaster = file.lines().next()?.to_owned();
    if !of_connection {
        return Some(postmaster);
    }
    let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).ok()?;
    let serving: Vec<&str> = children
        .split_whitespace()
        .filter(|pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(" kava ")))
        .collect();
    let chosen = rng.random_range(0..serving.len().max(1));
    serving.get(chosen).map(|pid| (*pid).to_owned())
}

fn kill(pid: &str) {
    // It may be gone by itself.
    let _ = Command::new("kill").args(["-KILL", pid]).output();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_at_any_moment_the_books_agree() {
    let (kills, seed) = (setting("KAVA_KILLS", 9), setting("KAVA_SEED", 1));
    let data = Folder(std::env::temp_dir().join(format!("kava-kill-any-{}", std::process::id())));
    let mut server = Server::start(&data.0);
    let code = a_code(&data.0).await;
    let before = server.savings(&code, "before");
    let (_, page) = server.ask("GET", "/api/v1/products?limit=20", "-", &Value::Null);
    let products: Value = serde_json::from_str(&page).unwrap();
    let skus: Vec<Value> =
        products["products"].as_array().unwrap().iter().map(|product| product["sku"].clone()).collect();
    let campaign = json!({
        "id": CAMPAIGN, "name": {"en": "While it lasts", "ru": "Пока есть"}, "stacking": "always",
        "budgets": [{"action": "discount", "limit": BUDGET, "when_short": "clip"}],
        "rules": [{"name": "all", "then": [{"percentage": {"rate_bp": 700}}]}],
    });
    let put = ask(
        &server.address,
        DEMO.campaigns_key,
        "PUT",
        &format!("/api/v1/campaigns/{CAMPAIGN}"),
        "campaign",
        &campaign,
    );
    let (status, text) = put.unwrap();
    assert!(status == 200 || status == 201, "{status} {text}");

    let address = Arc::new(RwLock::new(server.address.clone()));
    let done = Arc::new(AtomicBool::new(false));
    let tills: Vec<_> = (1..=TILLS)
        .map(|number| {
            let mut till = Till {
                number,
                address: address.clone(),
                rng: StdRng::seed_from_u64(seed * 1_000 + number),
                code: code.clone(),
                skus: skus.clone(),
                currency: products["currency"].clone(),
                told: Told::default(),
            };
            let done = done.clone();
            thread::spawn(move || {
                let mut turn = 0;
                while !done.load(Ordering::Relaxed) {
                    turn += 1;
                    till.serve(turn);
                }
                till.told
            })
        })
        .collect();

    let mut rng = StdRng::seed_from_u64(seed);
    let mut killed = [0; 3];
    for _ in 0..kills {
        thread::sleep(Duration::from_millis(rng.random_range(200..1_100)));
        let which = rng.random_range(0..3);
        killed[which] += 1;
        match which {
            0 => {
                server.kill();
                server = Server::start(&data.0);
                address.write().unwrap().clone_from(&server.address);
            }
            // The others of the cluster are ended by its postmaster, which then recovers.
            1 => a_postgres(&data.0, &mut rng, true).iter().for_each(|pid| kill(pid)),
            // Nobody starts it again but the server.
            _ => a_postgres(&data.0, &mut rng, false).iter().for_each(|pid| kill(pid)),
        }
    }
    thread::sleep(Duration::from_secs(1));
    done.store(true, Ordering::Relaxed);
    let told: Vec<Told> = tills.into_iter().map(|till| till.join().unwrap()).collect();
    let sum = |of: fn(&Told) -> u64| told.iter().map(of).sum::<u64>();
    let (sales, refunds) = (sum(|told| told.sales.len() as u64), sum(|told| told.refunds.len() as u64));
    eprintln!(
        "seed {seed}: killed {} servers, {} connections, {} databases; {} quotes, {sales} sales, {refunds} returns, asked again {}",
        killed[0],
        killed[1],
        killed[2],
        sum(|told| told.quotes),
        sum(|told| told.asked_again)
    );
    assert!(sales > kills && refunds > 0, "nothing happened");

    check(&data.0, &server, &told, &code, before).await;
    let stopped = Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert!(server.child.wait().unwrap().success());
}

/// The books against what the tills were told.
async fn check(data: &Path, server: &Server, told: &[Told], code: &str, before: i64) {
    let socket = data.join("run").to_string_lossy().into_owned();
    let pool = PgPool::connect(&format!("postgres://kava@localhost/kava?host={socket}")).await.unwrap();
    for (session, paid, discount, _) in told.iter().flat_map(|told| &told.sales) {
        let sales: Vec<(i64, i64, i64)> = sqlx::query_as(
            "select r.total, r.discount, (select sum(l.unit_price * l.quantity - l.discount)::bigint from receipt_lines l \
                 where l.receipt_id = r.id) \
             from receipts r where session_id = $1 and kind = 'sale'",
        )
        .bind(session)
        .fetch_all(&pool)
        .await
        .unwrap();
        assert_eq!(sales, [(*paid, *discount, *paid)], "{session}");
    }
    let count = |of: &'static str| {
        let pool = pool.clone();
        async move { sqlx::query_scalar::<_, i64>(of).fetch_one(&pool).await.unwrap() }
    };
    let sales: usize = told.iter().map(|told| told.sales.len()).sum();
    assert_eq!(count("select count(*) from receipts where kind = 'sale' and number like 'A-%'").await, sales as i64);
    let of_events = "select count(*) from outbox where topic = 'kava.purchases.v1' and payload::jsonb ->> 'what' = 'closed' \
                     and payload::jsonb ->> 'receipt_number' like 'A-%'";
    assert_eq!(count(of_events).await, sales as i64, "each sale is told once");

    let refunds: Vec<i64> = told.iter().flat_map(|told| &told.refunds).copied().collect();
    let (returns, taken_back): (i64, i64) = sqlx::query_as(
        "select count(*), coalesce(-sum(total), 0)::bigint from receipts where kind = 'return' and number like 'A-%'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!((returns, taken_back), (refunds.len() as i64, refunds.iter().sum()));

    // Savings: what every sale of the customer gave, less what went back with returned goods.
    let given: i64 = told.iter().flat_map(|told| &told.sales).filter(|sale| sale.3).map(|sale| sale.2).sum();
    let returned = count(
        "select coalesce(-sum(discount), 0)::bigint from receipts \
         where kind = 'return' and number like 'A-%' and customer_id is not null",
    )
    .await;
    assert_eq!(server.savings(code, "after"), before + given - returned);

    // The budget: never above its limit, and the counter is the sum of the ledger, to the last minor unit.
    let spent: Vec<(i64, i64)> = sqlx::query_as("select committed, ceiling from limit_accounts where key like $1")
        .bind(format!("%{CAMPAIGN}%"))
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(spent.len(), 1, "one account of the campaign");
    assert!(0 < spent[0].0 && spent[0].0 <= BUDGET && spent[0].1 == BUDGET, "{spent:?}");
    let doctor = Command::new(env!("CARGO_BIN_EXE_kava"))
        .args(["doctor", "ledger", "--config", "/dev/null", "--data"])
        .arg(data)
        .env_remove("DATABASE_URL")
        .env_remove("REDIS_URL")
        .output()
        .unwrap();
    assert!(doctor.status.success(), "{}", String::from_utf8_lossy(&doctor.stderr));
    let allocated = count(
        "select coalesce(sum((part ->> 'amount')::bigint), 0)::bigint from receipts r join receipt_lines l on l.receipt_id = r.id, \
         jsonb_array_elements(l.allocations::jsonb) part where r.kind = 'sale' and part ->> 'id' = '01980000-0000-7000-8000-00000000dead'",
    )
    .await;
    let taken = count(
        "select coalesce(sum(e.amount), 0)::bigint from limit_entries e join limit_accounts a on a.id = e.account_id \
         where e.kind = 'commit' and a.key like '%01980000-0000-7000-8000-00000000dead%'",
    )
    .await;
    assert_eq!(allocated, taken, "what receipts say the campaign gave is what its ledger says");
}
