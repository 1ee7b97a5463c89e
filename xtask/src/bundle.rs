//! From the sources to `target/site` and `target/release/kava`.
//!
//! The same steps as `cargo leptos build --release` with `hash-files`, without its quarter of an hour of compiling tools:
//! cargo, wasm-bindgen (the library of the lock file's version), wasm-opt and esbuild (npm). At run time leptos finds the
//! hashed names in `hash.txt` beside the server's binary.
use crate::setup::WASM;
use crate::step::{say, step};
use crate::workspace::Workspace;
use crate::{compress, tests};
use anyhow::{Context, Result, anyhow};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

/// What rustc's wasm32 target emits; wasm-opt accepts no more than it is told of.
const WASM_FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-multivalue",
];
/// Not `-Oz`: it makes the file smaller and its brotli 7 % larger (measured), because functions that were alike no longer
/// are, and takes five times as long. These passes only remove what is dead or double.
const WASM_PASSES: &[&str] = &[
    "--remove-unused-module-elements",
    "--duplicate-function-elimination",
    "--dce",
    "--vacuum",
    "--optimize-instructions",
    "--dae",
    "--remove-unused-brs",
    "--remove-unused-names",
    "--merge-blocks",
];
/// The browsers of the last three years or so: it is they who get modules and wasm with these features at all.
const BROWSERS: &str = "--target=es2022,chrome111,firefox113,safari16.4";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Server,
    Site,
    ServerAndSite,
}

/// Builds the server and, with it, what the browser gets. Both are skipped when nothing changed.
pub fn build(workspace: &Workspace, part: Part) -> Result<()> {
    match part {
        Part::Server => return server(workspace),
        Part::Site => return site(workspace),
        Part::ServerAndSite => {}
    }
    // Two folders of target, two locks: the wasm's link-time optimisation has one core, the server gets the other.
    let (site, server) = thread::scope(|scope| {
        let site = scope.spawn(|| site(workspace));
        let server = server(workspace);
        (site.join().unwrap_or_else(|_| Err(anyhow!("the site's build panicked"))), server)
    });
    server?;
    site
}

fn server(workspace: &Workspace) -> Result<()> {
    step("building the server (release)", || {
        let words = ["build", "--release", "--package", "server", "--bin", "kava"];
        workspace.cargo().args(words).run()
    })
}

/// What browsers get: customers one bundle of islands, those who work here another. Name, and features of `frontend`.
const BUNDLES: [(&str, &[&str]); 2] = [("kava", &[]), ("office", &["--no-default-features", "--features", "office"])];

/// The wasm of one bundle. Both come out of cargo under one name, so each is put aside.
fn compiled(workspace: &Workspace, name: &str, features: &[&str]) -> Result<PathBuf> {
    let folder = workspace.target.join(WASM).join("wasm-release");
    let words = ["build", "--package", "frontend", "--target", WASM, "--profile", "wasm-release"];
    workspace.cargo().args(words).args(features.iter().copied()).quietly()?;
    let aside = folder.join(format!("bundle-{name}.wasm"));
    fs::copy(folder.join("frontend.wasm"), &aside)?;
    Ok(aside)
}

fn site(workspace: &Workspace) -> Result<()> {
    // Two of us at once (a browser test beside a `run`) would take each other's wasm, and sweep each other's folders away.
    fs::create_dir_all(&workspace.target)?;
    let lock = fs::File::create(workspace.target.join("site.lock"))?;
    step("waiting for another build of the site", || Ok(lock.lock()?))?;
    let bundles = step("building the wasm", || {
        BUNDLES.iter().map(|(name, features)| compiled(workspace, name, features)).collect::<Result<Vec<_>>>()
    })?;
    let site = workspace.site();
    let stamp = workspace.target.join("site.stamp");
    let inputs = inputs(workspace, &bundles)?;
    if fs::read_to_string(&stamp).is_ok_and(|last| last == inputs) && name_hashes(workspace).is_ok() {
        return Ok(());
    }
    // Made beside and swapped in: a server that runs never sees half a site.
    let fresh = workspace.target.join("site.fresh");
    let scratch = workspace.target.join("site.scratch");
    for folder in [&fresh, &scratch] {
        remove(folder)?;
        fs::create_dir_all(folder)?;
    }
    copy_all(&workspace.root.join("public"), &fresh)?;
    let pkg = fresh.join("pkg");
    fs::create_dir_all(&pkg)?;
    for ((name, _), compiled) in BUNDLES.iter().zip(&bundles) {
        let scratch = scratch.join(name);
        fs::create_dir_all(&scratch)?;
        step("wasm-bindgen", || bindgen(compiled, &scratch))?;
        let mut hashes = String::new();
        hashed(&pkg, name, "js", &script(workspace, &scratch)?, &mut hashes)?;
        hashed(&pkg, name, "wasm", &step("wasm-opt", || optimised(workspace, &scratch))?, &mut hashes)?;
        // Both bundles have the one style; the pages take its name from the first.
        if *name == "kava" {
            hashed(&pkg, name, "css", &style(workspace, &scratch)?, &mut hashes)?;
            fs::write(pkg.join("hash.txt"), &hashes)?;
        } else {
            fs::write(pkg.join(format!("{name}.txt")), &hashes)?;
        }
    }
    step("compressing the site", || files_in(&fresh)?.iter().try_for_each(|file| compress::beside(file)))?;
    let _ = fs::remove_file(&stamp);
    remove(&site)?;
    fs::rename(&fresh, &site)?;
    name_hashes(workspace)?;
    fs::write(&stamp, inputs)?;
    for line in tests::budget_lines(workspace)? {
        say(&line);
    }
    Ok(())
}

