//! `kava doctor`: looks at every port and says what to do about what is wrong. Starts and changes nothing.

use std::path::Path;
use std::time::Duration;

use cache::Cache;
use store::Store;

use crate::config::{Config, without_secret};
use crate::edge::Site;

struct Finding {
    port: &'static str,
    state: State,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    /// Works, with less.
    Poorer,
    Wrong,
}

/// Prints a line for each port; `true` when nothing is wrong.
pub async fn run(config: &Config) -> bool {
    let findings = [
        settings(config),
        database(config).await,
        redis(config).await,
        site(config),
        address(config).await,
        folder(config),
    ];
    for finding in &findings {
        let mark = match finding.state {
            State::Good => "ok   ",
            State::Poorer => "note ",
            State::Wrong => "WRONG",
        };
        println!("{mark}  {:<10}  {}", finding.port, finding.text);
    }
    findings.iter().all(|finding| finding.state != State::Wrong)
}

fn settings(config: &Config) -> Finding {
    let exposed = !config.is_secure() && !config.is_local();
    let (state, text) = if exposed {
        (State::Poorer, format!("{} is not https: cookies travel in the clear. Set serve.public_url.", config.origin()))
    } else {
        (State::Good, format!("read; served at {}", config.origin()))
    };
    Finding { port: "settings", state, text }
}

async fn database(config: &Config) -> Finding {
    let port = "database";
    if config.database.url.is_empty() {
        return match embedded::postgres_binaries() {
            Ok(folder) => Finding {
                port,
                state: State::Good,
                text: format!("a private PostgreSQL from {} in {}", folder.display(), config.data.folder.display()),
            },
            Err(error) => Finding { port, state: State::Wrong, text: error.to_string() },
        };
    }
    let shown = without_secret(&config.database.url);
    let store = match Store::connect(&config.database.url, 2).await {
        Ok(store) => store,
        Err(error) => {
            let text = format!("{shown} does not answer ({error}). Start it, or correct DATABASE_URL.");
            return Finding { port, state: State::Wrong, text };
        }
    };
    let (state, text) = match store.settings().await {
        Ok(Some(settings)) => (State::Good, format!("{shown}: the shop {}, {}", settings.name, settings.currency)),
        Ok(None) => {
            (State::Poorer, format!("{shown}: migrated, without a shop yet. `kava seed` or `kava import` makes one."))
        }
        Err(_) => (State::Poorer, format!("{shown}: not migrated. `kava migrate` does it, `kava serve` too.")),
    };
    Finding { port, state, text }
}

async fn redis(config: &Config) -> Finding {
    let port = "cache";
    if !config.redis.enabled {
        return Finding { port, state: State::Good, text: "in process (redis.enabled is false)".to_owned() };
    }
    if config.redis.url.is_empty() {
        return match embedded::redis_binary() {
            Some(path) => {
                Finding { port, state: State::Good, text: format!("a private Redis from {}", path.display()) }
            }
            None => Finding {
                port,
                state: State::Poorer,
                text: "in process; for a Redis: apt-get install -y redis-server".to_owned(),
            },
        };
    }
    let shown = without_secret(&config.redis.url);
    let answer = match cache::Redis::open(&config.redis.url, "kava:") {
        Ok(redis) => match tokio::time::timeout(Duration::from_secs(3), redis.ping()).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err("no answer in 3 seconds".to_owned()),
        },
        Err(error) => Err(error.to_string()),
    };
    match answer {
        Ok(()) => Finding { port, state: State::Good, text: format!("{shown} answers") },
        Err(error) => Finding {
            port,
            state: State::Poorer,
            text: format!("{shown}: {error}. Kava goes on without it, slower. Start it, or correct REDIS_URL."),
        },
    }
}

fn site(config: &Config) -> Finding {
    match Site::open(&config.serve.site) {
        Ok(_) => {
            Finding { port: "site", state: State::Good, text: format!("whole in {}", config.serve.site.display()) }
        }
        Err(error) => Finding { port: "site", state: State::Wrong, text: format!("{error:#}") },
    }
}

async fn address(config: &Config) -> Finding {
    let address = config.serve.address;
    let (state, text) = match tokio::net::TcpListener::bind(address).await {
        Ok(_) => (State::Good, format!("{address} is free")),
        Err(error) => (State::Poorer, format!("{address}: {error}. Fine when Kava runs there now; else set --addr.")),
    };
    Finding { port: "address", state, text }
}

fn folder(config: &Config) -> Finding {
    let folder = &config.data.folder;
    let there = if folder.exists() { "there" } else { "made at the first start" };
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let writable = folder.exists() || parent.metadata().is_ok_and(|entry| !entry.permissions().readonly());
    Finding {
        port: "data",
        state: if writable { State::Good } else { State::Wrong },
        text: if writable {
            format!("{} ({there})", folder.display())
        } else {
            format!("{} cannot be made. Name another folder with --data.", folder.display())
        },
    }
}
