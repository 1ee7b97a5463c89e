//! Kill the server between any two requests and start it again: no closed purchase is lost, none counts twice.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use contract::CustomerApi;
use domain::{Locale, Phone};
use serde_json::{Value, json};
use server::config::{Config, Flags};
use server::wiring::Wired;
use services::seed::DEMO;

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kava"))
            .args(["serve", "--api-only", "--addr", "127.0.0.1:0", "--config", "/dev/null", "--data"])
            .arg(data)
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .env("KAVA__LOG__LEVEL", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| Some(line.unwrap().strip_prefix("Kava is open at http://")?.to_owned()))
            .expect("the server opens");
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// SIGKILL: no drain, no goodbye.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn write(&self, method: &str, path: &str, key: &str, body: &Value) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.to_string();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: kava\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             idempotency-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            DEMO.till_key,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    fn ask(&self, method: &str, path: &str, key: &str, body: &Value) -> (u16, String) {
        let mut text = String::new();
        self.write(method, path, key, body).read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn savings(&self, code: &str, key: &str) -> i64 {
        let (status, body) = self.ask("POST", "/api/v1/identify", key, &json!({"code": code}));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["savings"]["amount"].as_i64().unwrap()
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The demo customer's static code, by signing in as they would.
async fn a_code(data: &Path) -> String {
    let flags = Flags { config: Some("/dev/null".into()), data: Some(data.into()), ..Flags::default() };
    let wired = Wired::start(&Config::load(&flags, []).unwrap()).await.unwrap();
    let phone = Phone::parse(DEMO.customer_phone).unwrap();
    let (shop, here) = (&wired.shop, IpAddr::from([127, 0, 0, 1]));
    shop.request_code(&phone, here, Locale::En).await.unwrap();
    let message = shop.demo_messages().await.unwrap().remove(0);
    let code: String = message.text.chars().filter(char::is_ascii_digit).take(6).collect();
    let token = CustomerApi::sign_in(shop, &phone, &code, here, Locale::En).await.unwrap().token;
    let caller = CustomerApi::authenticate(shop, &token.0).await.unwrap().unwrap();
    let home = shop.home(caller).await.unwrap();
    wired.stop().await.unwrap();
    home.static_code.as_str().to_owned()
}

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
