//! The arrows between the crates: who may lean on whom, and what never reaches the browser.
use crate::setup::WASM;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A crate, and those of ours that it may depend on. What is not written here is not allowed.
///
/// Tests may use `testkit`, and the tests of a crate whatever its code may.
const ALLOWED: &[(&str, &[&str])] = &[
    // Words and laws: no I/O, wasm-safe.
    ("domain", &[]),
    ("contract", &["domain"]),
    // Screens.
    ("app", &["contract", "domain"]),
    ("frontend", &["app"]),
    // Pure engines: they cannot lean on one another.
    ("discount", &["domain"]),
    ("preferences", &["domain"]),
    ("promotions", &["domain"]),
    ("segmentation", &["domain"]),
    // What the discount engine is judged by: it plays there, and sees nothing of it.
    ("simulator", &["discount", "domain"]),
    // The till's half of what is agreed with it: what runs on a device without a network.
    ("till", &["contract", "domain"]),
    // Generated from the .proto.
    ("till-proto", &[]),
    // Ports.
    ("cache", &["domain"]),
    ("embedded", &[]),
    ("events", &["domain"]),
    ("notify", &["domain"]),
    ("store", &["domain", "events", "notify"]),
    // The stories, and the one binary.
    (
        "services",
        &[
            "cache",
            "contract",
            "discount",
            "domain",
            "events",
            "notify",
            "preferences",
            "promotions",
            "segmentation",
            "store",
            "till",
        ],
    ),
    // Engines for their benches alone, and `simulator` for `kava simulate policy`.
    (
        "server",
        &[
            "app",
            "cache",
            "contract",
            "discount",
            "domain",
            "embedded",
            "events",
            "notify",
            "preferences",
            "promotions",
            "segmentation",
            "services",
            "simulator",
            "store",
            "till",
            "till-proto",
        ],
    ),
    // For tests and for work on the checkout.
    ("testkit", &["embedded"]),
    ("xtask", &["embedded"]),
];

/// Crates whose tests may look into the database past the store, to prove what it holds.
const TESTS_WITH_SQL: &[&str] = &["services", "server"];

/// Who may depend on these crates of others.
const RESERVED: &[(&str, &[&str])] = &[
    ("sqlx", &["store", "testkit"]),
    ("redis", &["cache"]),
    ("anyhow", &["server", "xtask"]),
    ("tonic", &["server", "till-proto"]),
    ("linfa", &["segmentation"]),
    ("linfa-clustering", &["segmentation"]),
    ("forust-ml", &["discount"]),
];

/// What an engine must not have: a clock, I/O, threads of its own, a log.
const ENGINES: &[&str] = &["discount", "preferences", "promotions", "segmentation", "simulator", "domain", "till"];
const IMPURE: &[&str] = &["tokio", "tracing", "reqwest", "async-trait", "futures", "axum"];

/// What no customer downloads.
const NEVER_IN_THE_BROWSER: &[&str] = &[
    "argon2",
    "axum",
    "cache",
    "clap",
    "discount",
    "embedded",
    "events",
    "hyper",
    "leptos_axum",
    "linfa",
    "metrics",
    "mio",
    "moka",
    "ndarray",
    "notify",
    "preferences",
    "promotions",
    "redis",
    "rustls",
    "segmentation",
    "server",
    "services",
    "simulator",
    "sqlx",
    "sqlx-core",
    "store",
    "testkit",
    "till",
    "till-proto",
    "tokio",
    "tonic",
    "tower-http",
    "utoipa",
];

