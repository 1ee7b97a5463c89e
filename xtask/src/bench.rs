//! `cargo xtask bench`: set-up, the release build, then `kava bench` itself. Its last line on stdout is the figures' JSON.
use crate::workspace::Workspace;
use crate::{bundle, setup};
use anyhow::Result;
use std::process::ExitCode;

pub fn run(workspace: &Workspace, name: &str, rest: &[&str]) -> Result<ExitCode> {
    setup::servers(workspace)?;
    match name {
        "peer" => setup::for_peer(workspace)?,
        "boosting" | "clv" | "preferences" | "rules" | "segments" | "uplift" => setup::for_learning(workspace)?,
        _ => {}
    }
    bundle::build(workspace, bundle::Part::Server)?;
    workspace.kava().args(["bench", name]).args(rest).become_it()
}
