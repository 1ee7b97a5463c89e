//! `kava bench quote`: how many quotes a second, against an endpoint of the same server that only parses and echoes.
//!
//! Both run in turns against one server in this process, over loopback and kept-alive connections, with the same carts
//! of 20 lines and the same middleware; so the ratio says what evaluating and storing costs, on any machine. A till
//! quotes a basket several times while it grows: every session is put four times.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::put;
use contract::till::{LineRequest, SessionRequest};
use domain::Currency;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use services::clock::Draw;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::machine::machine;
use super::shop::{Furnished, Size, furnish};
use crate::config::{Config, Flags};
use crate::edge::{self, Edge, request};
use crate::rest;
use crate::serve::Stop;
use crate::wiring::Wired;

const SIZE: Size = Size { products: 2_400, customers: 1_000 };
const LINES: usize = 20;
const PUTS_OF_A_SESSION: u32 = 4;

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
        Plan { rounds: 3, round: Duration::from_secs(2), connections: 8 }
    } else {
        Plan { rounds: 7, round: Duration::from_secs(5), connections: 8 }
    };
    let folder = Folder::new()?;
    let flags = Flags { config: Some("/dev/null".into()), data: Some(folder.0.clone()), ..Flags::default() };
    let config = Config::load(&flags, [])?;
    println!("A private PostgreSQL (durable) and Redis in {}", folder.0.display());
    let mut stop = Stop::listen();
    let wired = Wired::start(&config).await?;
    let figures = tokio::select! {
        figures = measure(&config, &wired, &plan) => figures,
        () = stop.asked() => Err(anyhow::anyhow!("stopped before the end")),
    };
    wired.stop().await?;
    let figures = figures?;
    println!("{}", serde_json::json!({"bench": "quote", "figures": figures, "machine": machine()}));
    Ok(())
}

async fn measure(config: &Config, wired: &Wired, plan: &Plan) -> anyhow::Result<serde_json::Value> {
    let shop = furnish(&wired.store, &*wired.entropy, wired.clock.now(), SIZE).await?;
    println!("{} products, {} customers, cache: {}", shop.skus.len(), shop.codes.len(), wired.cache.kind());
    let edge = wired.edge(config)?;
    let router = edge::router(&edge, None)?.merge(echo(&edge));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    let server = tokio::spawn(crate::serve::serve(listener, router, stopping));

    let mut clients = Vec::new();
    for n in 0..plan.connections {
        clients.push(Client::connect(address, &shop, n, wired).await?);
    }
    // Every customer once, so that nobody's cards are made inside the measurement.
    let started = Instant::now();
    clients = together(clients, |mut client| async move {
        client.meet_customers().await?;
        Ok(client)
    })
    .await?;
    println!("warm in {:.1} s; {} rounds of {:?} each", started.elapsed().as_secs_f64(), plan.rounds, plan.round);

    let (mut ratios, mut quote_rates, mut noop_rates, mut quote_times) = (vec![], vec![], vec![], vec![]);
    for round in 1..=plan.rounds {
        let (noops, noop_rate);
        (clients, noops, noop_rate) = turn(clients, Call::Echo, plan.round).await?;
        let (quotes, quote_rate);
        (clients, quotes, quote_rate) = turn(clients, Call::Quote, plan.round).await?;
        println!(
            "round {round}: {quote_rate:.0} quotes/s (p50 {:.2} ms), {noop_rate:.0} echoes/s (p50 {:.2} ms), ratio {:.3}",
            quantile(&quotes, 0.5),
            quantile(&noops, 0.5),
            quote_rate / noop_rate,
        );
        ratios.push(quote_rate / noop_rate);
        quote_rates.push(quote_rate);
        noop_rates.push(noop_rate);
        quote_times.extend(quotes);
    }
    drop(clients);
    let _ = stop.send(true);
    server.await.context("the server broke down")??;
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

/// Parses and writes the same JSON under the same middleware, and does nothing else. Only the bench mounts it.
fn echo(edge: &Edge) -> Router {
    async fn same(
        rest::request::Payload(request): rest::request::Payload<SessionRequest>,
    ) -> axum::Json<SessionRequest> {
        axum::Json(request)
    }
    Router::new()
        .route("/bench/echo/{session_id}", put(same))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(edge.clone(), request::within_time))
        .layer(from_fn_with_state(edge.clone(), edge::security::headers))
        .layer(from_fn_with_state(edge.clone(), request::observe))
        .with_state(edge.clone())
}

#[derive(Clone, Copy)]
enum Call {
    Echo,
    Quote,
}

