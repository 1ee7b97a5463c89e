//! The browser tests, on the release build with a fresh data folder.
use crate::step::{say, step};
use crate::tally::Tally;
use crate::workspace::{Program, Workspace};
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The first start makes a database cluster, migrates and seeds.
const READY: Duration = Duration::from_secs(180);
const STOP: Duration = Duration::from_secs(30);

/// Starts the shop, runs Playwright against it, stops it.
///
/// Fails as well when the server panicked, did not stop, or left its PostgreSQL running.
pub fn run(workspace: &Workspace, chromium: &Path, rest: &[&str]) -> Result<Tally> {
    let folder = PathBuf::from(format!("/tmp/kava-e2e-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let log = workspace.target.join("e2e-server.log");
    let mut shop = Shop::start(workspace, &folder, &log)?;
    let ready = step("starting the shop", || shop.wait_until_ready());
    let tally = ready.and_then(|()| playwright(workspace, &shop, chromium, rest));
    let stopped = shop.stop();
    let _ = fs::remove_dir_all(&folder);
    let mut tally = tally.with_context(|| format!("the end of {}:\n{}", log.display(), tail(&log)))?;
    for (name, good) in [("server_stops_with_everything_it_started", stopped), ("server_never_panics", no_panic(&log))]
    {
        match good {
            Ok(()) => println!("test e2e::{name} ... ok"),
            Err(ref error) => println!("test e2e::{name} ... FAILED: {error:#}"),
        }
        tally += Tally::one(good.is_ok());
    }
    Ok(tally)
}

fn playwright(workspace: &Workspace, shop: &Shop, chromium: &Path, rest: &[&str]) -> Result<Tally> {
    let report = workspace.target.join("e2e-report.json");
    let _ = fs::remove_file(&report);
    let status = workspace
        .node_program("end2end", "playwright")
        .args(["test"])
        .args(rest)
        .env("KAVA_E2E_URL", format!("http://{}", shop.address))
        .env("KAVA_E2E_REPORT", &report)
        .env("KAVA_E2E_DATA", &shop.folder)
        .env("KAVA_BIN", workspace.release().join("kava"))
        .env("KAVA_CHROMIUM", chromium)
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
        .without_env("DATABASE_URL")
        .status()?;
    let text = fs::read_to_string(&report).with_context(|| format!("Playwright wrote no report ({status})"))?;
    let mut tally = Tally::of_playwright(&serde_json::from_str(&text)?).context("Playwright's report has no counts")?;
    if !status.success() && tally.failed == 0 {
        tally += Tally::one(false);
    }
    Ok(tally)
}

/// The release build, serving from a data folder of its own.
struct Shop {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Shop {
    fn start(workspace: &Workspace, folder: &Path, log: &Path) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let out = File::create(log)?;
        let mut kava = workspace.kava().without_env("DATABASE_URL").without_env("REDIS_URL").without_env("KAVA_DATA");
        kava.arg("serve").arg("--data").arg(folder).arg("--addr").arg(address.to_string());
        kava.arg("--site").arg(workspace.site());
        kava.command().stdout(out.try_clone()?).stderr(out).stdin(Stdio::null());
        let child = kava.command().spawn().context("cannot run the release build")?;
        Ok(Self { child, address, folder: folder.to_path_buf() })
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        while !is_ready(self.address) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended while it was starting ({status})");
            }
            ensure!(
                began.elapsed() < READY,
                "GET /readyz of {} was not 200 within {} s",
                self.address,
                READY.as_secs()
            );
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// As Ctrl-C and service managers do.
    fn stop(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server had ended by itself ({status})");
        }
        Program::new("kill").args(["-TERM", &self.child.id().to_string()]).run()?;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if began.elapsed() > STOP {
                self.child.kill()?;
                self.child.wait()?;
                bail!("the server did not stop within {} s of SIGTERM", STOP.as_secs());
            }
            sleep(Duration::from_millis(20));
        };
        ensure!(status.success(), "the server ended with {status}");
        let left = self.folder.join("postgres/postmaster.pid");
        ensure!(!left.exists(), "the server left its PostgreSQL running ({})", left.display());
        Ok(())
    }
}

/// Whether `GET /readyz` answers 200.
fn is_ready(address: SocketAddr) -> bool {
    let patience = Duration::from_secs(2);
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

fn no_panic(log: &Path) -> Result<()> {
    let text = fs::read(log)?;
    let text = String::from_utf8_lossy(&text);
    let panics: Vec<&str> = text.lines().filter(|line| line.contains("panicked at")).collect();
    if !panics.is_empty() {
        say(&format!("the whole log is in {}", log.display()));
    }
    ensure!(panics.is_empty(), "it panicked:\n{}", panics.join("\n"));
    Ok(())
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
}
