//! Rule sets: every one that was ever published, and which one is in force. Nothing is changed or forgotten, because
//! sessions are pinned to the one they were quoted with.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::{Store, StoreError, Tx};

/// A published rule set.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RuleSet {
    pub revision: i64,
    pub published_at: DateTime<Utc>,
    pub published_by: String,
    /// `promotions::Params` as JSON, the very text that was checked.
    pub params: String,
}

/// A published rule set without its rules, for lists.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Published {
    pub revision: i64,
    pub published_at: DateTime<Utc>,
    pub published_by: String,
    /// SHA-256 of the rules: two revisions with the same one say the same.
    pub sha256: Vec<u8>,
}

impl Store {
    /// The revision in force; `None` in a shop without campaigns.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn rules_revision(&self) -> Result<Option<i64>, StoreError> {
        let row: Option<Option<i64>> =
            sqlx::query_scalar("select rules_revision from shop").fetch_optional(self.pool()).await?;
        Ok(row.flatten())
    }

    /// A rule set by its revision.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the text is not the one that was published.
    pub async fn rule_set(&self, revision: i64) -> Result<Option<RuleSet>, StoreError> {
        #[derive(sqlx::FromRow)]
        struct Row {
            #[sqlx(flatten)]
            rule_set: RuleSet,
            sha256: Vec<u8>,
        }
        let row = sqlx::query_as::<_, Row>(
            "select revision, published_at, published_by, params, sha256 from rule_sets where revision = $1",
        )
        .bind(revision)
        .fetch_optional(self.pool())
        .await?;
        row.map(|Row { rule_set, sha256 }| {
            if Sha256::digest(&rule_set.params).as_slice() == sha256 {
                return Ok(rule_set);
            }
            let why = format!("revision {revision} does not have the SHA-256 that it was published with");
            Err(StoreError::corrupt("rule set", why))
        })
        .transpose()
    }

    /// The newest first, from before `before` on.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn rule_sets(&self, before: Option<i64>, most: u16) -> Result<Vec<Published>, StoreError> {
        Ok(sqlx::query_as(
            "select revision, published_at, published_by, sha256 from rule_sets \
             where revision < $1 order by revision desc limit $2",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::from(most))
        .fetch_all(self.pool())
        .await?)
    }
}

/// The revision in force, held until this transaction ends: whoever wants to publish as well waits. `None` before the
/// shop was set up, `Some(None)` in a shop without campaigns.
///
/// # Errors
/// [`StoreError::Busy`] as for every lock.
pub async fn hold(tx: &mut Tx) -> Result<Option<Option<i64>>, StoreError> {
    // Quotes and closes only read the shop's row; nobody waits for this lock but who publishes.
    Ok(sqlx::query_scalar("select rules_revision from shop for no key update").fetch_optional(&mut **tx).await?)
}

/// Puts a rule set in force that was checked, as the next revision; [`hold`] comes first.
///
/// # Errors
/// Only when the store is away.
pub async fn publish(tx: &mut Tx, params: &str, by: &str, now: DateTime<Utc>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "with made as (insert into rule_sets (published_at, published_by, params, sha256) \
             values ($1, $2, $3, $4) returning revision) \
         update shop set rules_revision = made.revision from made returning rules_revision",
    )
    .bind(now)
    .bind(by)
    .bind(params)
    .bind(Sha256::digest(params).as_slice())
    .fetch_one(&mut **tx)
    .await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_rule_set_is_published_and_every_one_before_it_is_kept() {
        let database = testkit::migrated_database(&crate::MIGRATOR).await;
        let store = Store::connect(&database.url, 4).await.unwrap();
        assert_eq!(store.rules_revision().await.unwrap(), None);
        sqlx::query("insert into shop (name, currency, time_zone, min_margin_bp, created_at) values ('', 'GBP', 'UTC', 0, now())")
            .execute(store.pool())
            .await
            .unwrap();
        let mut revisions = Vec::new();
        for params in ["{}", r#"{"campaigns": [ ]}"#] {
            let mut tx = store.begin().await.unwrap();
            assert_eq!(hold(&mut tx).await.unwrap(), Some(revisions.last().copied()));
            revisions.push(publish(&mut tx, params, "mira", DateTime::UNIX_EPOCH).await.unwrap());
            crate::commit(tx).await.unwrap();
        }
        assert_eq!(store.rules_revision().await.unwrap(), Some(revisions[1]));
        let newest = store.rule_set(revisions[1]).await.unwrap().unwrap();
        assert_eq!((newest.params.as_str(), newest.published_by.as_str()), (r#"{"campaigns": [ ]}"#, "mira"));
        assert_eq!(store.rule_set(revisions[1] + 1).await.unwrap(), None);
        let listed = store.rule_sets(None, 10).await.unwrap();
        assert_eq!(listed.iter().map(|set| set.revision).collect::<Vec<_>>(), [revisions[1], revisions[0]]);
        assert_eq!(store.rule_sets(Some(revisions[1]), 10).await.unwrap(), listed[1..]);

        sqlx::query("update rule_sets set params = params || ' '").execute(store.pool()).await.unwrap();
        assert!(matches!(store.rule_set(revisions[0]).await, Err(StoreError::Corrupt { .. })));
    }
}
