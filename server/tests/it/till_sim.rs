//! A real `kava serve` and a real `kava till-sim`, with everything going wrong between them: afterwards both sides have
//! the same receipts and the same totals.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use services::seed::DEMO;
use sqlx::PgPool;

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `kava` on this database, with a data folder of its own.
fn kava(database: &str, data: &Folder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kava"));
    command
        .args(["--config", "/dev/null", "--data"])
        .arg(&data.0)
        .env("DATABASE_URL", database)
        .env("KAVA__REDIS__ENABLED", "false")
        .env("KAVA__LOG__LEVEL", "warn");
    command
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The word after this one on a line of its own.
fn after(said: &str, name: &str) -> String {
    said.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_between_till_and_kava_both_have_the_same_receipts() {
    let database = testkit::fresh_database().await;
    let data = Folder(std::env::temp_dir().join(format!("kava-till-sim-{}", std::process::id())));
    said(&kava(&database.url, &data).arg("migrate").output().unwrap());
    said(&kava(&database.url, &data).arg("seed").output().unwrap());
    let pool = PgPool::connect(&database.url).await.unwrap();
    let codes: Vec<String> =
        sqlx::query_scalar("select static_code from customers order by last_purchase_at desc nulls last limit 5")
            .fetch_all(&pool)
            .await
            .unwrap();
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let connected = kava(&database.url, &data)
        .args(["till", "connect", "--store", "Kava Soho", "--till", "Till 1", "--endpoint"])
        .arg(format!("http://{listen}/"))
        .output()
        .unwrap();
    let connected = said(&connected);
    let (till, secret) = (after(&connected, "till "), after(&connected, "secret "));

    let mut child = kava(&database.url, &data)
        .args(["serve", "--api-only", "--addr", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let _serving = Serving(child);
    let address =
        lines.find_map(|line| Some(line.unwrap().strip_prefix("Kava is open at ")?.to_owned())).expect("it opens");
    std::thread::spawn(move || lines.for_each(drop));

    // A first round, so that the guests have their cards and the second has grants to sell on.
    let before: (i64, i64, i64) = totals(&pool).await;
    let mut ledgers = Vec::new();
    for (seed, faults) in [("1", ""), ("2", "slow=0.2,duplicate=0.2,lost=0.2,reorder=0.2,offline=1s")] {
        let output = kava(&database.url, &data)
            .args(["till-sim", "--kava", &address, "--till", &till, "--secret", &secret])
            .args(["--till-key", DEMO.till_key, "--codes", &codes.join(",")])
            .args(["--listen", &listen.to_string()])
            .args(["--receipts", "40", "--seed", seed, "--faults", faults])
            .output()
            .unwrap();
        let said = said(&output);
        let ledger: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&ledger["rejected"], &ledger["disagreements"], &ledger["over_bound"]),
            (&0.into(), &0.into(), &0.into()),
            "{said}"
        );
        ledgers.push(ledger);
    }
    let number = |name: &str| ledgers.iter().map(|ledger| ledger[name].as_i64().unwrap()).sum::<i64>();
    assert_eq!(number("sales"), 80);
    assert!(number("quoted") > 0 && number("full_price") > 0, "{ledgers:?}");
    let faulty = &ledgers[1];
    for fault in ["messages_slow", "messages_twice", "messages_lost", "messages_reordered", "messages_offline"] {
        assert!(faulty[fault].as_i64().unwrap() > 0, "{fault}: {faulty}");
    }
    assert!(faulty["on_grant"].as_i64().unwrap() > 0, "{faulty}");
    assert!(faulty["real_loss"].as_i64() <= faulty["worst_case_loss"].as_i64());
    // Both sides agree to the last unit.
    let found = totals(&pool).await;
    assert_eq!((found.0 - before.0, found.1 - before.1, found.2 - before.2), (80, number("discount"), number("paid")));
    let missing: i64 = sqlx::query_scalar(
        "select count(*) from generate_series(1, 2) seed, generate_series(0, 39) n where not exists ( \
             select 1 from receipts where number = 'SIM-' || seed || '-' || lpad(n::text, 6, '0'))",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(missing, 0);
}

/// Receipts of tills, what was taken off, what was paid.
async fn totals(pool: &PgPool) -> (i64, i64, i64) {
    sqlx::query_as(
        "select count(*), coalesce(sum(discount), 0)::bigint, coalesce(sum(total), 0)::bigint from receipts where source = 'till'",
    )
    .fetch_one(pool)
    .await
    .unwrap()
}
