//! `kava bench till`: quotes and durable closes over HTTP, each against the physical limit of the same machine.
//!
//! `quote_noop_ratio`: quotes of 20 lines under ten campaigns and a personal card, over an endpoint of the same server
//! that only parses and echoes. `close_commit_ratio`: closes, each durable (fsync on) before its answer, over bare
//! single-row commits of the same PostgreSQL by pgbench. Each pair runs in turns. The latencies are
//! taken at half of the peak rate, counted from when a call was due.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use super::load::{Call, Client, Server, on_private_servers, quantile, rounded, together, turn, turn_paced};
use super::shop::{Furnished, Size, furnish};
use crate::config::Config;
use crate::wiring::Wired;

const SIZE: Size = Size { products: 2_400, customers: 2_000 };
/// As many tills as a busy chain has at once.
const CONNECTIONS: usize = 64;
const QUOTED_LINES: usize = 20;
/// As many as give PostgreSQL its best rate on few cores.
const PGBENCH_CLIENTS: usize = 16;
/// What people buy at a counter.
const SOLD_LINES: usize = 3;

/// Many short rounds: a machine that is shared is faster now and slower then, and the two of a round should meet the same.
struct Plan {
    rounds: usize,
    round: Duration,
}

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When the servers or pgbench do not start, or an answer is not 200.
pub async fn run(quick: bool) -> anyhow::Result<()> {
    let plan = if quick {
        Plan { rounds: 6, round: Duration::from_secs(1) }
    } else {
        Plan { rounds: 15, round: Duration::from_secs(2) }
    };
    on_private_servers("till", async |config, folder, wired| measure(config, folder, wired, &plan).await).await
}

async fn measure(config: &Config, folder: &Path, wired: &Wired, plan: &Plan) -> anyhow::Result<Value> {
    let shop = furnish(&wired.store, &*wired.entropy, wired.clock.now(), SIZE).await?;
    publish(wired, &ten_campaigns(wired)).await?;
    let pgbench = Pgbench::prepare(folder, wired).await?;
    let server = Server::start(config, wired).await?;
    println!(
        "{} products, {} customers, 10 campaigns, {CONNECTIONS} tills, {} rounds",
        SIZE.products, SIZE.customers, plan.rounds
    );
    let quotes = measure_quotes(&server, &shop, wired, plan).await?;
    let closes = measure_closes(&server, &shop, wired, plan, &pgbench).await?;
    server.stop().await?;
    let mut figures = json!({"connections": CONNECTIONS, "lines_quoted": QUOTED_LINES, "lines_sold": SOLD_LINES});
    for part in [quotes, closes] {
        if let (Some(figures), Value::Object(part)) = (figures.as_object_mut(), part) {
            figures.extend(part);
        }
    }
    Ok(figures)
}

async fn clients(server: &Server, shop: &Furnished, wired: &Wired, lines: usize) -> anyhow::Result<Vec<Client>> {
    let mut clients = Vec::new();
    for n in 0..CONNECTIONS {
        clients.push(Client::connect(server.address, shop, n, CONNECTIONS, lines, wired).await?);
    }
    together(clients, |mut client| async move {
        client.meet_customers().await?;
        Ok(client)
    })
    .await
}

async fn measure_quotes(server: &Server, shop: &Furnished, wired: &Wired, plan: &Plan) -> anyhow::Result<Value> {
    let mut clients = clients(server, shop, wired, QUOTED_LINES).await?;
    let (mut ratios, mut rates, mut noops) = (vec![], vec![], vec![]);
    for round in 1..=plan.rounds {
        let noop = turn(clients, Call::Echo, plan.round).await?;
        let quoted = turn(noop.clients, Call::Quote, plan.round).await?;
        clients = quoted.clients;
        println!(
            "round {round}: {:.0} quotes/s, {:.0} echoes/s, ratio {:.3}",
            quoted.rate,
            noop.rate,
            quoted.rate / noop.rate
        );
        ratios.push(quoted.rate / noop.rate);
        rates.push(quoted.rate);
        noops.push(noop.rate);
    }
    let peak = quantile(&rates, 0.5);
    let pace = Duration::from_secs_f64(2.0 * CONNECTIONS as f64 / peak);
    let half = turn_paced(clients, Call::Quote, plan.round * 4, Some(pace)).await?;
    println!("half of the peak: {:.0} quotes/s, p99 {:.2} ms", half.rate, quantile(&half.times, 0.99));
    Ok(json!({
        "quote_noop_ratio": rounded(quantile(&ratios, 0.5)),
        "quotes_per_s": peak.round(),
        "noop_per_s": quantile(&noops, 0.5).round(),
        "quote_p50_ms": rounded(quantile(&half.times, 0.5)),
        "quote_p99_ms": rounded(quantile(&half.times, 0.99)),
    }))
}

