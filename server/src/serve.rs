//! `kava serve`: everything up, in order; then down again, in order.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::serve::ListenerExt;
use services::seed::{self, DEMO};
use store::StoreError;
use store::counter::Counter;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::{Config, OpenSessions};
use crate::edge::{self, Site, health};
use crate::wiring::Wired;

/// How often it is looked whether the database still knows that we serve its tills.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What `serve` is asked to do beyond the settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// REST and probes, no pages: no built site is needed.
    pub api_only: bool,
}

/// Runs until SIGTERM or Ctrl-C, then lets open requests finish.
///
/// # Errors
/// Whatever keeps the shop from opening, with what to do about it.
pub async fn run(config: &Config, options: Options) -> anyhow::Result<()> {
    // Before anything is started: a wrong folder or a taken port is told at once.
    let site = if options.api_only { None } else { Some(Site::open(&config.serve.site)?) };
    let listener = listen(config.serve.address, "serve.address or --addr").await?;
    let metrics = match config.metrics_address() {
        Some(address) => Some(listen(address, "serve.metrics_address").await?),
        None => None,
    };
    let stop = Stop::listen();
    let wired = Wired::start(config).await?;
    let outcome = open(config, site.as_ref(), listener, metrics, &wired, stop).await;
    let stopped = wired.stop().await;
    outcome.and(stopped)
}

async fn open(
    config: &Config,
    site: Option<&Site>,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    wired: &Wired,
    mut stop: Stop,
) -> anyhow::Result<()> {
    if config.serve.seed_demo && wired.store.settings().await?.is_none() {
        eprintln!("The database is empty: setting up the demo shop.");
        // One transaction: stopped in the middle, it never happened.
        tokio::select! {
            seeded = seed::demo(&wired.shop) => { seeded.context("The demo shop could not be set up.")?; }
            () = stop.asked() => return Ok(()),
        }
    }
    let counter = take_counter(config, wired).await?;
    let edge = wired.edge(config)?;
    let router = edge::router(&edge, site)?;
    let (close, stopping) = watch::channel(false);
    let mut background = tokio::task::JoinSet::new();
    if config.serve.work {
        let work = crate::commands::background(wired.shop.clone(), config.serve.fit_nightly);
        let mut stopping = stopping.clone();
        background.spawn(async move {
            tokio::select! {
                () = work => {}
                _ = stopping.wait_for(|stop| *stop) => {}
            }
        });
    }
    if let Some(listener) = metrics {
        let router = health::metrics_router(edge.clone());
        let stopping = stopping.clone();
        background.spawn(async move {
            if let Err(error) = serve(listener, router, stopping).await {
                tracing::error!(%error, "the metrics listener failed");
            }
        });
    }
    let address = listener.local_addr()?;
    let server = tokio::spawn(serve(listener, router, stopping));
    greet(config, address, site.is_some(), wired).await?;

    let lost = tokio::select! {
        () = stop.asked() => Ok(()),
        lost = keep_counter(config, wired, counter) => lost,
        () = wired.keep_servers() => Ok(()),
    };
    eprintln!("Stopping.");
    let _ = close.send(true);
    let mut server = server;
    match tokio::time::timeout(config.drain(), &mut server).await {
        Ok(served) => served.context("The server broke down.")??,
        Err(_) => {
            tracing::warn!("some requests did not finish in time and were dropped");
            server.abort();
        }
    }
    let finished = async { while background.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_secs(5), finished).await.is_err() {
        tracing::warn!("background work did not finish in time; it goes on at the next start");
    }
    lost
}

/// The right to serve this database's tills. One that was just killed loses it within a moment, and is waited for.
async fn take_counter(config: &Config, wired: &Wired) -> anyhow::Result<Counter> {
    let alone = config.till.open_sessions == OpenSessions::Memory;
    for _ in 0..50 {
        if let Some(counter) = wired.store.take_counter(alone).await? {
            return Ok(counter);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!(
        "Another Kava serves this database, and one of the two keeps open sessions in memory. Stop it, or give both \
         till.open_sessions = \"database\"."
    )
}

/// The database forgets who had the right when it restarts: it is taken again as soon as it answers. Ends when another
/// process has it meanwhile: two that remember the same sessions must not both go on.
async fn keep_counter(config: &Config, wired: &Wired, mut counter: Counter) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        while !counter.is_held().await {
            match take_counter(config, wired).await {
                Ok(taken) => counter = taken,
                // Away, not taken.
                Err(error) if error.is::<StoreError>() => tokio::time::sleep(HEARTBEAT).await,
                Err(error) => return Err(error),
            }
        }
    }
}

async fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("Cannot listen on {address}. Is another server there? Set {setting} to another address.")
    })
}

/// Serves one router on one listener until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) -> std::io::Result<()> {
    // Answers are whole when they are written: waiting to fill a packet only delays them.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        })
        .await
}

/// Tells people where to go, on the standard output.
async fn greet(config: &Config, address: SocketAddr, pages: bool, wired: &Wired) -> anyhow::Result<()> {
    let origin = if config.serve.public_url.is_empty() { format!("http://{address}") } else { config.origin() };
    println!("\nKava is open at {origin}\n");
    if pages {
        println!("  customers   {origin}/");
        println!("  checkout    {origin}/checkout");
        println!("  marketing   {origin}/marketing/segments");
    }
    println!("  REST        {origin}/api/v1/openapi.json");
    println!("  readiness   {origin}/readyz   (cache: {})", wired.cache.kind());
    if wired.store.settings().await?.is_some_and(|settings| settings.demo) {
        println!("\nThis is a demo; these log-ins are no secret:\n");
        for staff in DEMO.staff {
            println!("  {:<10}  {} / {}   at {origin}/staff", staff.role.name(), staff.login, staff.password);
        }
        println!("  customer    {}   at {origin}/sign-in, the code at {origin}/demo/messages", DEMO.customer_phone);
        println!("  till key    {}   (own prices: {})", DEMO.till_key, DEMO.pricing_till_key);
        println!("  campaigns   {}   (a key for /api/v1/campaigns; coupon {})", DEMO.campaigns_key, DEMO.coupon);
    }
    println!("\nCtrl-C stops it.");
    Ok(())
}

/// Whether SIGTERM or Ctrl-C came. Listens from the moment it is made, so that a signal during the start is not lost
/// and the servers that were started are stopped as well.
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub(crate) fn listen() -> Self {
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            signal().await;
            let _ = tell.send(true);
        });
        Self(told)
    }

    pub(crate) async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