/// Puts a file under a name that its bytes decide, and notes the hash as leptos reads it.
fn hashed(pkg: &Path, name: &str, kind: &str, file: &Path, hashes: &mut String) -> Result<()> {
    let bytes = fs::read(file)?;
    let hash = format!("{:x}", Sha256::digest(&bytes))[..16].to_owned();
    fs::write(pkg.join(format!("{name}.{hash}.{kind}")), bytes)?;
    writeln!(hashes, "{kind}: {hash}")?;
    Ok(())
}

/// Puts `hash.txt` where leptos looks: beside the binary, be it the release build or that of a plain `cargo run`.
fn name_hashes(workspace: &Workspace) -> Result<()> {
    let hashes = fs::read(workspace.site().join("pkg/hash.txt"))?;
    for profile in ["release", "debug"] {
        let folder = workspace.target.join(profile);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("hash.txt"), &hashes)?;
    }
    Ok(())
}

fn bindgen(compiled: &Path, scratch: &Path) -> Result<()> {
    wasm_bindgen_cli_support::Bindgen::new()
        .input_path(compiled)
        .out_name("kava")
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(scratch)
        .context("wasm-bindgen")
}

fn optimised(workspace: &Workspace, scratch: &Path) -> Result<PathBuf> {
    let to = scratch.join("kava.wasm");
    let mut wasm_opt = workspace.node_program(".", "wasm-opt").args(WASM_FEATURES).args(WASM_PASSES);
    wasm_opt.arg(scratch.join("kava_bg.wasm")).arg("-o").arg(&to);
    wasm_opt.quietly()?;
    Ok(to)
}

fn script(workspace: &Workspace, scratch: &Path) -> Result<PathBuf> {
    esbuild(workspace, &scratch.join("kava.js"), &scratch.join("out/kava.js"), &["--format=esm"])
}

fn style(workspace: &Workspace, scratch: &Path) -> Result<PathBuf> {
    let main = workspace.root.join("style/main.css");
    // `url(/fonts/…)` is served from `public` as it is. Not `/*`: that would match the sheets' own absolute paths.
    let mut served = Vec::new();
    for entry in fs::read_dir(workspace.root.join("public"))? {
        served.push(format!("--external:/{}/*", entry?.file_name().to_string_lossy()));
    }
    let served: Vec<&str> = served.iter().map(String::as_str).collect();
    esbuild(workspace, &main, &scratch.join("out/kava.css"), &served)
}

fn esbuild(workspace: &Workspace, from: &Path, to: &Path, more: &[&str]) -> Result<PathBuf> {
    let words = ["--bundle", "--minify", "--charset=utf8", "--legal-comments=none", "--log-level=warning", BROWSERS];
    let mut esbuild = workspace.node_program(".", "esbuild").args(words).args(more);
    esbuild.arg(from).arg(format!("--outfile={}", to.display()));
    esbuild.run()?;
    Ok(to.to_path_buf())
}

/// Everything that the site is made from, and how.
fn inputs(workspace: &Workspace, bundles: &[PathBuf]) -> Result<String> {
    let mut hasher = Sha256::new();
    hasher.update(include_str!("bundle.rs"));
    hasher.update(include_str!("compress.rs"));
    let mut files = bundles.to_vec();
    files.push(workspace.root.join("package-lock.json"));
    for folder in ["style", "public"] {
        files.extend(files_in(&workspace.root.join(folder))?);
    }
    for file in files {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        hasher.update(file.strip_prefix(&workspace.root).unwrap_or(&file).to_string_lossy().as_bytes());
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    Ok(format!("{:x}", hasher.finalize()))
}

/// Every file below, sorted.
pub fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    for file in files_in(from)? {
        let copy = to.join(file.strip_prefix(from)?);
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&file, copy)?;
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