async fn measure_closes(
    server: &Server,
    shop: &Furnished,
    wired: &Wired,
    plan: &Plan,
    pgbench: &Pgbench,
) -> anyhow::Result<Value> {
    let mut clients = clients(server, shop, wired, SOLD_LINES).await?;
    let (mut ratios, mut rates, mut commits) = (vec![], vec![], vec![]);
    // The first round also says how many baskets the next ones need.
    let mut ahead = 200;
    for round in 0..=plan.rounds {
        let commit = pgbench.run(plan.round).await?;
        clients = quote_ahead(clients, ahead).await?;
        let closed = turn(clients, Call::Close, plan.round).await?;
        clients = closed.clients;
        ahead = (closed.rate * plan.round.as_secs_f64() * 1.5 / CONNECTIONS as f64).ceil() as usize;
        if round == 0 {
            continue;
        }
        println!(
            "round {round}: {:.0} closes/s (p50 {:.2} ms), {commit:.0} bare commits/s, ratio {:.3}",
            closed.rate,
            quantile(&closed.times, 0.5),
            closed.rate / commit
        );
        ratios.push(closed.rate / commit);
        rates.push(closed.rate);
        commits.push(commit);
    }
    let peak = quantile(&rates, 0.5);
    let pace = Duration::from_secs_f64(2.0 * CONNECTIONS as f64 / peak);
    clients = quote_ahead(clients, ahead * 4).await?;
    let half = turn_paced(clients, Call::Close, plan.round * 4, Some(pace)).await?;
    println!("half of the peak: {:.0} closes/s, p99 {:.2} ms", half.rate, quantile(&half.times, 0.99));
    Ok(json!({
        "close_commit_ratio": rounded(quantile(&ratios, 0.5)),
        "closes_per_s": peak.round(),
        "commits_per_s": quantile(&commits, 0.5).round(),
        "close_p50_ms": rounded(quantile(&half.times, 0.5)),
        "close_p99_ms": rounded(quantile(&half.times, 0.99)),
        // Pinned by services' tests (`a_close_is_one_statement`).
        "close_statements": 1,
    }))
}

async fn quote_ahead(clients: Vec<Client>, baskets: usize) -> anyhow::Result<Vec<Client>> {
    together(clients, |mut client| async move {
        client.quote_ahead(baskets).await?;
        Ok(client)
    })
    .await
}

/// Ten campaigns that look at every basket, as a chain has them: most are for a category, some for all of it.
fn ten_campaigns(wired: &Wired) -> Value {
    let of = |category: &str| json!({"categories": [category]});
    let benefits = [
        json!({"percentage": {"rate_bp": 300, "of": of("coffee")}}),
        json!({"percentage": {"rate_bp": 200, "of": of("tea")}}),
        json!({"percentage": {"rate_bp": 150, "of": of("bakery")}}),
        json!({"amount_off": {"amount": 50, "of": of("beans")}}),
        json!({"amount_off_each": {"amount": 2, "of": of("coffee")}}),
        json!({"fixed_price": {"price": 300, "of": {"categories": ["tea"], "min_unit_price": 320}}}),
        json!({"cheapest": {"units": 1, "rate_bp": 1_000, "of": of("bakery")}}),
        json!({"most_expensive": {"units": 1, "rate_bp": 500}}),
        json!({"percentage": {"rate_bp": 50, "of": {"min_unit_price": 800}}}),
        json!({"tiers": {"by": "amount", "steps": [
            {"from": 2_000, "off": {"amount": 20}}, {"from": 10_000, "off": {"rate_bp": 100}},
        ]}}),
    ];
    let campaigns: Vec<Value> = benefits
        .into_iter()
        .enumerate()
        .map(|(n, benefit)| {
            json!({
                "id": services::clock::Draw::id(&*wired.entropy, wired.clock.now()),
                "name": {"en": format!("Campaign {n}"), "ru": format!("Акция {n}")},
                "priority": n, "max_per_session": 5_000,
                "rules": [{"name": "all", "when": {"subtotal": {"at_least": 500}}, "then": [benefit]}],
            })
        })
        .collect();
    json!({"campaigns": campaigns})
}

pub(super) async fn publish(wired: &Wired, params: &Value) -> anyhow::Result<()> {
    let mut tx = wired.store.begin().await?;
    store::campaigns::publish(&mut tx, &params.to_string(), "bench", wired.clock.now()).await?;
    Ok(store::commit(tx).await?)
}

/// Bare single-row commits of the same PostgreSQL, by pgbench.
struct Pgbench {
    program: PathBuf,
    script: PathBuf,
    url: String,
}

impl Pgbench {
    async fn prepare(folder: &Path, wired: &Wired) -> anyhow::Result<Self> {
        let program = embedded::postgres_binaries()?.join("pgbench");
        ensure!(
            program.exists(),
            "pgbench is not at {}: it comes with Debian's postgresql package. To have it: apt-get install -y postgresql",
            program.display()
        );
        let url = wired.database_url().to_owned();
        let script = folder.join("commit.sql");
        std::fs::write(&script, "insert into bench_commits (at) values (now());\n")?;
        let made = Command::new(embedded::postgres_binaries()?.join("psql"))
            .arg(&url)
            .args([
                "-qc",
                "create table bench_commits (id bigint generated always as identity primary key, at timestamptz)",
            ])
            .output()
            .await?;
        ensure!(made.status.success(), "psql: {}", String::from_utf8_lossy(&made.stderr));
        Ok(Self { program, script, url })
    }

    /// Commits a second.
    async fn run(&self, time: Duration) -> anyhow::Result<f64> {
        let seconds = time.as_secs().max(1).to_string();
        let ran = Command::new(&self.program)
            .args(["-n", "-M", "prepared", "-j", "2", "-c", &PGBENCH_CLIENTS.to_string(), "-T", &seconds, "-f"])
            .arg(&self.script)
            .arg(&self.url)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("pgbench does not start")?;
        let told = String::from_utf8_lossy(&ran.stdout);
        let rate = told.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.with_context(|| format!("pgbench: {told}{}", String::from_utf8_lossy(&ran.stderr)))
    }
}
