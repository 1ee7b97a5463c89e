pub async fn run(_quick: bool) -> anyhow::Result<()> { Ok(()) }
