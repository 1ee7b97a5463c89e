//! The server is killed between any two requests.

use std::process::Command;

use serde_json::{Value, json};

use super::{Folder, Server, a_code};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_and_doubles_nothing() {
    let data = Folder(std::env::temp_dir().join(format!("kava-kill-{}", std::process::id())));
    let mut server = Server::start(&data.0);
    let code = a_code(&data.0).await;
    let before = server.savings(&code, "before");
    let (_, page) = server.ask("GET", "/api/v1/products?limit=3", "-", &Value::Null);
    let products: Value = serde_json::from_str(&page).unwrap();
    let lines: Vec<Value> = products["products"]
        .as_array()
        .unwrap()
        .iter()
        .map(|product| json!({"sku": product["sku"], "quantity": 2}))
        .collect();
    let cart = json!({"customer_code": code, "currency": products["currency"], "lines": lines});
    let mut saved = 0;

    for round in 0..3_u32 {
        let path = format!("/api/v1/sessions/0198a000-0000-7000-8000-{round:012}");
        let (status, quoted) = server.ask("PUT", &path, "-", &cart);
        assert_eq!(status, 200, "{quoted}");
        server.kill();

        server = Server::start(&data.0);
        let (_, kept) = server.ask("GET", &path, "-", &Value::Null);
        assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), serde_json::from_str::<Value>(&quoted).unwrap());
        let quote: Value = serde_json::from_str(&quoted).unwrap();
        let close = json!({"receipt_number": format!("K-{round}"), "paid": quote["total"]});
        let key = format!("close-{round}");
        let answered = if round == 0 {
            Some(server.ask("POST", &format!("{path}/close"), &key, &close))
        } else {
            // Nobody waits for the answer: it may or may not have been written when the server dies.
            drop(server.write("POST", &format!("{path}/close"), &key, &close));
            None
        };
        server.kill();

        server = Server::start(&data.0);
        let (status, closed) = server.ask("POST", &format!("{path}/close"), &key, &close);
        assert_eq!(status, 200, "{closed}");
        if let Some(first) = answered {
            assert_eq!(first, (200, closed.clone()), "byte for byte");
        }
        saved += quote["discount"].as_i64().unwrap();
        assert_eq!(server.savings(&code, &format!("after-{round}")), before + saved);
    }
    assert!(saved > 0);
    // The last one out stops PostgreSQL and Redis.
    let stopped = Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert!(server.child.wait().unwrap().success());
}
