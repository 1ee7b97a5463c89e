//! `kava bench quote`: how many quotes a second, against an endpoint of the same server that only parses and echoes.
//!
//! Both run in turns against one server in this process, over loopback and kept-alive connections, with the same carts
//! of 20 lines and the same middleware; so the ratio says what evaluating and storing costs, on any machine. A till
//! quotes a basket several times while it grows: every session is put four times.

use std::time::{Duration, Instant};

use super::load::{Call, Client, Server, Turn, on_private_servers, quantile, rounded, together, turn};
use super::shop::{Size, furnish};
use crate::config::Config;
use crate::wiring::Wired;

const SIZE: Size = Size { products: 2_400, customers: 1_000 };
const LINES: usize = 20;

struct Plan {
    rounds: usize,
    round: Duration,
    connections: usize,
}

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When the servers do not start, or an answer is not 200.
pub async fn run(quick: bool) -> anyhow::Result<()> {
    let plan = if quick {
        Plan { rounds: 3, round: Duration::from_secs(2), connections: 64 }
    } else {
        Plan { rounds: 7, round: Duration::from_secs(5), connections: 64 }
    };
    on_private_servers("quote", async |config, _, wired| measure(config, wired, &plan).await).await
}

async fn measure(config: &Config, wired: &Wired, plan: &Plan) -> anyhow::Result<serde_json::Value> {
    let shop = furnish(&wired.store, &*wired.entropy, wired.clock.now(), SIZE).await?;
    println!("{} products, {} customers, cache: {}", shop.skus.len(), shop.codes.len(), wired.cache.kind());
    let server = Server::start(config, wired).await?;
    let mut clients = Vec::new();
    for n in 0..plan.connections {
        clients.push(Client::connect(server.address, &shop, n, plan.connections, LINES, wired).await?);
    }
    let started = Instant::now();
    clients = together(clients, |mut client| async move {
        client.meet_customers().await?;
        Ok(client)
    })
    .await?;
    println!("warm in {:.1} s; {} rounds of {:?} each", started.elapsed().as_secs_f64(), plan.rounds, plan.round);

    let (mut ratios, mut quote_rates, mut noop_rates, mut quote_times) = (vec![], vec![], vec![], vec![]);
    for round in 1..=plan.rounds {
        let noops: Turn = turn(clients, Call::Echo, plan.round).await?;
        let quotes: Turn = turn(noops.clients, Call::Quote, plan.round).await?;
        clients = quotes.clients;
        println!(
            "round {round}: {:.0} quotes/s (p50 {:.2} ms), {:.0} echoes/s (p50 {:.2} ms), ratio {:.3}",
            quotes.rate,
            quantile(&quotes.times, 0.5),
            noops.rate,
            quantile(&noops.times, 0.5),
            quotes.rate / noops.rate,
        );
        ratios.push(quotes.rate / noops.rate);
        quote_rates.push(quotes.rate);
        noop_rates.push(noops.rate);
        quote_times.extend(quotes.times);
    }
    drop(clients);
    server.stop().await?;
    let figures = serde_json::json!({
        "p50_ms": rounded(quantile(&quote_times, 0.5)),
        "p99_ms": rounded(quantile(&quote_times, 0.99)),
        "noop_ratio": rounded(quantile(&ratios, 0.5)),
        "quotes_per_s": quantile(&quote_rates, 0.5).round(),
        "noop_per_s": quantile(&noop_rates, 0.5).round(),
        "connections": plan.connections,
        "lines": LINES,
        "quotes": quote_times.len(),
    });
    println!(
        "\np50_ms {}  p99_ms {}  noop_ratio {}  quotes_per_s {}  noop_per_s {}",
        figures["p50_ms"], figures["p99_ms"], figures["noop_ratio"], figures["quotes_per_s"], figures["noop_per_s"],
    );
    Ok(figures)
}
