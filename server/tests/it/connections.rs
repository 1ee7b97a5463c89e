//! No till waits for a connection that a report or a page holds.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::stand::{Stand, id};

/// Of sixteen connections purchases have three and open baskets one; half of the others are the tills'.
const THEIRS: usize = 6;
/// Longer than a call waits for a connection before it gives up.
const LONG: Duration = Duration::from_secs(30);

/// A till's whole day in a process that has read nothing yet, while reports hold every connection that is theirs and pages'.
async fn a_day_beside_reports(open_sessions: &str) {
    let settings = [("KAVA__TILL__OPEN_SESSIONS", open_sessions), ("KAVA__DATABASE__CONNECTIONS", "16")];
    let stand = Stand::with_pages(&settings).await;
    let mut reports = Vec::new();
    for _ in 0..THEIRS {
        reports.push(stand.wired.store.begin().await.unwrap());
    }
    let home = Request::post("/fn/v1/home").header("cookie", format!("kava_customer={}", "A".repeat(43)));
    let page = stand.send(home.body(Body::empty()).unwrap());
    assert!(timeout(Duration::from_millis(300), page).await.is_err(), "a page has to wait");
    // Whoever looks whether the shop is as it was looks for the tills as well.
    let looked = timeout(LONG, stand.wired.shop.snapshot());
    assert!(looked.await.expect("nobody looked").is_ok());
    let day = async {
        assert_eq!(stand.get("/readyz").await.status, 200);
        let who = stand.post("/api/v1/identify", "who", &json!({"code": stand.shop.codes[0]})).await;
        assert_eq!(who.status, 200, "{}", who.text);
        assert_eq!(stand.get("/api/v1/products").await.status, 200);
        let session = id();
        let at = |what: &str| format!("/api/v1/sessions/{session}/{what}");
        // Their first cards are made while the till waits.
        let quote = stand.put(&session, &stand.cart()).await.json();
        assert!(quote["discount"].as_i64().unwrap() > 0 && quote["degraded"].is_null(), "{quote}");
        assert_eq!(stand.ask("GET", &format!("/api/v1/sessions/{session}")).await.json(), quote);
        let paid = json!({"receipt_number": "R-1", "paid": quote["total"]});
        for once in ["pay", "pay-2"] {
            let closed = stand.post(&at("close"), once, &paid).await;
            assert_eq!(closed.status, 200, "{}", closed.text);
            let opened = stand.post(&at("reopen"), &format!("{once}-again"), &Value::Null).await;
            assert_eq!(opened.status, 200, "{}", opened.text);
        }
        assert_eq!(stand.post(&at("close"), "pay-3", &paid).await.status, 200);
        let one = json!({"lines": [{"position": 0, "quantity": 1}]});
        assert_eq!(stand.post(&at("returns"), "back", &one).await.status, 200);
        assert_eq!(stand.post(&at("cancel"), "undo", &Value::Null).await.status, 200);
        let grants = stand.ask("GET", "/api/v1/grants").await;
        assert_eq!(grants.status, 200, "{}", grants.text);
        let nothing = json!({"receipts": ["nonsense"]});
        assert_eq!(stand.post("/api/v1/receipts", "offline", &nothing).await.status, 200);
        // Whoever sells at the checkout screen comes in as well.
        let me = Request::post("/fn/v1/staff/me").header("cookie", format!("kava_staff={}", "A".repeat(43)));
        assert_eq!(stand.send(me.body(Body::empty()).unwrap()).await.text, "null");
    };
    timeout(LONG, day).await.expect("a till waited for a report");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tills_whose_baskets_are_in_memory_wait_for_no_report() {
    a_day_beside_reports("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tills_whose_baskets_are_in_the_database_wait_for_no_report() {
    a_day_beside_reports("database").await;
}
