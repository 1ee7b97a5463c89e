//! The line between the till and Kava: signs what goes out, checks what comes in, and does the faults to both.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use domain::{SessionId, TillId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Client;
use serde::de::DeserializeOwned;
use services::clock::{Clock, SystemClock};
use till::wire::{self, Direction, Secret, Stamp, Taken, ToKava, ToTill};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use super::faults::Faults;
use super::ledger::Ledger;

/// A message that is slow comes later than the till waits.
const SLOW: Duration = Duration::from_millis(400);
/// One that is out of order comes after several later ones.
const REORDERED: Duration = Duration::from_millis(900);
/// No single exchange takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where Kava is, and what proves the till there.
#[derive(Clone, Debug)]
pub struct Peer {
    pub kava: String,
    pub till: TillId,
    pub till_key: String,
    pub secret: Secret,
}

/// The till's end of the line.
pub struct Line {
    client: Client,
    pub peer: Peer,
    faults: Mutex<Faults>,
    chance: Mutex<StdRng>,
    away_until: Mutex<Option<Instant>>,
    /// What Kava pushed, by check.
    pushed: Mutex<HashMap<SessionId, ToTill>>,
    /// Checks that are paid: a discount for them comes late.
    paid: Mutex<HashSet<SessionId>>,
    seen: Mutex<HashSet<Uuid>>,
    pub arrived: Notify,
    pub ledger: Mutex<Ledger>,
}

/// What happens to one message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    Slow,
    Twice,
    /// The message itself, or only its answer.
    Lost {
        sent: bool,
    },
    Reordered,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Line {
    pub fn new(peer: Peer, faults: Faults, seed: u64) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::builder().timeout(PATIENCE).build().context("The HTTP client cannot be made.")?,
            peer,
            faults: Mutex::new(faults),
            chance: Mutex::new(StdRng::seed_from_u64(seed ^ 0x6c69_6e65)),
            away_until: Mutex::default(),
            pushed: Mutex::default(),
            paid: Mutex::default(),
            seen: Mutex::default(),
            arrived: Notify::new(),
            ledger: Mutex::default(),
        })
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        held(&self.ledger)
    }

    pub fn faults(&self) -> Faults {
        *held(&self.faults)
    }

    pub fn set_faults(&self, faults: Faults) {
        *held(&self.faults) = faults;
    }

    pub fn go_away(&self, how_long: Duration) {
        *held(&self.away_until) = Some(Instant::now() + how_long);
    }

    pub fn is_away(&self) -> bool {
        held(&self.away_until).is_some_and(|until| Instant::now() < until)
    }

    /// Until the network is there again.
    pub async fn back(&self) {
        let until = *held(&self.away_until);
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }

    fn fate(&self) -> Fate {
        let faults = self.faults();
        let mut chance = held(&self.chance);
        let mut ledger = self.ledger();
        if chance.random_bool(faults.lost) {
            ledger.messages_lost += 1;
            Fate::Lost { sent: chance.random_bool(0.5) }
        } else if chance.random_bool(faults.reorder) {
            ledger.messages_reordered += 1;
            Fate::Reordered
        } else if chance.random_bool(faults.slow) {
            ledger.messages_slow += 1;
            Fate::Slow
        } else if chance.random_bool(faults.duplicate) {
            ledger.messages_twice += 1;
            Fate::Twice
        } else {
            Fate::Fine
        }
    }

    /// Sends a message with whatever goes wrong on its way; `None` when no answer came back.
    pub async fn send(&self, id: Uuid, message: &ToKava) -> Option<Taken> {
        if self.is_away() {
            self.ledger().messages_offline += 1;
            return None;
        }
        match self.fate() {
            Fate::Fine => self.exchange(id, message).await.ok(),
            Fate::Slow => {
                tokio::time::sleep(SLOW).await;
                self.exchange(id, message).await.ok()
            }
            Fate::Reordered => {
                tokio::time::sleep(REORDERED).await;
                self.exchange(id, message).await.ok()
            }
            Fate::Twice => {
                let (first, second) = tokio::join!(self.exchange(id, message), self.exchange(id, message));
                first.or(second).ok()
            }
            Fate::Lost { sent } => {
                if sent {
                    let _ = self.exchange(id, message).await;
                }
                None
            }
        }
    }

    /// One signed exchange, as the contract has it, without faults.
    pub async fn exchange(&self, id: Uuid, message: &ToKava) -> anyhow::Result<Taken> {
        let body = serde_json::to_vec(message)?;
        let stamp = Stamp { till: self.peer.till, message: id, timestamp: SystemClock.now().timestamp() };
        let response = self
            .client
            .post(format!("{}/adapters/alfa-kassa/v1/messages", self.peer.kava))
            .header(wire::TILL, stamp.till.to_string())
            .header(wire::MESSAGE, stamp.message.to_string())
            .header(wire::TIMESTAMP, stamp.timestamp)
            .header(wire::SIGNATURE, self.peer.secret.sign(Direction::ToKava, &stamp, &body))
            .body(body)
            .send()
            .await?;
        read(response).await
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        read(self.client.get(format!("{}{path}", self.peer.kava)).bearer_auth(&self.peer.till_key).send().await?).await
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, key: &str, body: Vec<u8>) -> anyhow::Result<T> {
        let request = self.client.post(format!("{}{path}", self.peer.kava)).bearer_auth(&self.peer.till_key);
        read(request.header("idempotency-key", key).body(body).send().await?).await
    }

    /// What came in; `false` when it is not from Kava.
    pub fn take(&self, stamp: &Stamp, signature: &str, body: &[u8]) -> bool {
        let now = SystemClock.now();
        if stamp.till != self.peer.till
            || self.peer.secret.verify(Direction::ToTill, stamp, body, signature, now).is_err()
        {
            return false;
        }
        let Ok(message) = serde_json::from_slice::<ToTill>(body) else { return false };
        if !held(&self.seen).insert(stamp.message) {
            self.ledger().repeated_pushes += 1;
            return true;
        }
        if let ToTill::DiscountGranted { check, sequence, .. } = message {
            if held(&self.paid).contains(&check) {
                self.ledger().late_answers += 1;
                return true;
            }
            let mut pushed = held(&self.pushed);
            // An earlier state of the check that comes later counts no more.
            let newer = match pushed.get(&check) {
                Some(ToTill::DiscountGranted { sequence: held, .. }) => *held < sequence,
                _ => true,
            };
            if newer {
                pushed.insert(check, message);
            }
        }
        self.arrived.notify_waiters();
        true
    }

    /// Whether the push of this check may be lost as well.
    pub fn loses_push(&self) -> bool {
        self.is_away() || held(&self.chance).random_bool(self.faults().lost)
    }

    /// The discount for this very state of the check, when it has come.
    pub fn discount(&self, check: SessionId, sequence: i64) -> Option<ToTill> {
        held(&self.pushed)
            .get(&check)
            .cloned()
            .filter(|pushed| matches!(pushed, ToTill::DiscountGranted { sequence: pushed, .. } if *pushed == sequence))
    }

    /// From now on a discount for this check is late.
    pub fn pay(&self, check: SessionId) {
        held(&self.paid).insert(check);
    }
}

async fn read<T: DeserializeOwned>(response: reqwest::Response) -> anyhow::Result<T> {
    let status = response.status();
    let body = response.bytes().await?;
    if !status.is_success() {
        bail!("Kava answered {status}: {}", String::from_utf8_lossy(&body));
    }
    serde_json::from_slice(&body).context("Kava's answer cannot be read.")
}
