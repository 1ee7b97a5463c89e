//! Every test gets a database of its own, quickly, and leaves none behind.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use sqlx::{Connection, Executor, PgConnection};
use std::sync::atomic::{AtomicU32, Ordering};
use testkit::{fresh_database, fresh_database_from, private_redis, redis};

async fn count_of(url: &str, table: &str) -> Option<i64> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let sql = format!("select count(*) from {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut connection).await.ok()
}

#[tokio::test]
async fn databases_are_apart_and_go_with_their_test() {
    let (one, other) = (fresh_database().await, fresh_database().await);
    assert_ne!(one.url, other.url);
    let mut connection = PgConnection::connect(&one.url).await.unwrap();
    connection.execute("create table cup (id int)").await.unwrap();
    assert_eq!(count_of(&one.url, "cup").await, Some(0));
    assert_eq!(count_of(&other.url, "cup").await, None);
    // Even with a connection open.
    let url = one.url.clone();
    drop(one);
    assert!(PgConnection::connect(&url).await.is_err());
}

#[tokio::test]
async fn a_template_is_made_once_and_copied() {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let key = format!("cups {}", std::process::id());
    let migrate = async |url: String| {
        MADE.fetch_add(1, Ordering::SeqCst);
        let mut connection = PgConnection::connect(&url).await.unwrap();
        connection.execute("create table cup as select generate_series(1, 3) as id").await.unwrap();
        // It stays open: copying must not trip over it.
        std::mem::forget(connection);
    };
    let copies = tokio::join!(
        fresh_database_from(&key, migrate),
        fresh_database_from(&key, migrate),
        fresh_database_from(&key, migrate),
    );
    assert_eq!(MADE.load(Ordering::SeqCst), 1);
    for copy in [&copies.0, &copies.1, &copies.2] {
        assert_eq!(count_of(&copy.url, "cup").await, Some(3));
    }
}

#[tokio::test]
async fn redis_is_real_and_its_databases_are_apart() {
    let (one, other) = (redis().await, redis().await);
    assert!(one.url.starts_with("redis+unix:///") && one.url != other.url, "{} {}", one.url, other.url);
    let mut private = private_redis().await;
    let socket = private.url.strip_prefix("redis+unix://").unwrap().to_owned();
    assert!(std::os::unix::net::UnixStream::connect(&socket).is_ok());
    private.stop();
    assert!(std::os::unix::net::UnixStream::connect(&socket).is_err());
}
