//! A server without a socket: its router, on a database of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use server::bench::shop::{Furnished, Size, furnish};
use server::config::{Config, Flags};
use server::edge::{self, Site};
use server::wiring::Wired;
use testkit::TestDatabase;
use tower::ServiceExt;

pub struct Stand {
    pub router: Router,
    pub shop: Furnished,
    pub wired: Wired,
    pub database: TestDatabase,
    site: Option<PathBuf>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts a problem of this status and key, in every rule of RFC 9457 that the contract names.
    #[track_caller]
    pub fn is_problem(&self, status: u16, key: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["key"], key, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:kava:problem:{key}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        assert_eq!(problem.get("incident").is_some(), status >= 500, "{problem}");
        assert!(!self.header("x-request-id").is_empty());
        problem
    }
}

impl Stand {
    /// REST and probes.
    pub async fn new() -> Self {
        Self::with(&[], false).await
    }

    /// REST, probes and pages.
    pub async fn with_pages(settings: &[(&str, &str)]) -> Self {
        Self::with(settings, true).await
    }

    pub async fn with(settings: &[(&str, &str)], pages: bool) -> Self {
        let database = testkit::fresh_database().await;
        let own = [("DATABASE_URL", database.url.as_str()), ("KAVA__REDIS__ENABLED", "false")];
        let environment = own
            .iter()
            .chain(settings)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>();
        let flags = Flags { config: Some("/dev/null".into()), ..Flags::default() };
        let config = Config::load(&flags, environment).unwrap();
        let wired = Wired::start(&config).await.unwrap();
        let size = Size { products: 20, customers: 3 };
        let shop = furnish(&wired.store, &*wired.entropy, wired.clock.now(), size).await.unwrap();
        let folder = pages.then(|| site(&shop.till_key));
        let site = folder.as_deref().map(|folder| Site::open(folder).unwrap());
        let router = edge::router(&wired.edge(&config).unwrap(), site.as_ref()).unwrap();
        Self { router, shop, wired, database, site: folder }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// As the till.
    pub async fn ask(&self, method: &str, path: &str) -> Answer {
        self.send(self.request(method, path).body(Body::empty()).unwrap()).await
    }

    pub async fn put(&self, session: &str, cart: &Value) -> Answer {
        self.put_at(&format!("/api/v1/sessions/{session}"), cart).await
    }

    pub async fn put_at(&self, path: &str, cart: &Value) -> Answer {
        self.send(self.request("PUT", path).body(Body::from(cart.to_string())).unwrap()).await
    }

    pub async fn post(&self, path: &str, once: &str, body: &Value) -> Answer {
        let request = self.request("POST", path).header("idempotency-key", once);
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.shop.till_key))
            .header("content-type", "application/json")
    }

    /// The customer's code and two products.
    pub fn cart(&self) -> Value {
        serde_json::json!({
            "customer_code": self.shop.codes[0],
            "currency": "EUR",
            "lines": [
                {"sku": self.shop.skus[0], "quantity": 2},
                {"sku": self.shop.skus[1], "quantity": 1, "unknown": "is ignored"},
            ],
        })
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Some(folder) = &self.site {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

pub fn from_peer(mut request: Request<Body>, peer: &str) -> Request<Body> {
    let address: SocketAddr = peer.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(address));
    request
}

pub fn id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    uuid::Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 | u128::from(NEXT.fetch_add(1, Ordering::Relaxed)))
        .to_string()
}

/// The least that is a built site.
fn site(name: &str) -> PathBuf {
    let root = std::env::temp_dir().join(format!("kava-it-site-{}-{}", std::process::id(), &name[..16]));
    std::fs::create_dir_all(root.join("pkg")).unwrap();
    for (file, text) in [
        ("pkg/kava.js", "export default 1;"),
        ("pkg/kava.wasm", "wasm"),
        ("pkg/kava.css", "body { color: black }"),
        ("robots.txt", "User-agent: *\n"),
        ("sw.js", "const BUILD = \"__BUILD__\"; const PRECACHE = __PRECACHE__;"),
    ] {
        std::fs::write(root.join(file), text).unwrap();
    }
    root
}
