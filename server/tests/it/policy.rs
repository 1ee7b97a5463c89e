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

/// The whole way as an operator goes it: a past to learn from, a model, a plan, a budget, and back.
#[tokio::test]
async fn a_shop_learns_from_its_past_and_is_told_what_it_brings() {
    let database = testkit::fresh_database().await;
    let url = database.url.clone();
    let kava = move |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_kava"))
            .args(arguments)
            .envs([("DATABASE_URL", url.as_str()), ("KAVA__REDIS__ENABLED", "false"), ("KAVA__LOG__LEVEL", "error")])
            .output()
            .expect("it starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let good = |arguments: &[&str]| {
        let (code, out, err) = kava(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {out} {err}");
        out
    };
    good(&["seed", "--guests", "400", "--weeks", "40", "--seed", "3"]);
    let report: Value = serde_json::from_str(&good(&["policy", "train", "--json"])).unwrap();
    assert_eq!(report["version"], 1, "{report}");
    let report = &report["report"];
    assert!(report["weeks_by_chance"].as_u64().unwrap() > 1_000, "{report}");
    // Simulated guests are not made as the model has them, and are foretold all the same.
    for bin in report["calibration"].as_array().unwrap() {
        let of = |key: &str| bin[key].as_f64().unwrap();
        assert!(of("weeks") < 300.0 || (of("foretold") - of("came")).abs() < 0.1, "{bin}");
    }
    good(&["policy", "use", "1"]);
    good(&["policy", "set", "--mode", "learned", "--budget", "150.50", "--least", "2.5%"]);
    assert!(good(&["policy", "plan"]).contains("Planned for 400 customers"));
    let shown = good(&["policy", "show"]);
    for told in ["Mode learned: from 2.5% to 15%", "£150.50", "Model 1", "in_use", "held out"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(shown.contains("beyond what there would have been without") || shown.contains("Too few"), "{shown}");
    for (wrong, why) in [
        (&["policy", "set", "--most", "90%"][..], "multiple of 2.5"),
        (&["policy", "set", "--held-out", "60%"], "At most half"),
        (&["policy", "set", "--budget", "lots"], "number"),
        (&["policy", "use", "9"], "no model of this version"),
        (&["policy", "rollback"], "No model was in use before"),
        (&["seed", "--guests", "10"], "a shop already"),
    ] {
        let (code, _, err) = kava(wrong);
        assert!(code == Some(1) && err.contains(why), "{wrong:?}: {err}");
    }
}
