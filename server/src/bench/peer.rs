//! `kava bench peer`: the same cart, the same ten promotions and the same PostgreSQL under Kava and under Vendure.
//!
//! Vendure (the npm package, in `server/bench/vendure`) is the peer that anyone can run themselves. Both are asked the same
//! question over and over: one quantity of the cart changed, what does it cost now? Ours is PUT session, theirs the shop
//! API's `adjustOrderLine`. They run in turns, and the other one idles. Before anything is measured both must have come to
//! the same total, but for the rounding of one promotion after the other.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use domain::Currency;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use services::clock::Draw;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::connection::Connection;
use super::load::{Server, on_private_servers, quantile, rounded, together};
use super::shop::{Furnished, Size, furnish};
use super::till::publish;
use crate::config::Config;
use crate::wiring::Wired;

/// Where the peer's npm package stands in a checkout.
const PEER: &str = "server/bench/vendure";
const SIZE: Size = Size { products: 40, customers: 1 };
const LINES: usize = 20;
const CLIENTS: usize = 8;
/// How far the totals may be apart: each of ten promotions rounds twenty lines by at most half a unit.
const ROUNDING: i64 = 100;
/// The peer makes its tables and its goods first.
const PEER_STARTS_WITHIN: Duration = Duration::from_secs(180);

struct Plan {
    rounds: usize,
    round: Duration,
}

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When a server does not start, an answer is not 200, or the two do not agree on the total.
pub async fn run(quick: bool) -> anyhow::Result<()> {
    let plan = if quick {
        Plan { rounds: 2, round: Duration::from_secs(6) }
    } else {
        Plan { rounds: 5, round: Duration::from_secs(12) }
    };
    ensure!(
        Path::new(PEER).join("node_modules").is_dir(),
        "the peer is not installed in {PEER}. To have it, in the checkout: cargo xtask bench peer"
    );
    on_private_servers("peer", async |config, folder, wired| measure(config, folder, wired, &plan).await).await
}

async fn measure(config: &Config, folder: &Path, wired: &Wired, plan: &Plan) -> anyhow::Result<Value> {
    let shop = furnish(&wired.store, &*wired.entropy, wired.clock.now(), SIZE).await?;
    let goods = sold(&shop);
    let promotions = ten_promotions(&goods);
    publish(wired, &as_campaigns(&promotions, wired)).await?;
    let server = Server::start(config, wired).await?;
    println!("Vendure makes its tables, {} products and {} promotions", goods.len(), promotions.len());
    let vendure = Vendure::start(folder, wired, &promotions, &goods).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..CLIENTS {
        ours.push(Ours::begin(&server, &shop, &goods, wired).await?);
        theirs.push(Theirs::fill(&vendure, &goods).await?);
    }
    let (our_total, their_total) = (ours[0].change(3).await?, theirs[0].change(3).await?);
    println!(
        "{LINES} lines, 10 promotions, {CLIENTS} clients; the cart costs {our_total} here and {their_total} there"
    );
    ensure!((our_total - their_total).abs() <= ROUNDING, "the two do not sell the same cart at the same price");

    let (mut ratios, mut tails, mut rates, mut peer_rates) = (vec![], vec![], vec![], vec![]);
    for round in 1..=plan.rounds {
        let (back, peer) = turn(theirs, plan.round).await?;
        theirs = back;
        let (back, mine) = turn(ours, plan.round).await?;
        ours = back;
        println!(
            "round {round}: {:.0} requests/s (p99 {:.2} ms), Vendure {:.0} requests/s (p99 {:.0} ms)",
            mine.rate, mine.p99, peer.rate, peer.p99
        );
        ratios.push(mine.rate / peer.rate);
        tails.push(mine.p99 / peer.p99);
        rates.push(mine.rate);
        peer_rates.push(peer.rate);
    }
    let version = vendure.version.clone();
    vendure.stop().await?;
    server.stop().await?;
    Ok(json!({
        "peer_ratio": rounded(quantile(&ratios, 0.5)),
        "peer_p99_ratio": rounded(quantile(&tails, 0.5)),
        "requests_per_s": quantile(&rates, 0.5).round(),
        "peer_requests_per_s": rounded(quantile(&peer_rates, 0.5)),
        "peer": format!("Vendure {version}"),
        "clients": CLIENTS,
        "lines": LINES,
        "promotions": promotions.len(),
    }))
}

struct Rate {
    /// Answers a second.
    rate: f64,
    /// Milliseconds.
    p99: f64,
}

