//! A database of the test's own.
use embedded::{Postgres, PostgresParams};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// What an aborted test left behind is swept after this long, in seconds.
const LEFTOVER: i64 = 3_600;

static SERVER: OnceLock<Server> = OnceLock::new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// An empty or migrated database. Dropping it drops the database, whoever is still connected.
#[derive(Debug)]
pub struct TestDatabase {
    pub url: String,
    name: String,
}

/// An empty database.
///
/// # Panics
/// When there is no PostgreSQL, with the command that installs it.
pub async fn fresh_database() -> TestDatabase {
    let mut admin = administrator().await;
    create(&mut admin, None).await
}

/// The server that tests run on: `DATABASE_URL`, or the shared cluster.
enum Server {
    Given(String),
    Shared(Postgres),
}

impl Server {
    fn url(&self, database: &str) -> String {
        match self {
            Self::Given(url) => with_database(url, database),
            Self::Shared(postgres) => postgres.url(database),
        }
    }
}

fn server() -> &'static Server {
    SERVER.get_or_init(|| {
        if let Some(url) = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) {
            return Server::Given(url);
        }
        let params = PostgresParams { durable: false, max_connections: 300, ..PostgresParams::new(crate::folder()) };
        // A static is never dropped: the share ends with the process, and the server stays for the next test binary.
        let started = Postgres::start(params, &mut |word| eprintln!("{word}"));
        Server::Shared(started.unwrap_or_else(|error| panic!("the tests need PostgreSQL: {error}")))
    })
}

/// Everything about the server itself, in its maintenance database.
pub(crate) async fn administrator() -> PgConnection {
    let server = tokio::task::spawn_blocking(server).await.expect("the test PostgreSQL starts");
    let url = match server {
        Server::Given(url) => url.clone(),
        Server::Shared(postgres) => postgres.url("postgres"),
    };
    let mut admin = connect(&url).await;
    if COUNT.load(Ordering::Relaxed) == 0 {
        sweep(&mut admin).await;
    }
    admin
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url)
        .await
        .unwrap_or_else(|error| panic!("cannot reach the test PostgreSQL at {url}: {error}"))
}

/// A new database, a copy of `template` when there is one.
pub(crate) async fn create(admin: &mut PgConnection, template: Option<&str>) -> TestDatabase {
    let now: i64 = sqlx::query_scalar("select extract(epoch from now())::bigint")
        .fetch_one(&mut *admin)
        .await
        .expect("the server's clock");
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("kava_test_{now}_{}_{count}", std::process::id());
    let template = template.unwrap_or("template0");
    admin
        .execute(AssertSqlSafe(format!("create database {name} template {template}")))
        .await
        .unwrap_or_else(|error| panic!("cannot create {name} from {template}: {error}"));
    TestDatabase { url: server().url(&name), name }
}

pub(crate) fn url_of(database: &str) -> String {
    server().url(database)
}

/// Databases that an aborted test left. Best effort: another process may be sweeping, too.
async fn sweep(admin: &mut PgConnection) {
    let leftovers: Vec<String> = sqlx::query_scalar(
        "select datname::text from pg_database where datname ~ '^kava_test_[0-9]+_' \
         and split_part(datname, '_', 3)::bigint < extract(epoch from now())::bigint - $1",
    )
    .bind(LEFTOVER)
    .fetch_all(&mut *admin)
    .await
    .unwrap_or_default();
    for name in leftovers {
        let _ = admin.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await;
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (name, url) = (self.name.clone(), server().url("postgres"));
        // A thread of its own: the test's runtime may be gone, or be the one that we would block.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut admin = PgConnection::connect(&url).await.map_err(std::io::Error::other)?;
                let drop = format!("drop database if exists {name} with (force)");
                admin.execute(AssertSqlSafe(drop)).await.map_err(std::io::Error::other)?;
                std::io::Result::Ok(())
            })
        });
        // Best effort: what stays is swept in an hour.
        let _ = dropped.join();
    }
}

/// The same server, another database: what stands between the authority and the query is the name.
fn with_database(url: &str, database: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let authority_from = address.find("://").map_or(0, |at| at + 3);
    let authority_to = address[authority_from..].find('/').map_or(address.len(), |at| authority_from + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{database}{query}", &address[..authority_to])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_changes() {
        assert_eq!(with_database("postgres://a:b@h:1/x?host=%2Frun", "y"), "postgres://a:b@h:1/y?host=%2Frun");
        assert_eq!(with_database("postgres://h/x", "y"), "postgres://h/y");
        assert_eq!(with_database("postgres://h", "y"), "postgres://h/y");
        assert_eq!(with_database("postgres://h?sslmode=disable", "y"), "postgres://h/y?sslmode=disable");
    }
}
