//! Campaigns and coupons over REST: who may, what counts once, and what is refused.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::stand::{Answer, Stand};

const CAMPAIGN: &str = "01980000-0000-7000-8000-00000000aa01";

struct Desk(Stand);

impl Desk {
    async fn new() -> Self {
        Self(Stand::new().await)
    }

    async fn send(&self, method: &str, path: &str, once: Option<&str>, body: &Value) -> Answer {
        let key = &self.0.shop.campaigns_key;
        let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        if let Some(once) = once {
            request = request.header("idempotency-key", once);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.0.send(request.body(body).unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, &Value::Null).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, None, body).await
    }

    async fn post(&self, path: &str, once: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(once), body).await
    }
}

fn campaign() -> Value {
    json!({
        "id": CAMPAIGN, "name": {"en": "Ten off", "ru": "Минус десять"}, "coupon": {"per_code": 1},
        "budgets": [{"action": "redemptions", "limit": 100}],
        "rules": [{"name": "all", "then": [{"percentage": {"rate_bp": 1000}}]}],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_campaigns_key_opens_these_doors() {
    let desk = Desk::new().await;
    for path in ["/api/v1/rule-sets", "/api/v1/rule-sets/current", "/api/v1/campaigns"] {
        desk.0.get(path).await.is_problem(401, "unauthenticated");
        desk.0.ask("GET", path).await.is_problem(403, "forbidden");
        assert_eq!(desk.get(path).await.status, 200, "{path}");
    }
    // And it opens no till.
    let session = format!("/api/v1/sessions/{}", crate::stand::id());
    desk.put(&session, &desk.0.cart()).await.is_problem(403, "forbidden");
    desk.send("POST", "/api/v1/coupons/batches", None, &Value::Null).await.is_problem(400, "idempotency-key-missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_is_put_published_paused_and_taken_out() {
    let desk = Desk::new().await;
    let path = format!("/api/v1/campaigns/{CAMPAIGN}");
    let none = desk.get("/api/v1/rule-sets/current").await.json();
    assert_eq!((&none["revision"], &none["current"]), (&json!(0), &json!(true)));
    desk.get(&path).await.is_problem(404, "campaign-not-found");

    let put = desk.put(&format!("{path}?expected_revision=0"), &campaign()).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let first = put.json()["revision"].clone();
    assert_eq!(desk.put(&path, &campaign()).await.json()["revision"], first, "the same again is no news");
    desk.put(&format!("{path}?expected_revision=0"), &campaign()).await.is_problem(409, "revision-conflict");
    assert_eq!(desk.get(&path).await.json()["coupon"]["per_code"], 1);
    assert_eq!(desk.get("/api/v1/campaigns").await.json()["campaigns"].as_array().unwrap().len(), 1);

    let paused = desk.post(&format!("{path}/pause"), "a", &Value::Null).await;
    assert_eq!((paused.status.as_u16(), paused.header("idempotency-replayed")), (200, ""));
    let again = desk.post(&format!("{path}/pause"), "a", &Value::Null).await;
    assert_eq!((again.header("idempotency-replayed"), &again.text), ("true", &paused.text));
    assert_eq!(desk.get(&path).await.json()["enabled"], false);
    desk.post(&format!("{path}/resume"), "a", &Value::Null).await.is_problem(422, "idempotency-key-reused");
    assert_eq!(desk.post(&format!("{path}/resume"), "b", &Value::Null).await.status, 200);

    // Back to an earlier revision, and out.
    let earlier = desk.get(&format!("/api/v1/rule-sets/{first}")).await.json();
    assert_eq!((&earlier["current"], &earlier["published_by"].as_str().unwrap()[..4]), (&json!(false), "key "));
    assert_eq!(desk.put("/api/v1/rule-sets/current", &earlier["rules"]).await.status, 200);
    assert_eq!(desk.send("DELETE", &path, None, &Value::Null).await.status, 200);
    desk.send("DELETE", &path, None, &Value::Null).await.is_problem(404, "campaign-not-found");
    let page = desk.get("/api/v1/rule-sets?limit=2").await.json();
    assert_eq!(page["revisions"].as_array().unwrap().len(), 2);
    let rest = desk.get(&format!("/api/v1/rule-sets?before={}", page["next"])).await.json();
    assert_eq!(
        (rest["revisions"].as_array().unwrap().last().unwrap()["revision"].clone(), rest.get("next")),
        (first, None)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_rules_are_pointed_at_and_change_nothing() {
    let desk = Desk::new().await;
    for path in ["/api/v1/rule-sets/current", "/api/v1/rule-sets/draft"] {
        let problem = desk.put(path, &json!({"card": {"max_rate_bp": 20_000}})).await.is_problem(422, "invalid-rules");
        assert_eq!(problem["errors"][0]["pointer"], "/card/max_rate_bp");
        let problem = desk.put(path, &json!({"campaigns": [{"id": 7}]})).await.is_problem(422, "invalid-rules");
        assert_eq!(problem["errors"][0]["pointer"], "/campaigns/0/id");
    }
    let mut other = campaign();
    other["id"] = json!("01980000-0000-7000-8000-00000000aa02");
    let path = format!("/api/v1/campaigns/{CAMPAIGN}");
    desk.put(&path, &other).await.is_problem(422, "campaign-id-mismatch");
    desk.put("/api/v1/campaigns/seven", &other).await.is_problem(400, "invalid-campaign-id");
    desk.get("/api/v1/rule-sets/7").await.is_problem(404, "revision-not-found");
    desk.get("/api/v1/rule-sets/seven").await.is_problem(404, "revision-not-found");
    desk.get("/api/v1/rule-sets?limit=0").await.is_problem(400, "invalid-query");
    let draft = desk.put("/api/v1/rule-sets/draft", &json!({"campaigns": [campaign()]})).await.json();
    assert_eq!((&draft["campaigns"], &draft["enabled"]), (&json!(1), &json!(1)));
    assert_eq!(desk.get("/api/v1/rule-sets/current").await.json()["revision"], 0);
    // Larger than what a till may send is no trouble; larger than any rule set is.
    let padded = |bytes: usize| json!({"campaigns": [], "groups": [{"name": "x".repeat(bytes), "mode": "all"}]});
    assert_ne!(desk.put("/api/v1/rule-sets/draft", &padded(300 * 1_024)).await.status, 413);
    desk.put("/api/v1/rule-sets/draft", &padded(2 * 1_024 * 1_024)).await.is_problem(413, "body-too-large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_made_by_the_batch_and_streamed() {
    let desk = Desk::new().await;
    let request = json!({"campaign_id": CAMPAIGN, "count": 20_001, "prefix": "tea"});
    desk.post("/api/v1/coupons/batches", "a", &request).await.is_problem(404, "campaign-not-found");
    desk.put(&format!("/api/v1/campaigns/{CAMPAIGN}"), &campaign()).await;
    let asked = desk.post("/api/v1/coupons/batches", "a", &request).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    let again = desk.post("/api/v1/coupons/batches", "a", &request).await;
    assert_eq!((again.status.as_u16(), &again.text, again.header("idempotency-replayed")), (202, &asked.text, "true"));
    let path = format!("/api/v1/coupons/batches/{}", asked.json()["batch_id"].as_str().unwrap());
    let begun = desk.get(&path).await.json();
    assert_eq!((&begun["state"], &begun["made"]), (&json!("running"), &json!(0)));
    assert_eq!(desk.get(&format!("{path}/codes")).await.text, "");

    desk.0.wired.shop.make_waiting_batches().await.unwrap();
    let done = desk.get(&path).await.json();
    assert_eq!((&done["state"], &done["made"], &done["count"]), (&json!("done"), &json!(20_001), &json!(20_001)));
    let codes = desk.get(&format!("{path}/codes")).await;
    assert_eq!(codes.header("content-type"), "text/plain; charset=utf-8");
    let lines: std::collections::HashSet<&str> = codes.text.lines().collect();
    assert_eq!(lines.len(), 20_001);
    assert!(lines.iter().all(|line| line.len() == 16 && line.starts_with("TEA")));
    desk.get("/api/v1/coupons/batches/none").await.is_problem(404, "batch-not-found");
    let wrong = json!({"campaign_id": CAMPAIGN, "count": 0});
    let problem = desk.post("/api/v1/coupons/batches", "b", &wrong).await.is_problem(422, "invalid-batch");
    assert_eq!(problem["errors"][0]["pointer"], "/count");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_becomes_a_code() {
    let desk = Desk::new().await;
    desk.put(&format!("/api/v1/campaigns/{CAMPAIGN}"), &campaign()).await;
    let word = json!({"campaign_id": CAMPAIGN, "ends_at": "2030-01-01T00:00:00+03:00"});
    let put = desk.put("/api/v1/coupons/welcome-10", &word).await.json();
    assert_eq!((&put["code"], &put["ends_at"]), (&json!("WELCOME10"), &json!("2029-12-31T21:00:00Z")));
    desk.put("/api/v1/coupons/50%25", &word).await.is_problem(422, "invalid-coupon");
    desk.put("/api/v1/coupons/%D1%87%D0%B0%D0%B9", &json!({})).await.is_problem(422, "invalid-body");
    assert_eq!(desk.put("/api/v1/coupons/%D1%87%D0%B0%D0%B9", &word).await.json()["code"], "ЧАЙ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_use_code_is_used_once_however_it_is_typed() {
    let desk = Desk::new().await;
    desk.put(&format!("/api/v1/campaigns/{CAMPAIGN}"), &campaign()).await;
    desk.put("/api/v1/coupons/once-only", &json!({"campaign_id": CAMPAIGN})).await;
    let cart = |code: &str| {
        let lines = json!([{"sku": desk.0.shop.skus[0], "quantity": 2}]);
        json!({"currency": "EUR", "coupon_codes": [code], "lines": lines})
    };
    let (first, second) = (crate::stand::id(), crate::stand::id());
    let quote = desk.0.put(&first, &cart("Once Only")).await.json();
    let said =
        |quote: &Value, kind: &str| quote["effects"].as_array().unwrap().iter().any(|effect| effect["type"] == kind);
    assert!(said(&quote, "accept_coupon") && quote["discount"].as_i64().unwrap() > 0, "{quote}");
    for spelling in ["ONCEONLY", "once_only", "Once Only"] {
        let refused = desk.0.put(&second, &cart(spelling)).await.json();
        assert!(said(&refused, "reject_coupon") && refused["discount"] == 0, "{refused}");
    }
    // Given up, it is another's to use.
    let cancelled = desk.0.post(&format!("/api/v1/sessions/{first}/cancel"), "c", &json!({})).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text);
    assert!(said(&desk.0.put(&second, &cart("once-only")).await.json(), "accept_coupon"));
    assert_eq!(desk.0.wired.store.audit_limits().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_15_a_till_that_guesses_waits_and_sells_on_without_codes() {
    let desk = Desk::new().await;
    let cart = |codes: &[String]| {
        let lines = json!([{"sku": desk.0.shop.skus[0], "quantity": 1}]);
        json!({"currency": "EUR", "coupon_codes": codes, "lines": lines})
    };
    let session = crate::stand::id();
    let mut refused = None;
    for guess in 0..40 {
        let answer = desk.0.put(&session, &cart(&[format!("GUESS{guess}")])).await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.unwrap();
    refused.is_problem(429, "too-many-requests");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() <= 60);
    assert_eq!(desk.0.put(&session, &cart(&[])).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_till_may_ask_why_and_why_not() {
    let desk = Desk::new().await;
    let put = desk.put(&format!("/api/v1/campaigns/{CAMPAIGN}"), &campaign()).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let session = crate::stand::id();
    let path = format!("/api/v1/sessions/{session}");
    let plain = desk.0.put(&session, &desk.0.cart()).await.json();
    assert_eq!(plain.get("explanation"), None);
    let asked = desk.0.put_at(&format!("{path}?explain=true&language=ru"), &desk.0.cart()).await;
    let told = asked.json()["explanation"].clone();
    assert_eq!(told["language"], "ru", "{}", asked.text);
    let verdict = |key: &str| {
        let verdicts = told["verdicts"].as_array().unwrap();
        verdicts.iter().find(|verdict| verdict["key"] == key).cloned().unwrap_or_default()
    };
    assert_eq!(verdict("coupon_needed")["name"], "Минус десять");
    assert_eq!((&verdict("applied")["source"], &verdict("applied")["granted"]), (&json!("card"), &plain["discount"]));
    assert_eq!(desk.0.ask("GET", &format!("{path}/explanation?language=ru")).await.json(), told);
    desk.0.ask("GET", &format!("{path}/explanation?language=de")).await.is_problem(400, "invalid-query");
    desk.0.put_at(&format!("{path}?explain=perhaps"), &desk.0.cart()).await.is_problem(400, "invalid-query");
    let nobody = format!("/api/v1/sessions/{}/explanation", crate::stand::id());
    desk.0.ask("GET", &nobody).await.is_problem(404, "session-not-found");
    desk.0.get(&nobody).await.is_problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_simulated_on_what_was_sold() {
    let desk = Desk::new().await;
    let body = |weeks: u32| {
        let mut draft = campaign();
        draft["coupon"] = Value::Null;
        json!({"draft": draft, "weeks": weeks})
    };
    desk.0.post("/api/v1/simulations", "till", &body(4)).await.is_problem(403, "forbidden");
    desk.post("/api/v1/simulations", "bad", &body(0)).await.is_problem(422, "invalid-simulation");
    let nothing = json!({"draft": {"campaigns": [{"id": 7}]}, "weeks": 4});
    let problem = desk.post("/api/v1/simulations", "bad", &nothing).await.is_problem(422, "invalid-rules");
    assert!(problem["errors"][0]["pointer"].as_str().unwrap().starts_with("/campaigns/0"), "{problem}");

    let session = crate::stand::id();
    let quote = desk.0.put(&session, &desk.0.cart()).await.json();
    let paid = json!({"receipt_number": "R-1", "paid": quote["total"]});
    assert_eq!(desk.0.post(&format!("/api/v1/sessions/{session}/close"), "pay", &paid).await.status, 200);
    let begun = desk.post("/api/v1/simulations", "ask", &body(4)).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let again = desk.post("/api/v1/simulations", "ask", &body(4)).await;
    assert_eq!((&again.text, again.header("idempotency-replayed")), (&begun.text, "true"));
    let path = format!("/api/v1/simulations/{}", begun.json()["simulation_id"].as_str().unwrap());
    let done = loop {
        let view = desk.get(&path).await.json();
        if view["state"] != "running" {
            break view;
        }
    };
    assert_eq!((&done["state"], &done["report"]["sales"]), (&json!("done"), &json!(1)), "{done}");
    assert_eq!(done["report"]["discount_then"], quote["discount"]);
    assert!(done["report"]["with_draft"]["discount"].as_i64().unwrap() > 0, "{done}");
    assert_eq!(desk.post(&format!("{path}/cancel"), "stop", &Value::Null).await.json()["state"], "done");
    desk.get("/api/v1/simulations/nothing").await.is_problem(400, "invalid-simulation-id");
    let nobody = format!("/api/v1/simulations/{}", crate::stand::id());
    desk.get(&nobody).await.is_problem(404, "simulation-not-found");
}
