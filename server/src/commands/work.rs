//! (in work)
#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(_args: Args, _shop: &services::Shop) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
