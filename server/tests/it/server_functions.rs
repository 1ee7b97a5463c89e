//! What the screens may call. A path is part of the contract with every installed app: add, and do not rename.

#[test]
fn every_server_function_is_known_and_versioned() {
    // Linked only when something of the app is used.
    let _ = app::App;
    let mut paths: Vec<String> =
        server_fn::axum::server_fn_paths().map(|(path, method)| format!("{method} {path}")).collect();
    paths.sort();
    for path in &paths {
        assert!(path.starts_with("POST /fn/v1/") || path.starts_with("GET /fn/v1/"), "{path}");
    }
    assert_eq!(paths, REVIEWED);
}

const REVIEWED: &[&str] = &[
    "POST /fn/v1/checkout/cancel",
    "POST /fn/v1/checkout/close",
    "POST /fn/v1/checkout/identify",
    "POST /fn/v1/checkout/quote",
    "POST /fn/v1/checkout/search",
    "POST /fn/v1/checkout/start",
    "POST /fn/v1/demo/messages",
    "POST /fn/v1/home",
    "POST /fn/v1/home/choose-card",
    "POST /fn/v1/marketing/divide",
    "POST /fn/v1/marketing/fit",
    "POST /fn/v1/marketing/offer-terms",
    "POST /fn/v1/marketing/offers",
    "POST /fn/v1/marketing/roll-back-model",
    "POST /fn/v1/marketing/segments",
    "POST /fn/v1/marketing/stop-fit",
    "POST /fn/v1/marketing/stop-training",
    "POST /fn/v1/marketing/together",
    "POST /fn/v1/marketing/train",
    "POST /fn/v1/marketing/use-model",
    "POST /fn/v1/menu",
    "POST /fn/v1/offers",
    "POST /fn/v1/profile",
    "POST /fn/v1/profile/delete",
    "POST /fn/v1/profile/save",
    "POST /fn/v1/savings",
    "POST /fn/v1/sign-in/prove",
    "POST /fn/v1/sign-in/request-code",
    "POST /fn/v1/sign-in/waiting",
    "POST /fn/v1/sign-out",
    "POST /fn/v1/staff/me",
    "POST /fn/v1/staff/sign-in",
    "POST /fn/v1/staff/sign-out",
];
