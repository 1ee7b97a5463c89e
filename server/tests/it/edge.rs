//! Pages: their policy, their neighbours' forms, their files.

use axum::body::Body;
use http::Request;

use crate::stand::Stand;

fn nonces(html: &str) -> Vec<&str> {
    html.split("nonce=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_allows_its_own_scripts_and_no_others() {
    let stand = Stand::with_pages(&[]).await;
    let mut seen = std::collections::HashSet::new();
    for path in ["/", "/menu", "/sign-in", "/staff", "/offline"] {
        let page = stand.get(path).await;
        assert!(page.status.is_success() || page.status.is_redirection(), "{path}: {}", page.status);
        let policy = page.header("content-security-policy");
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
        assert!(seen.insert(nonce.to_owned()), "{path}: a nonce is used once");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"));
        if page.status.is_success() {
            assert!(!nonces(&page.text).is_empty(), "{path}");
            assert!(nonces(&page.text).iter().all(|used| *used == nonce), "{path}");
            assert!(!page.text.contains(" style=\""), "{path}: an inline style would be blocked");
            for script in page.text.split("<script").skip(1) {
                let tag = script.split('>').next().unwrap();
                assert!(tag.contains("nonce="), "{path}: <script{tag}> would be blocked");
            }
        }
        assert_eq!(page.header("referrer-policy"), "strict-origin-when-cross-origin");
        assert!(page.header("permissions-policy").contains("camera=(self)"));
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
        assert!(page.header("vary").contains("cookie"));
        assert_eq!(page.header("cache-control"), "private, no-cache");
        assert_eq!(page.header("strict-transport-security"), "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_https_the_browser_is_told_to_stay_there() {
    let stand = Stand::with_pages(&[("KAVA__SERVE__PUBLIC_URL", "https://kava.example")]).await;
    assert!(stand.get("/").await.header("strict-transport-security").starts_with("max-age="));
    let chosen = stand.get("/preferences?locale=ru&next=/menu").await;
    assert!(chosen.header("set-cookie").ends_with("; Secure"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_sites_form_is_refused() {
    let stand = Stand::with_pages(&[]).await;
    let post = |headers: &[(&str, &str)]| {
        let mut request = Request::post("/fn/v1/nothing").header("host", "127.0.0.1:3000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        stand.send(request.body(Body::empty()).unwrap())
    };
    let path = server_fn::axum::server_fn_paths().map(|(path, _)| path).min().unwrap();
    let foreign = Request::post(path).header("sec-fetch-site", "cross-site").header("origin", "https://evil.example");
    let answer = stand.send(foreign.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["key"], "forbidden");
    let own = Request::post(path)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded");
    assert_ne!(stand.send(own.body(Body::empty()).unwrap()).await.status, 403);
    let large = Request::post(path).header("sec-fetch-site", "same-origin").header("content-length", 64 * 1024 + 1);
    assert_eq!(stand.send(large.body(Body::from("x".repeat(64 * 1024 + 1))).unwrap()).await.status, 413);
    assert_eq!(post(&[("sec-fetch-site", "same-origin")]).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn language_and_theme_are_the_visitors() {
    let stand = Stand::with_pages(&[]).await;
    let page = |headers: &[(&str, &str)]| {
        let mut request = Request::get("/sign-in");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        stand.send(request.body(Body::empty()).unwrap())
    };
    assert!(page(&[]).await.text.contains("<html lang=\"en\""));
    assert!(page(&[("accept-language", "ru-RU,ru;q=0.9,en;q=0.8")]).await.text.contains("<html lang=\"ru\""));
    let chosen = stand.get("/preferences?locale=ru&theme=dark&next=%2Fmenu%3Fpage%3D2").await;
    assert_eq!((chosen.status.as_u16(), chosen.header("location")), (303, "/menu?page=2"));
    let cookies: Vec<_> = chosen.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    let page = page(&[("cookie", "kava_locale=ru; kava_theme=dark"), ("accept-language", "en")]).await;
    assert!(page.text.contains("<html lang=\"ru\"") && page.text.contains("data-theme=\"dark\""));
    for next in ["//evil.example", "https://evil.example", "%5C%5Cevil.example", "/%0d%0aset-cookie:a=b"] {
        let answer = stand.get(&format!("/preferences?theme=loud&next={next}")).await;
        assert_eq!((answer.header("location"), answer.header("set-cookie")), ("/", ""), "{next}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_pages_and_nothing_are_told_apart() {
    let stand = Stand::with_pages(&[]).await;
    let worker = stand.get("/sw.js").await;
    assert_eq!((worker.status.as_u16(), worker.header("cache-control")), (200, "no-cache"));
    assert!(worker.text.contains("\"/pkg/kava.wasm\"") && worker.text.contains("\"/offline\""), "{}", worker.text);
    assert!(!worker.text.contains("__BUILD__"));
    assert_eq!(worker.header("content-security-policy"), "default-src 'self'");
    assert_eq!(stand.get("/robots.txt").await.status, 200);
    assert_eq!(stand.get("/pkg/kava.css").await.header("content-type"), "text/css");
    let lost = stand.get("/no/such/page").await;
    assert_eq!(lost.status, 404);
    assert!(lost.header("content-type").starts_with("text/html") && lost.text.contains("<html"), "{}", lost.text);
    assert!(lost.header("content-security-policy").contains("'nonce-"));
    stand.get("/api/nothing").await.is_problem(404, "not-found");
    stand.get("/fn/v1/nothing").await.is_problem(404, "not-found");
    assert_eq!(stand.get("/../Cargo.toml").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_nobody_gave_out_is_a_stranger() {
    let stand = Stand::with_pages(&[]).await;
    for token in ["nonsense", &"x".repeat(5_000), "%00", "\u{7f}"] {
        let request =
            Request::get("/").header("cookie", format!("kava_customer={token}; kava_staff={token}").as_bytes());
        let Ok(request) = request.body(Body::empty()) else { continue };
        let page = stand.send(request).await;
        assert!(page.status.is_success() || page.status.is_redirection(), "{}", page.status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_database_people_get_a_page_and_screens_a_fault() {
    let mut stand = Stand::with_pages(&[]).await;
    drop(std::mem::replace(&mut stand.database, testkit::fresh_database().await));
    let request = Request::get("/").header("cookie", format!("kava_customer={}", "A".repeat(43)));
    let page = stand.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(page.status, 503);
    assert!(page.header("content-type").starts_with("text/html") && page.text.contains("lang=\"ru\""));
    assert_eq!(
        (page.header("cache-control"), page.headers.get_all("content-security-policy").iter().count()),
        ("no-store", 1)
    );
    let call = Request::post("/fn/v1/home").header("cookie", format!("kava_customer={}", "A".repeat(43)));
    let fault = stand.send(call.body(Body::empty()).unwrap()).await;
    assert_eq!((fault.status, fault.header("content-type")), (page.status, "application/json"));
    assert!(uuid::Uuid::parse_str(fault.json()["incident"].as_str().unwrap()).is_ok(), "{}", fault.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_is_refused_with_the_status_of_the_refusal() {
    let stand = Stand::with_pages(&[]).await;
    let call = |path: &'static str, body: &'static str| {
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        stand.send(request.body(Body::from(body)).unwrap())
    };
    let stranger = call("/fn/v1/home", "").await;
    assert_eq!((stranger.status.as_u16(), stranger.header("cache-control")), (401, "no-store"));
    assert_eq!(stranger.json()["key"], "unauthenticated");
    let unreadable = call("/fn/v1/home/choose-card", "nonsense").await;
    assert!(unreadable.status.is_client_error(), "{} {}", unreadable.status, unreadable.text);
}
