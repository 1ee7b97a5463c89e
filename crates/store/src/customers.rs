//! Customers: who they are, the code they show, what they saved, and the features that their segment is made from.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use domain::{Amount, CustomerId, Locale, Phone, SegmentModelId};
use uuid::Uuid;

use crate::json_text::JsonText;
use crate::purchases::Edition;
use crate::segments::Habits;
use crate::segments::origins::Origin;
use crate::{Store, StoreError, Tx};

/// A customer as stored. Money is in minor units of the shop's currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    pub id: CustomerId,
    /// The number that imported receipts know them by.
    pub external_id: Option<String>,
    /// Absent until somebody proved it: such a customer cannot sign in.
    pub phone: Option<Phone>,
    pub static_code: StaticCode,
    pub code_handle: CodeHandle,
    pub code_secret: RotatingSecret,
    /// Empty until the customer gives one.
    pub name: String,
    pub email: Option<String>,
    /// Month and day.
    pub birthday: Option<(u8, u8)>,
    pub locale: Locale,
    pub marketing_consent: bool,
    pub created_at: DateTime<Utc>,
    pub savings: Amount,
    pub visits: u32,
    pub spent: Amount,
    pub first_purchase_at: Option<DateTime<Utc>>,
    pub last_purchase_at: Option<DateTime<Utc>>,
    /// Spend by category id.
    pub composition: BTreeMap<String, i64>,
    /// What the goods cost, and what was paid for them, over lines whose cost is known.
    pub cost: Amount,
    pub costed: Amount,
    pub habits: Habits,
    pub segment_model: Option<SegmentModelId>,
    pub segment_index: u16,
    /// Moves whenever the cards or the active one change.
    pub offers_version: i64,
    /// Who this is now, when the account was merged into another ([`crate::accounts`]).
    pub merged_into: Option<CustomerId>,
    /// Nobody any more.
    pub erased: bool,
    pub edition: Edition,
}

/// What is needed to make a customer; everything else begins empty, in the newcomers' segment.
#[derive(Clone, Debug)]
pub struct NewCustomer {
    pub id: CustomerId,
    pub external_id: Option<String>,
    pub phone: Option<Phone>,
    pub static_code: StaticCode,
    pub code_handle: CodeHandle,
    pub code_secret: RotatingSecret,
    pub name: String,
    pub locale: Locale,
    pub created_at: DateTime<Utc>,
    /// The model in use, so that its newcomers count this one, and what it expects of them: 0 is nothing.
    pub segment_model: Option<SegmentModelId>,
    pub segment_index: u16,
    pub origin: Origin,
}

/// The profile as the customer edits it, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileFields {
    pub name: String,
    pub email: Option<String>,
    pub birthday: Option<(u8, u8)>,
    pub locale: Locale,
    pub marketing_consent: bool,
}

impl Customer {
    /// What a till calls them: their name, else the mask of their phone, else the number of their receipts.
    #[must_use]
    pub fn display_name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        match (&self.phone, &self.external_id) {
            (Some(phone), _) => phone.masked(),
            (None, Some(external)) => external.clone(),
            (None, None) => String::new(),
        }
    }

    /// The average of what a purchase cost; zero before the first.
    #[must_use]
    pub fn average_basket(&self) -> Amount {
        match i64::from(self.visits) {
            0 => Amount::ZERO,
            visits => Amount((self.spent.minor() / visits).max(0)),
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    external_id: Option<String>,
    phone: Option<String>,
    static_code: String,
    code_handle: i64,
    code_secret: Vec<u8>,
    name: String,
    email: Option<String>,
    birth_month: Option<i16>,
    birth_day: Option<i16>,
    locale: String,
    marketing_consent: bool,
    created_at: DateTime<Utc>,
    savings: i64,
    visits: i32,
    spent: i64,
    first_purchase_at: Option<DateTime<Utc>>,
    last_purchase_at: Option<DateTime<Utc>>,
    composition: JsonText<BTreeMap<String, i64>>,
    cost: i64,
    costed: i64,
    habits: JsonText<Habits>,
    segment_model: Option<Uuid>,
    segment_index: i16,
    offers_version: i64,
    merged_into: Option<Uuid>,
    erased: bool,
    edition: i64,
}

fn corrupt(why: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("customer", why)
}

impl TryFrom<Row> for Customer {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let birthday = match (row.birth_month, row.birth_day) {
            (Some(month), Some(day)) => {
                Some((u8::try_from(month).map_err(corrupt)?, u8::try_from(day).map_err(corrupt)?))
            }
            _ => None,
        };
        Ok(Self {
            id: CustomerId(row.id),
            external_id: row.external_id,
            phone: row.phone.as_deref().map(Phone::parse).transpose().map_err(corrupt)?,
            static_code: StaticCode::parse(&row.static_code).map_err(corrupt)?,
            code_handle: CodeHandle(row.code_handle),
            code_secret: RotatingSecret(row.code_secret.try_into().map_err(|_| corrupt("a secret is 32 bytes"))?),
            name: row.name,
            email: row.email,
            birthday,
            locale: Locale::negotiate(&row.locale),
            marketing_consent: row.marketing_consent,
            created_at: row.created_at,
            savings: Amount(row.savings),
            visits: u32::try_from(row.visits).unwrap_or(0),
            spent: Amount(row.spent),
            first_purchase_at: row.first_purchase_at,
            last_purchase_at: row.last_purchase_at,
            composition: row.composition.0,
            cost: Amount(row.cost),
            costed: Amount(row.costed),
            habits: row.habits.0,
            segment_model: row.segment_model.map(SegmentModelId),
            segment_index: u16::try_from(row.segment_index).map_err(corrupt)?,
            offers_version: row.offers_version,
            merged_into: row.merged_into.map(CustomerId),
            erased: row.erased,
            edition: Edition(row.edition),
        })
    }
}

