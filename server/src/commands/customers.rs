//! `kava customers`: a phone for an imported customer, and accounts that end.

use anyhow::{Context, bail};
use domain::{CustomerId, Phone};
use services::Shop;

#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Give an imported customer a phone to sign in with
    SetPhone {
        /// The customer's number in the imported receipts, such as 17850
        external_id: String,
        /// With the country code, such as +447700900123
        #[arg(allow_hyphen_values = true)]
        phone: String,
    },
    /// Forget a customer for good: phone, name, codes and cards go, receipts and sums stay and lead to nobody
    Delete {
        /// The customer's id, or their number in the imported receipts
        customer: String,
        /// Do it; without this it is only said what would be done
        #[arg(long)]
        yes: bool,
    },
    /// Make everything of one customer count for another, for good: receipts, savings, and what was used of limits
    Merge {
        /// The account that ends: its id, or its number in the imported receipts
        from: String,
        /// The account that stays
        into: String,
        /// Do it; without this it is only said what would be done
        #[arg(long)]
        yes: bool,
    },
}

/// # Errors
/// Says what is wrong with the phone or the ids, that nobody has one, or that the phone is another customer's.
pub async fn run(verb: Verb, shop: &Shop) -> anyhow::Result<()> {
    match verb {
        Verb::SetPhone { external_id, phone } => {
            let number = Phone::parse(&phone).with_context(|| format!("{phone:?} is no phone number"))?;
            shop.set_phone(&external_id, &number).await.map_err(|refusal| anyhow::anyhow!("{}", refusal.detail))?;
            println!("Customer {external_id} signs in with {number} now.");
        }
        Verb::Delete { customer, yes } => {
            let id = customer_of(shop, &customer).await?;
            if !yes {
                bail!("This forgets customer {id} for good. To do it: kava customers delete {customer} --yes");
            }
            shop.forget_customer(id).await.map_err(|refusal| anyhow::anyhow!("{}", refusal.detail))?;
            // The command ends with this: nothing of it is left to a task.
            shop.scrub_forgotten().await?;
            println!("Customer {id} is forgotten. Receipts and sums stay.");
        }
        Verb::Merge { from, into, yes } => {
            let (old, new) = (customer_of(shop, &from).await?, customer_of(shop, &into).await?);
            if !yes {
                bail!(
                    "This makes everything of {old} count for {new}, for good. To do it: kava customers merge {from} {into} --yes"
                );
            }
            let merged = shop.merge_customers(old, new).await;
            let merged = merged.map_err(|refusal| anyhow::anyhow!("{}", refusal.detail))?;
            let done = if merged.now { "counts for" } else { "was merged before into" };
            println!("{old} {done} {}.", merged.into);
        }
    }
    Ok(())
}

async fn customer_of(shop: &Shop, text: &str) -> anyhow::Result<CustomerId> {
    if let Ok(id) = text.parse() {
        return Ok(CustomerId(id));
    }
    let found = shop.store().customer_by_external_id(text).await?;
    found
        .map(|customer| customer.id)
        .with_context(|| format!("nobody has the number {text:?}, and it is no customer's id"))
}
