//! Grants and offline receipts over REST.

use serde_json::{Value, json};

use crate::stand::{Stand, id};

async fn grant(stand: &Stand) -> (Value, Value) {
    // Their cards are made when they are seen the first time.
    assert_eq!(stand.put(&id(), &stand.cart()).await.status, 200);
    let page = stand.ask("GET", "/api/v1/grants?store=North").await;
    assert_eq!(page.status, 200, "{}", page.text);
    let page = page.json();
    (page["grants"][0].clone(), page)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_till_takes_grants_sells_offline_and_hands_its_receipts_in() {
    let stand = Stand::new().await;
    let (grant, page) = grant(&stand).await;
    for field in ["grant_id", "counter", "customer", "card", "max_amount", "store", "expires_at", "signature"] {
        assert!(!grant[field].is_null(), "{field} in {grant}");
    }
    assert_eq!(page["worst_case_loss"], json!({"amount": 500, "currency": "EUR"}));
    assert_eq!(page["key"]["algorithm"], "Ed25519");
    assert!(!page["shelf"]["products"].as_array().unwrap().is_empty());

    let sale = |number: &str, discount: i64| {
        json!({"receipt_number": number, "device_counter": 1, "currency": "EUR", "grant_id": grant["grant_id"],
            "lines": [{"sku": stand.shop.skus[0], "quantity": 9, "unit_price": 200, "discount": discount}],
            "paid": 1_800 - discount})
    };
    let batch = json!({"receipts": [sale("A-1", 400), sale("A-2", 300), {"receipt_number": "A-3", "lines": 7},
        "nonsense", sale("A-1", 400)]});
    let answer = stand.post("/api/v1/receipts", "k", &batch).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let results = answer.json()["results"].clone();
    let said: Vec<&str> = results.as_array().unwrap().iter().map(|one| one["result"].as_str().unwrap()).collect();
    assert_eq!(said, ["accepted", "accepted_over_bound", "rejected", "rejected", "duplicate"]);
    assert_eq!((&results[1]["amount"], &results[2]["key"]), (&json!(200), &json!("invalid-receipt")));
    assert_eq!((&results[2]["pointer"], &results[4]["recorded"]), (&json!("/lines"), &json!(1_400)));

    let again = stand.post("/api/v1/receipts", "k", &batch).await;
    assert_eq!((again.header("idempotency-replayed"), &again.text), ("true", &answer.text));
    let other = json!({"receipts": [sale("A-9", 0)]});
    stand.post("/api/v1/receipts", "k", &other).await.is_problem(422, "idempotency-key-reused");
    // What is left of the grant is nothing.
    assert_eq!(stand.ask("GET", "/api/v1/grants?limit=1").await.json()["worst_case_loss"]["amount"], 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_common_rules_hold_for_both() {
    let stand = Stand::new().await;
    stand.get("/api/v1/grants").await.is_problem(401, "unauthenticated");
    stand.ask("GET", "/api/v1/grants?store=South").await.is_problem(404, "store-not-found");
    for query in ["limit=0", "limit=201", "limit=x", "after=x", "after=1&after=2", "store=%ff"] {
        stand.ask("GET", &format!("/api/v1/grants?{query}")).await.is_problem(400, "invalid-query");
    }
    stand.ask("POST", "/api/v1/receipts").await.is_problem(400, "idempotency-key-missing");
    for body in [json!({}), json!([]), json!({"receipts": {}})] {
        stand.post("/api/v1/receipts", "k", &body).await.is_problem(422, "invalid-body");
    }
    let many: Vec<Value> = (0..501).map(|n| json!(n)).collect();
    stand.post("/api/v1/receipts", "k", &json!({"receipts": many})).await.is_problem(422, "too-many-receipts");
    assert_eq!(stand.post("/api/v1/receipts", "k", &json!({"receipts": []})).await.json(), json!({"results": []}));
}
