//! The document says what the router does.

use serde_json::Value;
use utoipa::OpenApi;

use crate::stand::Stand;

fn document() -> Value {
    serde_json::from_str(&server::rest::Api::openapi().to_json().unwrap()).unwrap()
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, root: &Value, seen: &mut usize) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(root.pointer(pointer).is_some(), "{reference}");
                    *seen += 1;
                }
                fields.values().for_each(|value| walk(value, root, seen));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, root, seen)),
            _ => {}
        }
    }
    let document = document();
    let mut seen = 0;
    walk(&document, &document, &mut seen);
    assert!(seen > 20, "{seen}");
}

#[test]
fn operations_are_those_of_the_contract() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations.push(format!("{} {path}", method.to_uppercase()));
            let public = path == "/api/v1/products";
            assert_eq!(operation.get("security").is_none(), public, "{path}");
            let keyed = operation["parameters"]
                .as_array()
                .is_some_and(|parameters| parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key"));
            assert_eq!(keyed, method == "post", "{path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                if status.starts_with(['4', '5']) {
                    assert!(response["content"]["application/problem+json"].is_object(), "{path} {status}");
                }
            }
        }
    }
    operations.sort();
    assert_eq!(
        operations,
        [
            "DELETE /api/v1/campaigns/{campaign_id}",
            "GET /api/v1/campaigns",
            "GET /api/v1/campaigns/{campaign_id}",
            "GET /api/v1/coupons/batches/{batch_id}",
            "GET /api/v1/coupons/batches/{batch_id}/codes",
            "GET /api/v1/grants",
            "GET /api/v1/products",
            "GET /api/v1/rule-sets",
            "GET /api/v1/rule-sets/current",
            "GET /api/v1/rule-sets/{revision}",
            "GET /api/v1/sessions/{session_id}",
            "GET /api/v1/sessions/{session_id}/explanation",
            "GET /api/v1/simulations/{simulation_id}",
            "POST /api/v1/campaigns/{campaign_id}/pause",
            "POST /api/v1/campaigns/{campaign_id}/resume",
            "POST /api/v1/coupons/batches",
            "POST /api/v1/identify",
            "POST /api/v1/receipts",
            "POST /api/v1/sessions/{session_id}/cancel",
            "POST /api/v1/sessions/{session_id}/close",
            "POST /api/v1/sessions/{session_id}/reopen",
            "POST /api/v1/sessions/{session_id}/returns",
            "POST /api/v1/simulations",
            "POST /api/v1/simulations/{simulation_id}/cancel",
            "PUT /api/v1/campaigns/{campaign_id}",
            "PUT /api/v1/coupons/{code}",
            "PUT /api/v1/rule-sets/current",
            "PUT /api/v1/rule-sets/draft",
            "PUT /api/v1/sessions/{session_id}",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_served_and_what_is_answered_fits_it() {
    let stand = Stand::new().await;
    let served = stand.get("/api/v1/openapi.json").await;
    assert_eq!(served.status, 200);
    let document = served.json();
    let quote = stand.put(&crate::stand::id(), &stand.cart()).await.json();
    let schema = &document["components"]["schemas"]["Session"];
    for field in schema["required"].as_array().unwrap() {
        assert!(quote.get(field.as_str().unwrap()).is_some(), "{field}");
    }
    for field in quote.as_object().unwrap().keys() {
        assert!(schema["properties"].get(field).is_some(), "{field} is answered and not documented");
    }
}
