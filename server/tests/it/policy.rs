//! `kava simulate policy` as its users run it: a program, a parameter file, a report.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kava")).args(["simulate", "policy"]).args(arguments).output().expect("it starts")
}

fn small(more: &[&str]) -> Output {
    let mut arguments = vec!["--shoppers", "400", "--weeks", "8", "--pilot", "20", "--seed", "7"];
    arguments.extend(more);
    simulate(&arguments)
}

fn written(name: &str, truth: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("kava-truth-{}-{name}.json", std::process::id()));
    std::fs::write(&path, truth).unwrap();
    path
}

fn with_truth(path: &Path) -> Output {
    small(&["--json", "--truth", path.to_str().unwrap()])
}

#[test]
fn a_report_is_one_json_object_and_the_same_every_time() {
    let (once, again) = (small(&["--json"]), small(&["--json"]));
    assert!(once.status.success(), "{}", String::from_utf8_lossy(&once.stderr));
    assert_eq!(once.stdout, again.stdout);
    let report: Value = serde_json::from_slice(&once.stdout).unwrap();
    let names: Vec<&str> =
        report["policies"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["no discount", "best uniform", "RFM rules", "T-learner", "engine", "oracle", "cycles"]);
    assert_eq!((&report["seed"], &report["shoppers"], &report["weeks"]), (&json!(7), &json!(400), &json!(8)));
    assert_eq!(report["budget_violations"], json!(0));
    let nothing = &report["policies"][0];
    assert_eq!((&nothing["incremental_margin"], &nothing["discount"]), (&json!(0.0), &json!(0)));
    for policy in report["policies"].as_array().unwrap() {
        let more = policy["margin"].as_i64().unwrap() - nothing["margin"].as_i64().unwrap();
        assert!((policy["incremental_margin"].as_f64().unwrap() - more as f64 / 400.0).abs() < 1e-9);
    }
}

/// What is printed as the default is read as the default.
#[test]
fn the_printed_truth_is_the_one_that_is_used_without_one() {
    let printed = simulate(&["--print-truth"]);
    let path = written("printed", std::str::from_utf8(&printed.stdout).unwrap());
    let (with, without) = (with_truth(&path), small(&["--json"]));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(with.stdout, without.stdout);
    // And every field of it is in the documentation.
    let truth: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let documented = include_str!("../../../docs/policy.md");
    for field in truth.as_object().unwrap().keys() {
        assert!(documented.contains(&format!("`{field}`")), "{field} is not in docs/policy.md");
    }
}

#[test]
fn what_makes_no_sense_is_named_and_ends_with_one() {
    let told = |name: &str, truth: &str| {
        let path = written(name, truth);
        let output = with_truth(&path);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(output.stdout.is_empty(), "{name}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(told("share", r#"{"deaf": 1.5}"#).contains("`deaf` of the truth is a share: 0 to 1"));
    assert!(told("unknown", r#"{"daef": 0.5}"#).contains("daef"));
    assert!(told("cut", r#"{"deaf": 0."#).contains("EOF"));
    assert!(told("two", "{} {}").contains("trailing"));
    assert!(told("kind", r#"{"menu": 3}"#).contains("menu"));
    assert!(told("huge", &format!("{{\"deaf\": 0.5{}}}", " ".repeat(2 << 20))).contains("larger"));
    assert!(
        String::from_utf8_lossy(&small(&["--truth", "/nowhere/at/all.json"]).stderr).contains("/nowhere/at/all.json")
    );
    assert!(String::from_utf8_lossy(&small(&["--budget", "much"]).stderr).contains("--budget"));
    assert_eq!(simulate(&["--weeks", "0"]).status.code(), Some(1));
    assert_eq!(simulate(&["--weeks", "-1"]).status.code(), Some(2));
}
