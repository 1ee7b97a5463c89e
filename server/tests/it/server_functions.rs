//! What the screens may call. A path is part of the contract with every installed app: add, and do not rename.

use leptos as _;

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

const REVIEWED: &[&str] = &[];
