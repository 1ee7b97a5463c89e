//! (in work)
pub async fn run(_quick: bool) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