/// One list of columns, so that every way to find a customer reads the same row.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, external_id, phone, static_code, code_handle, code_secret, name, email, birth_month, birth_day, ",
            "locale, marketing_consent, created_at, savings, visits, spent, first_purchase_at, last_purchase_at, ",
            "composition, cost, costed, habits, segment_model, segment_index, offers_version, merged_into, ",
            "erased_at is not null as erased, xmin::text::bigint as edition from customers ",
            $rest
        )
    };
}

fn read(row: Option<Row>) -> Result<Option<Customer>, StoreError> {
    row.map(Customer::try_from).transpose()
}

impl Store {
    /// # Errors
    /// What the database says.
    pub async fn customer(&self, id: CustomerId) -> Result<Option<Customer>, StoreError> {
        read(sqlx::query_as(select!("where id = $1")).bind(id.0).fetch_optional(self.pool()).await?)
    }

    /// Which writing of their rows there is now, of those of these customers who have one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn editions(&self, customers: &[CustomerId]) -> Result<HashMap<CustomerId, Edition>, StoreError> {
        let rows: Vec<(Uuid, i64)> = sqlx::query_as("select id, xmin::text::bigint from customers where id = any($1)")
            .bind(customers.iter().map(|id| id.0).collect::<Vec<_>>())
            .fetch_all(self.pool())
            .await?;
        Ok(rows.into_iter().map(|(id, edition)| (CustomerId(id), Edition(edition))).collect())
    }

    /// # Errors
    /// What the database says.
    pub async fn customer_by_static_code(&self, code: &StaticCode) -> Result<Option<Customer>, StoreError> {
        read(sqlx::query_as(select!("where static_code = $1")).bind(code.as_str()).fetch_optional(self.pool()).await?)
    }

    /// # Errors
    /// What the database says.
    pub async fn customer_by_handle(&self, handle: CodeHandle) -> Result<Option<Customer>, StoreError> {
        read(sqlx::query_as(select!("where code_handle = $1")).bind(handle.0).fetch_optional(self.pool()).await?)
    }

    /// # Errors
    /// What the database says.
    pub async fn customer_by_external_id(&self, external_id: &str) -> Result<Option<Customer>, StoreError> {
        let sql = select!("where id = (select coalesce(merged_into, id) from customers where external_id = $1)");
        read(sqlx::query_as(sql).bind(external_id).fetch_optional(self.pool()).await?)
    }
}

/// The customer of a proven phone, inside a story's transaction; of a merged account who it is now.
///
/// # Errors
/// What the database says.
pub async fn by_phone(tx: &mut Tx, phone: &Phone) -> Result<Option<Customer>, StoreError> {
    let sql = select!("where id = (select coalesce(merged_into, id) from customers where phone = $1)");
    read(sqlx::query_as(sql).bind(phone.as_str()).fetch_optional(&mut **tx).await?)
}

/// The customer, or who they are now, locked until the transaction ends. Locked after the session, never before (one order
/// everywhere).
///
/// # Errors
/// [`StoreError::Busy`] past the transaction's `lock_timeout`.
pub async fn lock(tx: &mut Tx, id: CustomerId) -> Result<Option<Customer>, StoreError> {
    let sql = select!("where id = (select coalesce(merged_into, id) from customers where id = $1) for update");
    let found = read(sqlx::query_as(sql).bind(id.0).fetch_optional(&mut **tx).await?)?;
    match found.as_ref().and_then(|customer| customer.merged_into) {
        // Merged while this waited for the lock: whoever it is now is the one to lock.
        Some(now) => {
            read(sqlx::query_as(select!("where id = $1 for update")).bind(now.0).fetch_optional(&mut **tx).await?)
        }
        None => Ok(found),
    }
}

