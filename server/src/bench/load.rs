//! Load for the benches: tills on kept-alive connections of their own, all in this process, and what their calls took.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::put;
use contract::till::{LineRequest, SessionRequest};
use domain::Currency;
use embedded::{Postgres, PostgresParams};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use services::clock::{Clock, Draw, Entropy};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use super::connection::Connection;
use super::machine::machine;
use super::shop::Furnished;
use super::tastes::Tastes;
use crate::config::{Config, Flags};
use crate::edge::{self, Edge, request};
use crate::rest;
use crate::serve::Stop;
use crate::wiring::Wired;

/// A till quotes a basket several times while it grows.
const PUTS_OF_A_SESSION: u32 = 4;

/// The server of a bench, with the endpoint that only echoes beside the real ones.
pub(super) struct Server {
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(super) async fn start(config: &Config, wired: &Wired) -> anyhow::Result<Self> {
        let edge = wired.edge(config)?;
        let router = edge::router(&edge, None)?.merge(echo(&edge));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        Ok(Self { address, stop, task: tokio::spawn(crate::serve::serve(listener, router, stopping)) })
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        let _ = self.stop.send(true);
        Ok(self.task.await.context("the server broke down")??)
    }
}

/// Parses and writes the same JSON under the same middleware, and does nothing else. Only a bench mounts it.
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

/// Measures on a durable PostgreSQL and a Redis of the bench's own, which end with it; prints the figures as the last line.
///
/// # Errors
/// When the servers do not start, or the measurement fails or is stopped.
pub(super) async fn on_private_servers(
    bench: &str,
    measure: impl AsyncFnOnce(&Config, &Path, &Wired) -> anyhow::Result<Value>,
) -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let flags = Flags { config: Some("/dev/null".into()), data: Some(folder.0.clone()), ..Flags::default() };
    let config = Config::load(&flags, [])?;
    println!("A private PostgreSQL (durable) and Redis in {}", folder.0.display());
    let mut stop = Stop::listen();
    let wired = Wired::start(&config).await?;
    let figures = tokio::select! {
        figures = measure(&config, &folder.0, &wired) => figures,
        () = stop.asked() => Err(anyhow::anyhow!("stopped before the end")),
    };
    wired.stop().await?;
    println!("{}", json!({"bench": bench, "figures": figures?, "machine": machine()}));
    Ok(())
}

/// Measures on a durable PostgreSQL of the bench's own, in `folder`.
///
/// # Errors
/// When it does not start or stop, or the measurement fails.
pub(super) async fn on_private_postgres<T>(
    folder: &Path,
    measure: impl AsyncFnOnce(&Postgres) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let data = folder.to_path_buf();
    println!("A private PostgreSQL (durable) in {}", data.display());
    let start = move || Postgres::start(PostgresParams::new(data), &mut |line| eprintln!("{line}"));
    let postgres = tokio::task::spawn_blocking(start).await??;
    let measured = measure(&postgres).await;
    tokio::task::spawn_blocking(move || postgres.stop()).await??;
    measured
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Echo,
    Quote,
    /// Of a session that was quoted before.
    Close,
}

/// What the calls of a while took.
pub(super) struct Turn {
    pub clients: Vec<Client>,
    /// Of each call, in milliseconds.
    pub times: Vec<f64>,
    /// Calls a second.
    pub rate: f64,
}

/// All clients at once for a while, each as fast as it is answered.
pub(super) async fn turn(clients: Vec<Client>, call: Call, time: Duration) -> anyhow::Result<Turn> {
    turn_paced(clients, call, time, None).await
}

/// All clients at once for a while. With a `pace`, each sends one call in that time and is not early; what a call waits
/// because the one before it was late counts as its own time.
pub(super) async fn turn_paced(
    clients: Vec<Client>,
    call: Call,
    time: Duration,
    pace: Option<Duration>,
) -> anyhow::Result<Turn> {
    let started = Instant::now();
    let count = clients.len().max(1) as u32;
    let clients: Vec<(usize, Client)> = clients.into_iter().enumerate().collect();
    let done = together(clients, |(n, mut client)| async move {
        let mut times = Vec::new();
        let mut due = started + pace.map_or(Duration::ZERO, |pace| pace * n as u32 / count);
        while started.elapsed() < time && !(call == Call::Close && client.quoted.is_empty()) {
            if pace.is_some() {
                tokio::time::sleep_until(due.into()).await;
            } else {
                due = Instant::now();
            }
            match call {
                Call::Close => client.close().await?,
                Call::Echo | Call::Quote => client.put(call).await?,
            }
            times.push(due.elapsed().as_secs_f64() * 1_000.0);
            due += pace.unwrap_or_default();
        }
        Ok((client, times))
    })
    .await?;
    let elapsed = started.elapsed().as_secs_f64();
    let (clients, times): (Vec<_>, Vec<_>) = done.into_iter().unzip();
    let times: Vec<f64> = times.into_iter().flatten().collect();
    let rate = times.len() as f64 / elapsed;
    Ok(Turn { clients, times, rate })
}

