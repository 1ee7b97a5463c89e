//! `kava customers set-phone EXTERNAL_ID PHONE`

use anyhow::Context;
use domain::Phone;
use services::Shop;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The customer's number in the imported receipts, such as 17850
    external_id: String,
    /// With the country code, such as +447700900123
    #[arg(allow_hyphen_values = true)]
    phone: String,
}

/// # Errors
/// Says what is wrong with the phone, that nobody has this id, or that the phone is another customer's.
pub async fn run(args: Args, shop: &Shop) -> anyhow::Result<()> {
    let phone = Phone::parse(&args.phone).with_context(|| format!("{:?} is no phone number", args.phone))?;
    shop.set_phone(&args.external_id, &phone).await.map_err(|refusal| anyhow::anyhow!("{}", refusal.detail))?;
    println!("Customer {} signs in with {phone} now.", args.external_id);
    Ok(())
}