/// All clients at once for a while; gives each call's milliseconds and the calls a second.
async fn turn(clients: Vec<Client>, call: Call, time: Duration) -> anyhow::Result<(Vec<Client>, Vec<f64>, f64)> {
    let started = Instant::now();
    let done = together(clients, |mut client| async move {
        let mut times = Vec::new();
        while started.elapsed() < time {
            let before = Instant::now();
            client.put(call).await?;
            times.push(before.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok((client, times))
    })
    .await?;
    let elapsed = started.elapsed().as_secs_f64();
    let (clients, times): (Vec<_>, Vec<_>) = done.into_iter().unzip();
    let times: Vec<f64> = times.into_iter().flatten().collect();
    let rate = times.len() as f64 / elapsed;
    Ok((clients, times, rate))
}

async fn together<T, F>(clients: Vec<Client>, work: impl Fn(Client) -> F) -> anyhow::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for client in clients {
        tasks.spawn(work(client));
    }
    let mut done = Vec::new();
    while let Some(result) = tasks.join_next().await {
        done.push(result.context("a client broke down")??);
    }
    Ok(done)
}

/// A till on one kept-alive connection.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    rng: StdRng,
    shop: Furnished,
    own_codes: Vec<String>,
    sessions: Vec<uuid::Uuid>,
    puts: u32,
}

impl Client {
    async fn connect(address: SocketAddr, shop: &Furnished, n: usize, wired: &Wired) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let own_codes = shop.codes.iter().skip(n).step_by(8).cloned().collect();
        // Enough ids for any round: made beforehand, so that making them is not measured.
        let sessions = (0..200_000).map(|_| wired.entropy.id(wired.clock.now())).collect();
        let rng = StdRng::seed_from_u64(n as u64);
        Ok(Self { stream, buffer: Vec::new(), rng, shop: shop.clone(), own_codes, sessions, puts: 0 })
    }

    async fn meet_customers(&mut self) -> anyhow::Result<()> {
        for code in self.own_codes.clone() {
            let session = self.sessions.pop().context("no session is left")?;
            let body = self.cart(Some(code))?;
            self.send(&format!("/api/v1/sessions/{session}"), &body).await?;
        }
        Ok(())
    }

    fn next_session(&mut self) -> uuid::Uuid {
        if self.puts.is_multiple_of(PUTS_OF_A_SESSION) && self.sessions.len() > 1 {
            self.sessions.pop();
        }
        self.puts += 1;
        self.sessions.last().copied().unwrap_or_default()
    }

    /// The customer of a session stays the same, as it does at a till.
    async fn put(&mut self, call: Call) -> anyhow::Result<()> {
        let session = self.next_session();
        let customer = (session.as_u128() % self.own_codes.len() as u128) as usize;
        let code = self.own_codes.get(customer).cloned();
        let body = self.cart(code)?;
        let path = match call {
            Call::Echo => format!("/bench/echo/{session}"),
            Call::Quote => format!("/api/v1/sessions/{session}"),
        };
        self.send(&path, &body).await
    }

    fn cart(&mut self, customer_code: Option<String>) -> anyhow::Result<Vec<u8>> {
        let (rng, skus) = (&mut self.rng, &self.shop.skus);
        let lines = (0..LINES)
            .map(|_| LineRequest {
                sku: skus[rng.random_range(0..skus.len())].clone(),
                quantity: rng.random_range(1..=4),
                unit_price: None,
            })
            .collect();
        let request =
            SessionRequest { customer_code, card_id: None, coupon_codes: Vec::new(), currency: Currency::EUR, lines };
        Ok(serde_json::to_vec(&request)?)
    }

    /// One PUT and its whole answer, which must be 200.
    async fn send(&mut self, path: &str, body: &[u8]) -> anyhow::Result<()> {
        let head = format!(
            "PUT {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            self.shop.till_key,
            body.len()
        );
        let mut message = head.into_bytes();
        message.extend_from_slice(body);
        self.stream.write_all(&message).await?;
        self.buffer.clear();
        let body_at = loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..body_at]).to_ascii_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
            .context("the answer has no content-length")?;
        while self.buffer.len() < body_at + length {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the answer broke off");
        }
        if !head.starts_with("http/1.1 200") {
            bail!("{path}: {}", String::from_utf8_lossy(&self.buffer));
        }
        Ok(())
    }
}

/// The q-quantile, by the nearest rank.
fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = ((sorted.len() as f64 * q).ceil() as usize).clamp(1, sorted.len().max(1));
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// A folder that goes with the bench.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("kava-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_the_nearest_rank() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert!((quantile(&values, 0.5) - 2.0).abs() < f64::EPSILON);
        assert!((quantile(&values, 0.99) - 4.0).abs() < f64::EPSILON);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
