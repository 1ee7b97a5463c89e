//! Migrated once, copied for every test.
use crate::database::{TestDatabase, administrator, create, url_of};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Unused templates of older migrations go after this long, in seconds.
const OUTDATED: i64 = 86_400;

/// A database with these migrations applied.
///
/// The first test that asks on a server migrates a template, everybody after it gets a copy (tens of milliseconds).
///
/// # Panics
/// When there is no PostgreSQL (with the command that installs it), or a migration fails.
pub async fn migrated_database(migrator: &Migrator) -> TestDatabase {
    let mut content = DefaultHasher::new();
    for migration in migrator.iter() {
        (migration.version, &migration.checksum).hash(&mut content);
    }
    let key = format!("migrations {:016x}", content.finish());
    fresh_database_from(&key, async |url: String| {
        let mut connection = PgConnection::connect(&url).await.expect("the template is there");
        migrator.run_direct(None, &mut connection, false).await.expect("the migrations apply");
        connection.close().await.expect("the template is closed");
    })
    .await
}

/// A copy of the template `key`, which `migrate` fills once per server.
///
/// `key` stands for the content: when what `migrate` does changes, the key must change. `migrate` must close its
/// connections; whatever is left of them is cut.
///
/// # Panics
/// When there is no PostgreSQL, with the command that installs it; and with `migrate`.
pub async fn fresh_database_from(key: &str, migrate: impl AsyncFnOnce(String)) -> TestDatabase {
    let mut admin = administrator().await;
    let template = ensure_template(&mut admin, key, migrate).await;
    create(&mut admin, Some(&template)).await
}

/// Names the template after its content. `datistemplate` says that it is whole: an interrupted one is made anew.
async fn ensure_template(admin: &mut PgConnection, key: &str, migrate: impl AsyncFnOnce(String)) -> String {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let prefix = format!("kava_template_{:016x}_", hasher.finish());
    if let Some(name) = whole_template(admin, &prefix).await {
        return name;
    }
    let lock = i64::from_ne_bytes(hasher.finish().to_ne_bytes());
    sqlx::query("select pg_advisory_lock($1)").bind(lock).execute(&mut *admin).await.expect("the template's lock");
    let name = match whole_template(admin, &prefix).await {
        Some(name) => name,
        None => make_template(admin, &prefix, migrate).await,
    };
    sqlx::query("select pg_advisory_unlock($1)").bind(lock).execute(&mut *admin).await.expect("the template's lock");
    name
}

async fn whole_template(admin: &mut PgConnection, prefix: &str) -> Option<String> {
    sqlx::query_scalar("select datname::text from pg_database where starts_with(datname::text, $1) and datistemplate")
        .bind(prefix)
        .fetch_optional(admin)
        .await
        .expect("the list of databases")
}

async fn make_template(admin: &mut PgConnection, prefix: &str, migrate: impl AsyncFnOnce(String)) -> String {
    forget_outdated(admin, prefix).await;
    let now: i64 = sqlx::query_scalar("select extract(epoch from now())::bigint")
        .fetch_one(&mut *admin)
        .await
        .expect("the server's clock");
    let name = format!("{prefix}{now}");
    run(admin, &format!("drop database if exists {name} with (force)")).await;
    run(admin, &format!("create database {name} template template0")).await;
    migrate(url_of(&name)).await;
    // A database is only copied when nobody is in it.
    run(admin, &format!("alter database {name} with allow_connections false")).await;
    sqlx::query("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1")
        .bind(&name)
        .execute(&mut *admin)
        .await
        .expect("the last connections are cut");
    run(admin, &format!("alter database {name} with is_template true")).await;
    name
}

/// Interrupted templates of this content, and those of any content that are a day old. Best effort.
async fn forget_outdated(admin: &mut PgConnection, prefix: &str) {
    let old: Vec<String> = sqlx::query_scalar(
        "select datname::text from pg_database where datname ~ '^kava_template_[0-9a-f]+_[0-9]+$' \
         and ((starts_with(datname::text, $1) and not datistemplate) \
           or split_part(datname, '_', 4)::bigint < extract(epoch from now())::bigint - $2)",
    )
    .bind(prefix)
    .bind(OUTDATED)
    .fetch_all(&mut *admin)
    .await
    .unwrap_or_default();
    for name in old {
        let _ = admin.execute(AssertSqlSafe(format!("alter database {name} with is_template false"))).await;
        let _ = admin.execute(AssertSqlSafe(format!("drop database if exists {name}"))).await;
    }
}

async fn run(admin: &mut PgConnection, sql: &str) {
    admin.execute(AssertSqlSafe(sql.to_owned())).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}