/// Fails with every arrow that points the wrong way.
pub fn check(workspace: &Workspace) -> Result<()> {
    let metadata = workspace.cargo().args(["metadata", "--no-deps", "--format-version", "1"]).read()?;
    let crates = crates_in(&serde_json::from_str(&metadata)?)?;
    let mut wrong = wrong_arrows(&crates);
    let tree = workspace
        .cargo()
        .args(["tree", "--package", "frontend", "--target", WASM, "--edges", "normal,no-proc-macro"])
        .args(["--prefix", "none", "--format", "{p}"])
        .read()?;
    wrong.extend(in_the_browser(&tree));
    if wrong.is_empty() {
        println!("{} crates, every arrow points the right way", crates.len());
        return Ok(());
    }
    bail!("{}", wrong.join("\n"))
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Crate {
    name: String,
    /// Name, and whether only tests use it.
    needs: Vec<(String, bool)>,
}

fn crates_in(metadata: &Value) -> Result<Vec<Crate>> {
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    packages
        .iter()
        .map(|package| {
            let name = package["name"].as_str().context("a package without a name")?.to_owned();
            let needs = package["dependencies"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|need| Some((need["name"].as_str()?.to_owned(), need["kind"].as_str() == Some("dev"))));
            Ok(Crate { needs: needs.collect(), name })
        })
        .collect()
}

fn wrong_arrows(crates: &[Crate]) -> Vec<String> {
    let mut wrong = Vec::new();
    for one in crates {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == one.name) else {
            wrong.push(format!("{}: a new crate needs its row in xtask/src/arrows.rs", one.name));
            continue;
        };
        for (need, only_tests) in &one.needs {
            let ours = crates.iter().any(|other| other.name == *need);
            let for_tests = *only_tests && need == "testkit";
            if ours && !allowed.contains(&need.as_str()) && !for_tests {
                wrong.push(format!("{} must not depend on {need}", one.name));
            }
            let looks = *only_tests && need == "sqlx" && TESTS_WITH_SQL.contains(&one.name.as_str());
            if let Some((_, holders)) = RESERVED.iter().find(|(name, _)| name == need)
                && !holders.contains(&one.name.as_str())
                && !looks
            {
                wrong.push(format!("{} must not depend on {need}: only {} may", one.name, holders.join(", ")));
            }
            if ENGINES.contains(&one.name.as_str()) && !only_tests && IMPURE.contains(&need.as_str()) {
                wrong.push(format!("{} is pure and must not depend on {need}", one.name));
            }
        }
    }
    wrong
}

/// `{p}` is `name vX.Y.Z (path)`.
fn in_the_browser(tree: &str) -> Vec<String> {
    let mut found: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| NEVER_IN_THE_BROWSER.contains(name))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
        .iter()
        .map(|name| format!("{name} reaches the wasm build: cargo tree -p frontend --target {WASM} -i {name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, needs: &[(&str, bool)]) -> Crate {
        Crate { name: name.into(), needs: needs.iter().map(|(need, dev)| ((*need).into(), *dev)).collect() }
    }

    #[test]
    fn an_arrow_that_points_the_wrong_way_is_told() {
        let crates = [one("domain", &[("store", false)]), one("store", &[("domain", false), ("sqlx", false)])];
        assert_eq!(wrong_arrows(&crates), ["domain must not depend on store"]);
    }

    #[test]
    fn engines_do_not_lean_on_one_another_even_in_tests() {
        let crates =
            [one("discount", &[("promotions", true), ("tokio", false)]), one("promotions", &[("tokio", true)])];
        assert_eq!(
            wrong_arrows(&crates),
            ["discount must not depend on promotions", "discount is pure and must not depend on tokio"]
        );
    }

    #[test]
    fn only_the_store_has_sql_and_only_tests_have_the_testkit() {
        let crates = [
            one("services", &[("sqlx", true), ("testkit", true)]),
            one("cache", &[("sqlx", true)]),
            one("services", &[("sqlx", false)]),
            one("server", &[("testkit", false)]),
            one("testkit", &[("sqlx", false)]),
        ];
        assert_eq!(
            wrong_arrows(&crates),
            [
                "cache must not depend on sqlx: only store, testkit may",
                "services must not depend on sqlx: only store, testkit may",
                "server must not depend on testkit"
            ]
        );
    }

    #[test]
    fn a_crate_without_a_row_is_told() {
        assert_eq!(wrong_arrows(&[one("novelty", &[])]).len(), 1);
    }

    #[test]
    fn server_crates_are_seen_in_the_browsers_tree() {
        let tree = "frontend v0.1.0 (/x/frontend)\napp v0.1.0 (/x/app)\ntokio v1.5.0\nserde v1.0.0\ntokio v1.5.0 (*)\n";
        let found = in_the_browser(tree);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("tokio reaches"));
    }
}
