//! The two commands, `cargo xtask run` and `cargo xtask test`, and the rest. Each does its own set-up.
mod arrows;
mod bench;
mod bundle;
mod compress;
mod e2e;
mod setup;
mod step;
mod tally;
mod tests;
mod workspace;

use anyhow::{Result, bail};
use std::process::ExitCode;
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  run [--data DIR] [-- ARGS]  set up, build, and serve on http://127.0.0.1:3000 (ARGS go to `kava serve`)
  test                        set up and run everything: unit, behaviour and REST tests, arrows, budget, browser
  build [--site]              the release build alone: the server and target/site, or the site alone
  e2e [ARGS]                  the browser tests alone, on the release build (ARGS go to Playwright)
  check                       the arrows between the crates
  bench NAME [--quick]        a bench on the release build: boosting, clv, import, peer, policy, preferences, promotions, quote, rules, scale, segments, till, uplift
  fmt [--check]               cargo fmt over the workspace";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Result<ExitCode> {
    let (command, rest) = words.split_first().unwrap_or((&"help", &[]));
    if matches!(*command, "help" | "--help" | "-h") {
        println!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    }
    let workspace = Workspace::find()?;
    match (*command, rest) {
        ("run", rest) => run(&workspace, rest),
        ("test", []) => tests::everything(&workspace),
        ("build", []) => build(&workspace, bundle::Part::ServerAndSite),
        ("build", ["--site"]) => build(&workspace, bundle::Part::Site),
        ("e2e", rest) => tests::browser_alone(&workspace, rest),
        ("check", []) => {
            arrows::check(&workspace)?;
            Ok(ExitCode::SUCCESS)
        }
        ("bench", [name, rest @ ..]) => bench::run(&workspace, name, rest),
        ("fmt", rest @ ([] | ["--check"])) => workspace.cargo().args(["fmt", "--all"]).args(rest).exec_to_end(),
        _ => bail!("cannot make sense of `{}`\n\n{USAGE}", words.join(" ")),
    }
}

fn build(workspace: &Workspace, part: bundle::Part) -> Result<ExitCode> {
    setup::for_build(workspace)?;
    bundle::build(workspace, part)?;
    Ok(ExitCode::SUCCESS)
}

/// Everything up to the server; then we *become* the server, so that Ctrl-C reaches it and nobody else.
fn run(workspace: &Workspace, rest: &[&str]) -> Result<ExitCode> {
    let (ours, theirs) = match rest.iter().position(|word| *word == "--") {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, &[][..]),
    };
    let data = match ours {
        [] => None,
        ["--data", folder] => Some(*folder),
        other => bail!("cannot make sense of `{}`\n\n{USAGE}", other.join(" ")),
    };
    setup::for_build(workspace)?;
    setup::servers(workspace)?;
    bundle::build(workspace, bundle::Part::ServerAndSite)?;
    let mut serve = workspace.kava();
    serve.arg("serve").arg("--site").arg(workspace.site());
    if let Some(folder) = data {
        serve.arg("--data").arg(folder);
    }
    serve.args(theirs).become_it()
}