/// Makes a customer.
///
/// # Errors
/// A broken `customers_static_code_key` or `customers_code_handle_key` wants another draw; `customers_phone_key` and
/// `customers_external_id_key` mean that there is one already. The transaction is then of no more use.
pub async fn create(tx: &mut Tx, new: &NewCustomer) -> Result<(), StoreError> {
    insert(tx, new, INSERT).await.map(|_| ())
}

/// As [`create`], but a number that is taken inserts nothing and answers `false`, and the transaction goes on.
///
/// # Errors
/// What the database says.
pub async fn create_unless_taken(tx: &mut Tx, new: &NewCustomer) -> Result<bool, StoreError> {
    insert(tx, new, INSERT_UNLESS_TAKEN).await
}

async fn insert(tx: &mut Tx, new: &NewCustomer, statement: &'static str) -> Result<bool, StoreError> {
    let done = sqlx::query(statement)
        .bind(new.id.0)
        .bind(&new.external_id)
        .bind(new.phone.as_ref().map(Phone::as_str))
        .bind(new.static_code.as_str())
        .bind(new.code_handle.0)
        .bind(new.code_secret.0.as_slice())
        .bind(&new.name)
        .bind(new.locale.tag())
        .bind(new.created_at)
        .bind(new.segment_model.map(|model| model.0))
        .bind(i16::try_from(new.segment_index).unwrap_or(0))
        .bind(new.origin.store.map(|store| store.0))
        .bind(new.origin.hour.map(i16::from))
        .bind(new.origin.invited_by.map(|customer| customer.0))
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

macro_rules! insert {
    ($rest:literal) => {
        concat!(
            "insert into customers (id, external_id, phone, static_code, code_handle, code_secret, name, locale, created_at, ",
            "segment_model, segment_index, registered_store, registered_hour, invited_by) ",
            "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            $rest
        )
    };
}

const INSERT: &str = insert!("");
const INSERT_UNLESS_TAKEN: &str = insert!(" on conflict do nothing");

/// A customer's new counter of savings, and who they are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    pub customer: CustomerId,
    pub amount: Amount,
}

/// Adds what a purchase saved, or takes it back (a negative amount); of a merged customer to who they are now.
///
/// # Errors
/// `customers_savings_not_negative` when more is taken back than was ever saved; [`StoreError::Conflict`] when they were
/// merged this very moment.
pub async fn add_savings(tx: &mut Tx, id: CustomerId, amount: Amount) -> Result<Saved, StoreError> {
    let saved: Option<(Uuid, i64)> = sqlx::query_as(
        "update customers set savings = savings + $2 \
         where id = (select coalesce(merged_into, id) from customers where id = $1) and merged_into is null \
         returning id, savings",
    )
    .bind(id.0)
    .bind(amount.minor())
    .fetch_optional(&mut **tx)
    .await?;
    let (customer, amount) = saved.ok_or(StoreError::Conflict(sqlx::Error::RowNotFound))?;
    Ok(Saved { customer: CustomerId(customer), amount: Amount(amount) })
}

/// Gives an imported customer a phone to sign in with; `false` when nobody has this external id.
///
/// # Errors
/// `customers_phone_key` when the phone is another customer's.
pub async fn set_phone(tx: &mut Tx, external_id: &str, phone: &Phone) -> Result<bool, StoreError> {
    let sql = "update customers set phone = $2 \
         where id = (select coalesce(merged_into, id) from customers where external_id = $1)";
    let done = sqlx::query(sql).bind(external_id).bind(phone.as_str()).execute(&mut **tx).await?;
    Ok(done.rows_affected() == 1)
}

/// # Errors
/// What the database says.
pub async fn set_profile(tx: &mut Tx, id: CustomerId, fields: &ProfileFields) -> Result<(), StoreError> {
    sqlx::query(
        "update customers set name = $2, email = $3, birth_month = $4, birth_day = $5, locale = $6, \
         marketing_consent = $7 where id = $1",
    )
    .bind(id.0)
    .bind(&fields.name)
    .bind(&fields.email)
    .bind(fields.birthday.map(|(month, _)| i16::from(month)))
    .bind(fields.birthday.map(|(_, day)| i16::from(day)))
    .bind(fields.locale.tag())
    .bind(fields.marketing_consent)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
