//! What can go wrong in the store, in the words that a story needs to decide what to do.

/// A failure of the store. A named constraint tells which law was broken.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Unique, check or foreign key, by the constraint's name in the migrations.
    #[error("constraint {0} does not hold")]
    Constraint(String, #[source] sqlx::Error),
    /// Waited for a lock as long as the transaction allows (`lock_timeout`).
    #[error("still locked by another transaction")]
    Busy(#[source] sqlx::Error),
    /// Deadlock or serialisation failure: nothing happened, try the whole story again.
    #[error("lost a race with another transaction")]
    Conflict(#[source] sqlx::Error),
    #[error("the database cannot be reached")]
    Unavailable(#[source] sqlx::Error),
    #[error("the schema cannot be brought up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// What is stored does not read as what it should be.
    #[error("stored {what} cannot be read: {why}")]
    Corrupt { what: &'static str, why: String },
    #[error("the database refused a query")]
    Query(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(cause) = &error {
            if let Some(constraint) = cause.constraint() {
                return Self::Constraint(constraint.to_owned(), error);
            }
            // https://www.postgresql.org/docs/current/errcodes-appendix.html
            return match cause.code().as_deref() {
                Some("55P03") => Self::Busy(error),
                Some("40001" | "40P01") => Self::Conflict(error),
                // No such database, no connection left to have: nobody can be let in, now.
                Some("3D000" | "53300") => Self::Unavailable(error),
                Some(code) if code.starts_with("08") || code.starts_with("57P") => Self::Unavailable(error),
                _ => Self::Query(error),
            };
        }
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) => {
                Self::Unavailable(error)
            }
            _ => Self::Query(error),
        }
    }
}

impl StoreError {
    /// What is stored, or should be, and why it does not read as what it is.
    #[must_use]
    pub fn corrupt(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Corrupt { what, why: why.to_string() }
    }

    /// Whether the named constraint was the one.
    #[must_use]
    pub fn breaks(&self, constraint: &str) -> bool {
        matches!(self, Self::Constraint(name, _) if name == constraint)
    }
}