pub(super) async fn together<C, T, F>(clients: Vec<C>, work: impl Fn(C) -> F) -> anyhow::Result<Vec<T>>
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
pub(super) struct Client {
    connection: Connection,
    rng: StdRng,
    tastes: Tastes,
    shop: Furnished,
    lines: usize,
    own_codes: Vec<String>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// The basket that grows.
    session: Uuid,
    puts: u32,
    /// Sessions to close, and what each costs.
    quoted: Vec<(Uuid, i64)>,
    receipts: u64,
    number: usize,
}

impl Client {
    /// The till `number` of `all`, each with customers of its own and baskets of so many `lines`.
    pub(super) async fn connect(
        address: SocketAddr,
        shop: &Furnished,
        number: usize,
        all: usize,
        lines: usize,
        wired: &Wired,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            connection: Connection::open(address).await?,
            rng: StdRng::seed_from_u64(number as u64),
            tastes: Tastes::of(shop.skus.len(), number as u64)?,
            shop: shop.clone(),
            lines,
            own_codes: shop.codes.iter().skip(number).step_by(all).cloned().collect(),
            clock: wired.clock.clone(),
            entropy: wired.entropy.clone(),
            session: Uuid::nil(),
            puts: 0,
            quoted: Vec::new(),
            receipts: 0,
            number,
        })
    }

    /// Every customer once, so that nobody's cards are made inside the measurement.
    pub(super) async fn meet_customers(&mut self) -> anyhow::Result<()> {
        for code in self.own_codes.clone() {
            let session = self.new_session();
            let body = self.cart(Some(code))?;
            self.send("PUT", &format!("/api/v1/sessions/{session}"), "", &body).await?;
        }
        Ok(())
    }

    /// As a till does when a basket begins.
    fn new_session(&self) -> Uuid {
        self.entropy.id(self.clock.now())
    }

    fn next_session(&mut self) -> Uuid {
        if self.puts.is_multiple_of(PUTS_OF_A_SESSION) {
            self.session = self.new_session();
        }
        self.puts += 1;
        self.session
    }

    /// The customer of a session stays the same, as it does at a till.
    fn customer_of(&self, session: Uuid) -> Option<String> {
        let customer = (session.as_u128() % self.own_codes.len().max(1) as u128) as usize;
        self.own_codes.get(customer).cloned()
    }

    pub(super) async fn put(&mut self, call: Call) -> anyhow::Result<()> {
        let session = self.next_session();
        let body = self.cart(self.customer_of(session))?;
        let path = match call {
            Call::Echo => format!("/bench/echo/{session}"),
            Call::Quote | Call::Close => format!("/api/v1/sessions/{session}"),
        };
        self.send("PUT", &path, "", &body).await.map(drop)
    }

    /// Quotes so many baskets that are closed later.
    pub(super) async fn quote_ahead(&mut self, baskets: usize) -> anyhow::Result<()> {
        for _ in 0..baskets {
            let session = self.new_session();
            let body = self.cart(self.customer_of(session))?;
            let at = self.send("PUT", &format!("/api/v1/sessions/{session}"), "", &body).await?;
            let answer: Value = serde_json::from_slice(self.connection.answer(at))?;
            let total = answer["total"].as_i64().context("an answer without a total")?;
            self.quoted.push((session, total));
        }
        Ok(())
    }

    async fn close(&mut self) -> anyhow::Result<()> {
        let (session, paid) = self.quoted.pop().context("no basket is left")?;
        self.receipts += 1;
        let body = serde_json::to_vec(&json!({
            "receipt_number": format!("{}-{}", self.number, self.receipts), "paid": paid,
        }))?;
        self.send("POST", &format!("/api/v1/sessions/{session}/close"), &session.to_string(), &body).await.map(drop)
    }

    fn cart(&mut self, customer_code: Option<String>) -> anyhow::Result<Vec<u8>> {
        let (rng, tastes, skus) = (&mut self.rng, &mut self.tastes, &self.shop.skus);
        let lines = (0..self.lines)
            .map(|_| LineRequest {
                sku: skus.get(tastes.next()).cloned().unwrap_or_default(),
                quantity: rng.random_range(1..=4),
                unit_price: None,
            })
            .collect();
        let request = SessionRequest {
            explain: None,
            customer_code,
            card_id: None,
            coupon_codes: Vec::new(),
            currency: Currency::EUR,
            lines,
        };
        Ok(serde_json::to_vec(&request)?)
    }

    /// One call and its whole answer, which must be 200; says where in the buffer the answer's body begins.
    async fn send(&mut self, method: &str, path: &str, key: &str, body: &[u8]) -> anyhow::Result<usize> {
        let key = if key.is_empty() { String::new() } else { format!("idempotency-key: {key}\r\n") };
        let headers = format!("authorization: Bearer {}\r\n{key}", self.shop.till_key);
        self.connection.call(method, path, &headers, body).await
    }
}

/// The q-quantile, by the nearest rank.
pub(super) fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = ((sorted.len() as f64 * q).ceil() as usize).clamp(1, sorted.len().max(1));
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

pub(super) fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// A folder that goes with the bench.
pub(super) struct Folder(pub PathBuf);

impl Folder {
    pub(super) fn new() -> anyhow::Result<Self> {
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
