//! `kava doctor ledger`

use store::Store;

/// # Errors
/// Names every account whose counters are not the sums of its holds and of its ledger.
pub async fn run(store: &Store) -> anyhow::Result<()> {
    let wrong = store.audit_limits().await?;
    for account in &wrong {
        println!(
            "WRONG  {}: committed {} (ledger {}), reserved {} (ledger {}, holds {})",
            account.key,
            account.committed,
            account.ledger_committed,
            account.reserved,
            account.ledger_reserved,
            account.held
        );
    }
    anyhow::ensure!(
        wrong.is_empty(),
        "{} accounts do not agree with their ledger. Somebody wrote to these tables past Kava: restore them from a backup.",
        wrong.len()
    );
    println!("ok     every counter of coupons and budgets is the sum of its ledger");
    Ok(())
}
