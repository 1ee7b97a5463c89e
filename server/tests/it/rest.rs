//! Every common rule of REST v1, over the real stories.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::stand::{Stand, from_peer, id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_told_nothing() {
    let stand = Stand::new().await;
    let path = format!("/api/v1/sessions/{}", id());
    for authorization in [None, Some("Bearer"), Some("Bearer wrong"), Some("Basic a2F2YTprYXZh"), Some("Bearer \u{7f}")]
    {
        let mut request = Request::put(&path);
        if let Some(text) = authorization.filter(|text| text.bytes().all(|b| (0x20..0x7f).contains(&b))) {
            request = request.header("authorization", text);
        }
        // The body is nonsense as well, but nobody reads it.
        let answer = stand.send(request.body(Body::from("nonsense")).unwrap()).await;
        answer.is_problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let request = Request::get(&path).header("authorization", format!("Bearer {}", stand.shop.reports_key));
    stand.send(request.body(Body::empty()).unwrap()).await.is_problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_post_needs_its_key_before_its_body() {
    let stand = Stand::new().await;
    let session = id();
    for path in [
        "/api/v1/identify".to_owned(),
        format!("/api/v1/sessions/{session}/close"),
        format!("/api/v1/sessions/{session}/cancel"),
        format!("/api/v1/sessions/{session}/returns"),
        format!("/api/v1/sessions/{session}/reopen"),
    ] {
        let request = stand.request("POST", &path).body(Body::from("nonsense")).unwrap();
        stand.send(request).await.is_problem(400, "idempotency-key-missing");
        for key in ["", &"k".repeat(256), "caf\u{e9}"] {
            let request = stand.request("POST", &path).header("idempotency-key", key.as_bytes());
            stand.send(request.body(Body::from("{}")).unwrap()).await.is_problem(400, "idempotency-key-invalid");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_told_apart_from_what_is_not_acceptable() {
    let stand = Stand::new().await;
    let path = format!("/api/v1/sessions/{}", id());
    let send = |body: &str| stand.send(stand.request("PUT", &path).body(Body::from(body.to_owned())).unwrap());
    for body in ["", "nonsense", "{\"currency\": \"EUR\", \"lines\": [", "\u{feff}{}", "{\"lines\": 1e999}"] {
        send(body).await.is_problem(400, "malformed-json");
    }
    for (body, pointer) in [
        (json!({"currency": "EUR"}), "/lines"),
        (json!({"currency": "EUR", "lines": [{"sku": "a", "quantity": "2"}]}), "/lines/0/quantity"),
        (json!({"currency": "EUR", "lines": [{"sku": "a", "quantity": 1.5}]}), "/lines/0/quantity"),
        (json!({"currency": "EUR", "lines": [{"sku": "a", "quantity": 1, "unit_price": "1"}]}), "/lines/0/unit_price"),
        (json!({"currency": "EUR", "lines": {}}), "/lines"),
    ] {
        let problem = send(&body.to_string()).await.is_problem(422, "invalid-body");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let deep = format!("{{\"unknown\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    send(&deep).await.is_problem(422, "invalid-body");
    let deep = format!("{{\"lines\": {}", "[".repeat(100_000));
    send(&deep).await.is_problem(422, "invalid-body");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_has_a_bound_also_when_it_does_not_say_its_length() {
    let stand = Stand::new().await;
    let path = format!("/api/v1/sessions/{}", id());
    let large = "x".repeat(256 * 1024 + 1);
    let request = stand.request("PUT", &path).header("content-length", large.len());
    stand.send(request.body(Body::from(large.clone())).unwrap()).await.is_problem(413, "body-too-large");
    let chunks = futures::stream::iter((0..300).map(|_| Ok::<_, std::io::Error>("x".repeat(1024))));
    let request = stand.request("PUT", &path).body(Body::from_stream(chunks)).unwrap();
    stand.send(request).await.is_problem(413, "body-too-large");
    let broken = futures::stream::iter([Ok("{"), Err(std::io::Error::other("gone"))]);
    let request = stand.request("PUT", &path).body(Body::from_stream(broken)).unwrap();
    stand.send(request).await.is_problem(400, "body-broken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bounds_are_refused_with_a_pointer() {
    let stand = Stand::new().await;
    let line = |quantity: i64| json!({"sku": stand.shop.skus[0], "quantity": quantity});
    for quantity in [0, -1, 10_000, i64::MAX, i64::MIN] {
        let cart = json!({"currency": "EUR", "lines": [line(1), line(quantity)]});
        let answer = stand.put(&id(), &cart).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert_eq!(answer.json()["errors"][0]["pointer"], "/lines/1/quantity");
    }
    let many = json!({"currency": "EUR", "lines": vec![line(1); 201]});
    assert_eq!(stand.put(&id(), &many).await.status, 422);
    let most = json!({"currency": "EUR", "lines": vec![line(9_999); 200]});
    assert_eq!(stand.put(&id(), &most).await.status, 200);
    let unknown = json!({"currency": "EUR", "lines": [line(1), {"sku": "nothing", "quantity": 1}]});
    let problem = stand.put(&id(), &unknown).await.is_problem(404, "sku-not-found");
    assert_eq!(problem["errors"][0]["pointer"], "/lines/1/sku");
    let nul = r#"{"currency":"EUR","lines":[],"customer_code":"a\u0000b"}"#;
    let request = stand.request("PUT", &format!("/api/v1/sessions/{}", id())).body(Body::from(nul)).unwrap();
    stand.send(request).await.is_problem(422, "invalid-text");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_a_problem_too() {
    let stand = Stand::new().await;
    for path in ["/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v2/products"] {
        stand.get(path).await.is_problem(404, "not-found");
    }
    let answer = stand.ask("DELETE", &format!("/api/v1/sessions/{}", id())).await;
    answer.is_problem(405, "method-not-allowed");
    assert!(answer.header("allow").contains("PUT"), "{:?}", answer.headers);
    stand.ask("GET", "/api/v1/sessions/not-a-uuid").await.is_problem(400, "invalid-session-id");
    stand.ask("GET", &format!("/api/v1/sessions/{}", id())).await.is_problem(404, "session-not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_counts_once_whatever_is_repeated() {
    let stand = Stand::new().await;
    let session = id();
    let identified = stand.post("/api/v1/identify", "who", &json!({"code": stand.shop.codes[0]})).await;
    assert_eq!(identified.status, 200, "{}", identified.text);
    assert_eq!(identified.json()["savings"], json!({"amount": 0, "currency": "EUR"}));
    let again = stand.post("/api/v1/identify", "who", &json!({"code": stand.shop.codes[0]})).await;
    assert_eq!((again.header("idempotency-replayed"), &again.text), ("true", &identified.text));
    stand
        .post("/api/v1/identify", "who", &json!({"code": stand.shop.codes[1]}))
        .await
        .is_problem(422, "idempotency-key-reused");

    let quoted = stand.put(&session, &stand.cart()).await;
    assert_eq!(quoted.status, 200, "{}", quoted.text);
    let quote = quoted.json();
    assert_eq!(quote["state"], "open");
    let (total, discount) = (quote["total"].as_i64().unwrap(), quote["discount"].as_i64().unwrap());
    assert!(discount > 0, "{quote}");
    assert_eq!(stand.ask("GET", &format!("/api/v1/sessions/{session}")).await.json(), quote);

    let path = format!("/api/v1/sessions/{session}/close");
    let wrong = json!({"receipt_number": "R-1", "paid": total + 1});
    stand.post(&path, "pay-wrong", &wrong).await.is_problem(409, "paid-mismatch");
    let body = json!({"receipt_number": "R-1", "paid": total});
    let closed = stand.post(&path, "pay", &body).await;
    assert_eq!(closed.status, 200, "{}", closed.text);
    assert_eq!(closed.header("idempotency-replayed"), "");
    let session_closed = closed.json();
    assert_eq!(session_closed["state"], "closed");
    assert!(session_closed.as_object().unwrap().contains_key("segment_changed"));
    assert_eq!(session_closed["savings"]["amount"], discount);
    for _ in 0..2 {
        let replayed = stand.post(&path, "pay", &body).await;
        assert_eq!((replayed.status.as_u16(), &replayed.text), (200, &closed.text));
        assert_eq!(replayed.header("idempotency-replayed"), "true");
    }
    stand
        .post(&path, "pay", &json!({"receipt_number": "R-2", "paid": total}))
        .await
        .is_problem(422, "idempotency-key-reused");
    stand.put(&session, &stand.cart()).await.is_problem(409, "session-not-open");

    // Another session cannot take the same receipt.
    let other = id();
    let other_total = stand.put(&other, &stand.cart()).await.json()["total"].clone();
    let body = json!({"receipt_number": "R-1", "paid": other_total});
    stand
        .post(&format!("/api/v1/sessions/{other}/close"), "pay-other", &body)
        .await
        .is_problem(409, "receipt-already-used");

    let savings = |answer: crate::stand::Answer| answer.json()["savings"]["amount"].as_i64();
    let who = stand.post("/api/v1/identify", "who-2", &json!({"code": stand.shop.codes[0]})).await;
    assert_eq!(savings(who), Some(discount));
    let cancelled = stand.post(&format!("/api/v1/sessions/{session}/cancel"), "undo", &Value::Null).await;
    assert_eq!(cancelled.json()["state"], "cancelled", "{}", cancelled.text);
    let twice = stand.post(&format!("/api/v1/sessions/{session}/cancel"), "undo", &Value::Null).await;
    assert_eq!((twice.header("idempotency-replayed"), &twice.text), ("true", &cancelled.text));
    let who = stand.post("/api/v1/identify", "who-3", &json!({"code": stand.shop.codes[0]})).await;
    assert_eq!(savings(who), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goods_come_back_and_a_sale_is_opened_again() {
    let stand = Stand::new().await;
    let session = id();
    let at = |what: &str| format!("/api/v1/sessions/{session}/{what}");
    let quote = stand.put(&session, &stand.cart()).await.json();
    let pay = |receipt: &str, total: &Value| json!({"receipt_number": receipt, "paid": total});
    let one = json!({"lines": [{"position": 0, "quantity": 1}], "reason": "cold"});
    stand.post(&at("returns"), "early", &one).await.is_problem(409, "session-not-closed");
    stand.post(&at("reopen"), "early-2", &Value::Null).await.is_problem(409, "session-not-closed");
    assert_eq!(stand.post(&at("close"), "pay", &pay("R-1", &quote["total"])).await.status, 200);
    let opened = stand.post(&at("reopen"), "open", &Value::Null).await;
    assert_eq!((opened.status.as_u16(), &opened.json()["state"]), (200, &json!("open")), "{}", opened.text);
    assert_eq!(opened.json()["total"], quote["total"]);
    assert_eq!(stand.post(&at("close"), "pay-2", &pay("R-1", &quote["total"])).await.status, 200);

    let first = stand.post(&at("returns"), "back", &one).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let told = first.json();
    assert!(uuid::Uuid::parse_str(told["return_id"].as_str().unwrap()).is_ok());
    assert_eq!(told["session"]["state"], "partially_returned");
    assert_eq!(told["lines"], json!([{"position": 0, "quantity": 1, "amount": told["refund"]["amount"]}]));
    let again = stand.post(&at("returns"), "back", &one).await;
    assert_eq!((&again.text, again.header("idempotency-replayed")), (&first.text, "true"));
    assert_eq!(stand.ask("GET", &format!("/api/v1/sessions/{session}")).await.json(), told["session"]);
    stand.post(&at("reopen"), "open-2", &Value::Null).await.is_problem(409, "session-not-closed");

    let many = json!({"lines": [{"position": 0, "quantity": 2}]});
    let problem = stand.post(&at("returns"), "back-2", &many).await.is_problem(422, "return-exceeds-sold");
    assert_eq!(problem["errors"][0]["pointer"], "/lines/0/quantity");
    for (body, key) in [
        (json!({"lines": []}), "invalid-return"),
        (json!({"lines": [{"position": 0, "quantity": 0}]}), "invalid-return"),
        (json!({"lines": [{"position": -1, "quantity": 1}]}), "invalid-body"),
        (json!({"lines": [{"position": 65_536, "quantity": 1}]}), "invalid-body"),
        (json!({"lines": [{"position": 9, "quantity": 1}]}), "return-exceeds-sold"),
        (json!({}), "invalid-body"),
    ] {
        stand.post(&at("returns"), "bad", &body).await.is_problem(422, key);
    }
    let rest = json!({"lines": [{"position": 1, "quantity": 1}, {"position": 0, "quantity": 1}]});
    let rest = stand.post(&at("returns"), "back-3", &rest).await.json();
    let amount = |told: &Value| told["refund"]["amount"].as_i64().unwrap();
    assert_eq!(json!(amount(&told) + amount(&rest)), quote["total"]);
    assert_eq!(rest["session"]["savings"]["amount"], 0);
    let cancelled = stand.post(&at("cancel"), "undo", &Value::Null).await;
    assert_eq!(cancelled.json()["state"], "cancelled", "{}", cancelled.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_its_own_stores() {
    let stand = Stand::new().await;
    let session = id();
    assert_eq!(stand.put(&session, &stand.cart()).await.status, 200);
    let path = format!("/api/v1/sessions/{session}");
    let as_other = |method: &str, path: &str, body: String| {
        let request = Request::builder().method(method).uri(path).header("idempotency-key", "other");
        let request = request.header("authorization", format!("Bearer {}", stand.shop.pricing_key));
        stand.send(request.body(Body::from(body)).unwrap())
    };
    as_other("GET", &path, String::new()).await.is_problem(404, "session-not-found");
    as_other("PUT", &path, stand.cart().to_string()).await.is_problem(404, "session-not-found");
    let body = json!({"receipt_number": "R-1", "paid": 1}).to_string();
    as_other("POST", &format!("{path}/close"), body).await.is_problem(404, "session-not-found");
    as_other("POST", &format!("{path}/cancel"), String::new()).await.is_problem(404, "session-not-found");
    as_other("POST", &format!("{path}/reopen"), String::new()).await.is_problem(404, "session-not-found");
    let body = json!({"lines": [{"position": 0, "quantity": 1}]}).to_string();
    as_other("POST", &format!("{path}/returns"), body).await.is_problem(404, "session-not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_quote_leaves_nothing_behind() {
    let stand = Stand::new().await;
    let path = format!("/api/v1/sessions/{}", id());
    let dry = stand.put_at(&format!("{path}?dry=true"), &stand.cart()).await;
    assert_eq!(dry.status, 200, "{}", dry.text);
    stand.ask("GET", &path).await.is_problem(404, "session-not-found");
    let later = stand.put_at(&format!("{path}?dry=true&now=2031-05-06T07:08:09Z"), &stand.cart()).await;
    assert_eq!(later.status, 200, "{}", later.text);
    assert!(later.json()["evaluated_at"].as_str().unwrap().starts_with("2031-05-06T07:08:09"));
    stand.put_at(&format!("{path}?now=2031-05-06T07:08:09Z"), &stand.cart()).await.is_problem(422, "now-needs-dry");
    stand.put_at(&format!("{path}?dry=perhaps"), &stand.cart()).await.is_problem(400, "invalid-query");
    for now in ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
        let answer = stand.put_at(&format!("{path}?dry=true&now={now}"), &stand.cart()).await;
        assert!(answer.status.as_u16() < 500, "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_catalogue_is_public_and_read_page_by_page() {
    let stand = Stand::new().await;
    let (mut skus, mut after) = (Vec::new(), String::new());
    loop {
        let page = stand.get(&format!("/api/v1/products?limit=7{after}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let page = page.json();
        assert!(page["products"].as_array().unwrap().len() <= 7);
        skus.extend(
            page["products"].as_array().unwrap().iter().map(|product| product["sku"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(skus, stand.shop.skus);
    assert_eq!(stand.get("/api/v1/products").await.json()["currency"], "EUR");
    for query in ["limit=0", "limit=201", "limit=many", "after=%00", "after=%ff", "limit=1&limit=2"] {
        stand.get(&format!("/api/v1/products?{query}")).await.is_problem(400, "invalid-query");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_can_be_found_again() {
    let stand = Stand::new().await;
    let with_id = |id: &str| {
        let request = Request::get("/api/v1/nothing").header("x-request-id", id);
        stand.send(request.body(Body::empty()).unwrap())
    };
    assert_eq!(with_id("till-7/42").await.header("x-request-id"), "till-7/42");
    for bad in ["two words", &"x".repeat(129)] {
        let answer = with_id(bad).await;
        assert!(uuid::Uuid::parse_str(answer.header("x-request-id")).is_ok());
    }
    let answer = stand.get("/healthz").await;
    assert!(uuid::Uuid::parse_str(answer.header("x-request-id")).is_ok());
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_name_what_they_depend_on_and_metrics_are_not_public() {
    let stand = Stand::new().await;
    assert_eq!(stand.get("/healthz").await.status, 200);
    let ready = stand.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["dependencies"]["database"]["ok"], true);
    assert_eq!(ready.json()["dependencies"]["cache"]["kind"], "in-process");
    let metrics = || Request::get("/metrics").body(Body::empty()).unwrap();
    let local = stand.send(from_peer(metrics(), "127.0.0.1:40000")).await;
    assert_eq!(local.status, 200);
    assert!(
        local.text.contains("kava_http_requests_total{method=\"GET\",route=\"/readyz\",status=\"200\"} 1"),
        "{}",
        local.text
    );
    assert!(local.text.contains("kava_http_request_seconds_bucket"));
    stand.send(from_peer(metrics(), "192.0.2.1:40000")).await.is_problem(404, "not-found");
    let mut forwarded = from_peer(metrics(), "127.0.0.1:40000");
    forwarded.headers_mut().insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
    stand.send(forwarded).await.is_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_the_server_says_so_and_nothing_private() {
    let mut stand = Stand::new().await;
    let gone = std::mem::replace(&mut stand.database, testkit::fresh_database().await);
    let name = gone.url.split(['/', '?']).nth(3).unwrap().to_owned();
    drop(gone);
    let answer = stand.put(&id(), &stand.cart()).await;
    assert!(answer.status.is_server_error(), "{}", answer.text);
    let problem = answer.json();
    assert!(uuid::Uuid::parse_str(problem["incident"].as_str().unwrap()).is_ok(), "{problem}");
    assert!(!answer.text.contains(&name) && !answer.text.to_lowercase().contains("sql"), "{problem}");
    let ready = stand.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["dependencies"]["database"]["ok"]), (503, &json!(false)));
    assert_eq!(stand.get("/healthz").await.status, 200);
}
