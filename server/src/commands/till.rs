//! `kava till …`: what an operator does for the chain's tills.

use services::Shop;
use uuid::Uuid;

/// How many dead letters are told at a time.
const SHOWN: u16 = 200;

#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Connect an Alfa Kassa till, or connect it anew with another secret
    Connect {
        /// The store's name
        #[arg(long)]
        store: String,
        /// The till's name in that store
        #[arg(long)]
        till: String,
        /// Where the till listens, such as https://10.0.4.7:7000/kava
        #[arg(long)]
        endpoint: String,
    },
    /// The tills that are connected
    List,
    /// Messages that a till did not take for a day
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Sign grants with a new key from now on, because the old one may be known to others
    RenewGrantKey,
}

#[derive(Debug, clap::Subcommand)]
pub enum DeadLetters {
    /// The newest ones
    List,
    /// Try for another day: one, or all of them
    Retry { id: Option<Uuid> },
}

/// # Errors
/// What is refused, with what to do about it; or that the store is away.
pub async fn run(verb: Verb, shop: &Shop) -> anyhow::Result<()> {
    let told = |refusal: contract::Refusal| anyhow::anyhow!("{}", refusal.detail);
    match verb {
        Verb::Connect { store, till, endpoint } => {
            let connected = shop.connect_till(&store, &till, &endpoint).await.map_err(told)?;
            println!("Connected. Give these to the till; the secret is not shown again.\n");
            println!("  till    {}\n  secret  {}", connected.link.till(), connected.secret.reveal());
        }
        Verb::List => {
            for link in shop.connected_tills().await.map_err(told)? {
                println!("{}  {} / {}  {}", link.till(), link.store_name, link.till_name, link.endpoint);
            }
        }
        Verb::DeadLetters(DeadLetters::List) => {
            for dead in shop.dead_letters(SHOWN).await.map_err(told)? {
                let why = dead.last_error.unwrap_or_default();
                println!(
                    "{}  {}  {} / {}  {}  {} tries: {why}",
                    dead.id, dead.created_at, dead.store_name, dead.till_name, dead.kind, dead.tries
                );
            }
        }
        Verb::DeadLetters(DeadLetters::Retry { id }) => {
            let retried = shop.retry_dead_letters(id).await.map_err(told)?;
            println!("{retried} messages are tried for another day.");
        }
        Verb::RenewGrantKey => {
            let key_id = shop.renew_grant_key().await.map_err(told)?;
            println!("Grants are signed with key {key_id} now. Tills learn it with the next grants that they fetch.");
        }
    }
    Ok(())
}
