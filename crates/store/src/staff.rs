//! Staff and their log-ins.

use chrono::{DateTime, Utc};
use domain::{Role, StaffId, StoreId, TillId};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// Somebody to be made a member of staff. The password comes hashed (argon2id, PHC text).
#[derive(Clone, Debug)]
pub struct NewStaff {
    pub id: StaffId,
    pub login: String,
    pub name: String,
    pub password_hash: String,
    pub role: Role,
    /// Where a cashier works.
    pub till: Option<TillId>,
}

/// A member of staff, with the till they work at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffMember {
    pub id: StaffId,
    pub name: String,
    pub password_hash: String,
    pub role: Role,
    pub till: Option<StaffTill>,
    pub disabled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffTill {
    pub till: TillId,
    pub store: StoreId,
    pub till_name: String,
    pub store_name: String,
}

/// A log-in and who it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffLogin {
    pub member: StaffMember,
    pub expires_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    name: String,
    password_hash: String,
    role: String,
    disabled: bool,
    till_id: Option<Uuid>,
    store_id: Option<Uuid>,
    till_name: Option<String>,
    store_name: Option<String>,
}

impl TryFrom<Row> for StaffMember {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let role = Role::parse(&row.role)
            .ok_or_else(|| StoreError::corrupt("staff", format!("no role is called {}", row.role)))?;
        let till = match (row.till_id, row.store_id, row.till_name, row.store_name) {
            (Some(till), Some(store), Some(till_name), Some(store_name)) => {
                Some(StaffTill { till: TillId(till), store: StoreId(store), till_name, store_name })
            }
            _ => None,
        };
        Ok(Self {
            id: StaffId(row.id),
            name: row.name,
            password_hash: row.password_hash,
            role,
            till,
            disabled: row.disabled,
        })
    }
}

/// # Errors
/// `staff_login_key` when the login is taken.
pub async fn create(tx: &mut Tx, new: &NewStaff) -> Result<(), StoreError> {
    sqlx::query("insert into staff (id, login, name, password_hash, role, till_id) values ($1, $2, $3, $4, $5, $6)")
        .bind(new.id.0)
        .bind(&new.login)
        .bind(&new.name)
        .bind(&new.password_hash)
        .bind(new.role.name())
        .bind(new.till.map(|till| till.0))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Store {
    /// # Errors
    /// What the database says.
    pub async fn staff_by_login(&self, login: &str) -> Result<Option<StaffMember>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "select s.id, s.name, s.password_hash, s.role, s.disabled_at is not null as disabled, \
             t.id as till_id, t.store_id, t.name as till_name, st.name as store_name \
             from staff s left join tills t on t.id = s.till_id left join stores st on st.id = t.store_id \
             where s.login = $1",
        )
        .bind(login)
        .fetch_optional(self.pool())
        .await?;
        row.map(StaffMember::try_from).transpose()
    }

    /// # Errors
    /// What the database says.
    pub async fn start_staff_login(
        &self,
        token_hash: &[u8],
        staff: StaffId,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into staff_logins (token_hash, staff_id, created_at, seen_at, expires_at) values ($1, $2, $3, $3, $4)",
        )
        .bind(token_hash)
        .bind(staff.0)
        .bind(now)
        .bind(expires_at)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// The log-in of a token, over or not, with the member as they are now: a role taken away is gone at once.
    ///
    /// # Errors
    /// What the database says.
    pub async fn staff_login(&self, token_hash: &[u8]) -> Result<Option<StaffLogin>, StoreError> {
        #[derive(sqlx::FromRow)]
        struct Found {
            #[sqlx(flatten)]
            row: Row,
            expires_at: DateTime<Utc>,
        }
        let found: Option<Found> = sqlx::query_as(
            "select s.id, s.name, s.password_hash, s.role, s.disabled_at is not null as disabled, \
             t.id as till_id, t.store_id, t.name as till_name, st.name as store_name, g.expires_at \
             from staff_logins g join staff s on s.id = g.staff_id \
             left join tills t on t.id = s.till_id left join stores st on st.id = t.store_id \
             where g.token_hash = $1",
        )
        .bind(token_hash)
        .fetch_optional(self.pool())
        .await?;
        found.map(|found| Ok(StaffLogin { member: found.row.try_into()?, expires_at: found.expires_at })).transpose()
    }

    /// # Errors
    /// What the database says.
    pub async fn end_staff_login(&self, token_hash: &[u8]) -> Result<(), StoreError> {
        sqlx::query("delete from staff_logins where token_hash = $1").bind(token_hash).execute(self.pool()).await?;
        Ok(())
    }

    /// Forgets log-ins that ended by `now`; says how many.
    ///
    /// # Errors
    /// What the database says.
    pub async fn forget_staff_logins(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let done =
            sqlx::query("delete from staff_logins where expires_at <= $1").bind(now).execute(self.pool()).await?;
        Ok(done.rows_affected())
    }
}
