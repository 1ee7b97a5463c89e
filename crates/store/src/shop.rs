//! The shop itself: its one currency, its margin floor, and its secrets.

use chrono::{DateTime, Utc};
use domain::{Currency, MarginFloor, Rate, StoreId};
use uuid::Uuid;

use crate::offers::{Terms, TermsRow};
use crate::{Store, StoreError, Tx};

/// What holds for the whole chain. One row a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub name: String,
    pub currency: Currency,
    /// An IANA name such as `Europe/Minsk`: where the shop's days begin.
    pub time_zone: String,
    pub floor: MarginFloor,
    /// Whether the static code may redeem a card, or only identifies.
    pub redeem_with_static_code: bool,
    /// A demo shows its messages and its log-ins.
    pub demo: bool,
    /// Moves with every change of products or categories.
    pub catalogue_version: i64,
    /// What personal offers are made by.
    pub discounts: Terms,
}

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    currency: String,
    time_zone: String,
    min_margin_bp: i32,
    redeem_with_static_code: bool,
    demo: bool,
    catalogue_version: i64,
    #[sqlx(flatten)]
    discounts: TermsRow,
}

impl Row {
    fn settings(self) -> Result<Settings, StoreError> {
        Ok(Settings {
            currency: currency(&self.currency)?,
            name: self.name,
            time_zone: self.time_zone,
            floor: floor(self.min_margin_bp)?,
            redeem_with_static_code: self.redeem_with_static_code,
            demo: self.demo,
            catalogue_version: self.catalogue_version,
            discounts: self.discounts.terms()?,
        })
    }
}

macro_rules! settings {
    ($rest:literal) => {
        concat!(
            "select name, currency, time_zone, min_margin_bp, redeem_with_static_code, demo, catalogue_version, \
             discount_mode, discount_seed, held_out_bp, discount_least_bp, discount_most_bp, exploring_bp, \
             discount_budget, discount_period_from, discount_period_weeks",
            $rest
        )
    };
}

pub(crate) fn currency(text: &str) -> Result<Currency, StoreError> {
    text.parse().map_err(|why| StoreError::corrupt("currency", why))
}

pub(crate) fn floor(bp: i32) -> Result<MarginFloor, StoreError> {
    let bp = u32::try_from(bp).map_err(|why| StoreError::corrupt("margin floor", why))?;
    Ok(MarginFloor { min_margin: Rate(bp) })
}

impl Store {
    /// The settings, and the revision of the rule set in force, as of one moment; `None` before the shop was set up.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn in_force(&self) -> Result<Option<(Settings, Option<i64>)>, StoreError> {
        #[derive(sqlx::FromRow)]
        struct InForce {
            #[sqlx(flatten)]
            row: Row,
            rules_revision: Option<i64>,
        }
        let found: Option<InForce> =
            sqlx::query_as(settings!(", rules_revision from shop")).fetch_optional(self.pool()).await?;
        found.map(|InForce { row, rules_revision }| Ok((row.settings()?, rules_revision))).transpose()
    }

    /// The zones of the stores that have one of their own.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn zones(&self) -> Result<Vec<(StoreId, String)>, StoreError> {
        let rows: Vec<(Uuid, String)> = sqlx::query_as("select id, time_zone from stores where time_zone is not null")
            .fetch_all(self.pool())
            .await?;
        Ok(rows.into_iter().map(|(store, zone)| (StoreId(store), zone)).collect())
    }
}

impl Store {
    /// What holds for the whole chain; `None` before the shop was set up.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn settings(&self) -> Result<Option<Settings>, StoreError> {
        settings(&mut self.begin().await?).await
    }

    /// Puts a secret in the place of the one there was.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn put_secret(&self, name: &str, value: [u8; 32]) -> Result<(), StoreError> {
        sqlx::query(
            "insert into secrets (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value",
        )
        .bind(name)
        .bind(value.as_slice())
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// The shop's secret of this name: `fresh` when there was none, and from then on always the same bytes, whoever asks.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when what is stored is not 32 bytes.
    pub async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        sqlx::query("insert into secrets (name, value) values ($1, $2) on conflict (name) do nothing")
            .bind(name)
            .bind(fresh.as_slice())
            .execute(self.pool())
            .await?;
        let stored: Vec<u8> =
            sqlx::query_scalar("select value from secrets where name = $1").bind(name).fetch_one(self.pool()).await?;
        <[u8; 32]>::try_from(stored.as_slice())
            .map_err(|_| StoreError::corrupt("secret", format!("{} bytes, not 32", stored.len())))
    }
}

/// What holds for the whole chain, inside a story's transaction.
///
/// # Errors
/// Only when the store is away.
pub async fn settings(tx: &mut Tx) -> Result<Option<Settings>, StoreError> {
    let row = sqlx::query_as::<_, Row>(settings!(" from shop")).fetch_optional(&mut **tx).await?;
    row.map(Row::settings).transpose()
}

/// Sets the shop up, once; with a new shop's terms of discounts, whatever the settings say of them.
///
/// # Errors
/// The constraint `shop_pkey` when it already stands.
pub async fn create(tx: &mut Tx, settings: &Settings, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "insert into shop (name, currency, time_zone, min_margin_bp, redeem_with_static_code, demo, catalogue_version, \
         created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&settings.name)
    .bind(settings.currency.code())
    .bind(&settings.time_zone)
    .bind(i32::try_from(settings.floor.min_margin.bp()).unwrap_or(i32::MAX))
    .bind(settings.redeem_with_static_code)
    .bind(settings.demo)
    .bind(settings.catalogue_version)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kava() -> Settings {
        Settings {
            name: "Kava".into(),
            currency: Currency::GBP,
            time_zone: "Europe/London".into(),
            floor: MarginFloor { min_margin: Rate(1_250) },
            redeem_with_static_code: false,
            demo: true,
            catalogue_version: 1,
            discounts: crate::offers::Terms::default(),
        }
    }

    #[tokio::test]
    async fn a_shop_is_set_up_once_and_reads_as_it_was_written() {
        let database = testkit::migrated_database(&crate::MIGRATOR).await;
        let store = Store::connect(&database.url, 4).await.unwrap();
        assert_eq!(store.settings().await.unwrap(), None);
        let mut tx = store.begin().await.unwrap();
        create(&mut tx, &kava(), DateTime::UNIX_EPOCH).await.unwrap();
        crate::commit(tx).await.unwrap();
        assert_eq!(store.settings().await.unwrap(), Some(kava()));
        let mut tx = store.begin().await.unwrap();
        let again = create(&mut tx, &kava(), DateTime::UNIX_EPOCH).await.unwrap_err();
        assert!(again.breaks("shop_pkey"));
    }

    #[tokio::test]
    async fn a_secret_is_made_once_whoever_asks() {
        let database = testkit::migrated_database(&crate::MIGRATOR).await;
        let store = Store::connect(&database.url, 10).await.unwrap();
        let asked = (0..8_u8).map(|place| {
            let store = store.clone();
            tokio::spawn(async move { store.secret("pepper", [place; 32]).await.unwrap() })
        });
        let mut given = Vec::new();
        for answer in asked.collect::<Vec<_>>() {
            given.push(answer.await.unwrap());
        }
        given.dedup();
        assert_eq!(given.len(), 1);
        assert_eq!(store.secret("other", [9; 32]).await.unwrap(), [9; 32]);
        assert_eq!(store.secret("pepper", [9; 32]).await.unwrap(), given[0]);
    }
}