/// A cart that its till changes over and over.
trait Cart: Send + Sized + 'static {
    /// Sets the quantity of one line; gives the cart's new total.
    fn change(&mut self, quantity: u32) -> impl Future<Output = anyhow::Result<i64>> + Send;
}

/// All carts at once for a while, each changed again as soon as it is answered.
async fn turn<C: Cart>(carts: Vec<C>, time: Duration) -> anyhow::Result<(Vec<C>, Rate)> {
    let started = Instant::now();
    let done = together(carts, |mut cart| async move {
        let mut times = Vec::new();
        while started.elapsed() < time {
            let asked = Instant::now();
            cart.change(times.len() as u32 % 4 + 1).await?;
            times.push(asked.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok((cart, times))
    })
    .await?;
    let elapsed = started.elapsed().as_secs_f64();
    let (carts, times): (Vec<C>, Vec<Vec<f64>>) = done.into_iter().unzip();
    let times = times.concat();
    Ok((carts, Rate { rate: times.len() as f64 / elapsed, p99: quantile(&times, 0.99) }))
}

/// All that a client of ours reads of an answer: the machine is shared.
#[derive(Deserialize)]
struct Total {
    total: i64,
}

/// A session here.
struct Ours {
    connection: Connection,
    headers: String,
    path: String,
    goods: Vec<Good>,
}

impl Ours {
    async fn begin(server: &Server, shop: &Furnished, goods: &[Good], wired: &Wired) -> anyhow::Result<Self> {
        Ok(Self {
            connection: Connection::open(server.address).await?,
            headers: format!("authorization: Bearer {}\r\n", shop.till_key),
            path: format!("/api/v1/sessions/{}", wired.entropy.id(wired.clock.now())),
            goods: goods.to_vec(),
        })
    }
}

impl Cart for Ours {
    async fn change(&mut self, quantity: u32) -> anyhow::Result<i64> {
        let line = |(n, good): (usize, &Good)| json!({"sku": good.sku, "quantity": if n == 0 { quantity } else { 2 }});
        let lines: Vec<Value> = self.goods.iter().enumerate().map(line).collect();
        let body = json!({"currency": Currency::EUR, "lines": lines}).to_string();
        let at = self.connection.call("PUT", &self.path, &self.headers, body.as_bytes()).await?;
        let answer: Total = serde_json::from_slice(self.connection.answer(at))?;
        Ok(answer.total)
    }
}

/// An active order there, of one visitor.
struct Theirs {
    connection: Connection,
    headers: String,
    first_line: String,
}

/// What the till needs to know of the cart: every line's price, and what lowered it.
const ORDER: &str = "__typename ... on Order { totalWithTax lines { id quantity discountedLinePriceWithTax \
                     discounts { amountWithTax adjustmentSource } } } ... on ErrorResult { message }";

impl Theirs {
    async fn fill(vendure: &Vendure, goods: &[Good]) -> anyhow::Result<Self> {
        let connection = Connection::open(vendure.address).await?;
        let mut cart = Self { connection, headers: String::new(), first_line: String::new() };
        for good in goods {
            let variant = vendure.variants.get(&good.sku).with_context(|| format!("Vendure has no {}", good.sku))?;
            let order = cart.ask("addItemToOrder(productVariantId: $id, quantity: $quantity)", variant, 2).await?;
            if cart.first_line.is_empty() {
                let line = order["lines"][0]["id"].as_str().context("an order without its line")?;
                cart.first_line = line.to_owned();
            }
        }
        Ok(cart)
    }

    async fn ask(&mut self, mutation: &str, id: &str, quantity: u32) -> anyhow::Result<Value> {
        let query = format!("mutation($id: ID!, $quantity: Int!) {{ order: {mutation} {{ {ORDER} }} }}");
        let body = json!({"query": query, "variables": {"id": id, "quantity": quantity}}).to_string();
        let at = self.connection.call("POST", "/shop-api", &self.headers, body.as_bytes()).await?;
        if self.headers.is_empty() {
            let token = self.connection.header(at, "vendure-auth-token").context("Vendure gives no session")?;
            self.headers = format!("authorization: Bearer {token}\r\n");
        }
        let mut answer: Value = serde_json::from_slice(self.connection.answer(at))?;
        ensure!(answer["data"]["order"]["__typename"] == "Order", "Vendure says {answer}");
        Ok(answer["data"]["order"].take())
    }
}

impl Cart for Theirs {
    async fn change(&mut self, quantity: u32) -> anyhow::Result<i64> {
        let line = self.first_line.clone();
        let order = self.ask("adjustOrderLine(orderLineId: $id, quantity: $quantity)", &line, quantity).await?;
        order["totalWithTax"].as_i64().context("an order without a total")
    }
}

/// Vendure in a Node process of its own, which ends with its stdin.
struct Vendure {
    process: Child,
    address: SocketAddr,
    version: String,
    /// By SKU.
    variants: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Started {
    version: String,
    variants: HashMap<String, String>,
}

impl Vendure {
    async fn start(folder: &Path, wired: &Wired, promotions: &[Promotion], goods: &[Good]) -> anyhow::Result<Self> {
        // Its own database on the same server.
        let made = Command::new(embedded::postgres_binaries()?.join("psql"))
            .arg(wired.database_url())
            .args(["-qc", "create database vendure"])
            .output()
            .await?;
        ensure!(made.status.success(), "psql: {}", String::from_utf8_lossy(&made.stderr));
        // A port that is free now; Node binds it in a moment.
        let address = TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?;
        let params = folder.join("vendure.json");
        let told = json!({
            "database_url": wired.database_url(), "database": "vendure", "port": address.port(),
            "goods": goods, "promotions": promotions,
        });
        std::fs::write(&params, told.to_string())?;
        let mut process = Command::new("node")
            .arg(std::fs::canonicalize(PEER)?.join("shop.mjs"))
            .arg(&params)
            // It leaves files where it runs.
            .current_dir(folder)
            .env("VENDURE_DISABLE_TELEMETRY", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("node does not start: install Node 20 or later")?;
        let mut lines = BufReader::new(process.stdout.take().context("node without an output")?).lines();
        let started = tokio::time::timeout(PEER_STARTS_WITHIN, async {
            while let Some(line) = lines.next_line().await? {
                if let Ok(started) = serde_json::from_str::<Started>(&line) {
                    return anyhow::Ok(started);
                }
            }
            anyhow::bail!("Vendure ended before it served: see what it wrote above")
        });
        let Started { version, variants } = started.await.context("Vendure takes too long to start")??;
        // What it says later must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { process, address, version, variants })
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.process.stdin.take());
        if tokio::time::timeout(Duration::from_secs(10), self.process.wait()).await.is_err() {
            self.process.kill().await?;
        }
        Ok(())
    }
}

/// What both shops sell.
#[derive(Clone, Serialize)]
struct Good {
    sku: String,
    /// Minor units.
    price: i64,
}

/// The cart's goods: of every tenth product the shop knows no cost, and that makes a difference here only.
fn sold(shop: &Furnished) -> Vec<Good> {
    let known = shop.skus.iter().zip(0..).filter(|(_, n)| n % 10 != 9);
    known.map(|(sku, n)| Good { sku: sku.clone(), price: 200 + n }).take(LINES).collect()
}

/// So many percent off these products, or off everything; of a cart of `at_least`.
#[derive(Serialize)]
struct Promotion {
    name: String,
    percent: u32,
    skus: Vec<String>,
    at_least: i64,
}

/// Six for some products, then four for the whole cart: what both can say.
fn ten_promotions(goods: &[Good]) -> Vec<Promotion> {
    (0..10)
        .map(|n| {
            let skus = match n {
                0..6 => goods.iter().skip(n * 3).take(5).map(|good| good.sku.clone()).collect(),
                _ => Vec::new(),
            };
            Promotion { name: format!("Promotion {n}"), percent: n as u32 % 4 + 1, skus, at_least: 500 }
        })
        .collect()
}

/// The first is applied first, each to what those before have left.
fn as_campaigns(promotions: &[Promotion], wired: &Wired) -> Value {
    let campaigns: Vec<Value> = promotions
        .iter()
        .enumerate()
        .map(|(n, promotion)| {
            let of = if promotion.skus.is_empty() { json!({}) } else { json!({"skus": promotion.skus}) };
            json!({
                "id": services::clock::Draw::id(&*wired.entropy, wired.clock.now()),
                "name": {"en": promotion.name, "ru": promotion.name},
                "priority": promotions.len() - n, "base": "discounted",
                "rules": [{
                    "name": "all", "when": {"subtotal": {"at_least": promotion.at_least}},
                    "then": [{"percentage": {"rate_bp": promotion.percent * 100, "of": of}}],
                }],
            })
        })
        .collect();
    json!({"campaigns": campaigns})
}
