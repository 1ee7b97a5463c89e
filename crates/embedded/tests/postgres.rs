//! One PostgreSQL in a folder, whoever comes, goes or dies. Runs on the PostgreSQL that is installed.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use embedded::{Postgres, PostgresParams};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier};
use std::thread;

/// A folder of the test's own, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/tmp/kava-embedded-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn params(folder: &Path) -> PostgresParams {
    PostgresParams { durable: false, max_connections: 20, ..PostgresParams::new(folder) }
}

fn start(folder: &Path) -> Postgres {
    Postgres::start(params(folder), &mut |_| {}).unwrap()
}

fn pid(postgres: &Postgres) -> String {
    let file = fs::read_to_string(postgres.folder().join("postgres/postmaster.pid")).unwrap();
    file.lines().next().unwrap().to_owned()
}

fn is_running(folder: &Path) -> bool {
    folder.join("postgres/postmaster.pid").exists()
}

fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

/// Another process of this very test, which holds a share until it is told to leave or is killed.
struct Holder(Child, BufReader<std::process::ChildStdout>);

impl Holder {
    fn spawn(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "another_process", "--nocapture"])
            .env("KAVA_HOLD", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self(child, out)
    }

    fn wait_until_it_holds(&mut self) -> &mut Self {
        let mut line = String::new();
        while !line.contains("holds") {
            line.clear();
            assert!(self.1.read_line(&mut line).unwrap() > 0, "the other process ended early");
        }
        self
    }

    fn leave(mut self) {
        self.0.stdin.take().unwrap().write_all(b"leave\n").unwrap();
        assert!(self.0.wait().unwrap().success());
    }

    fn die(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Does nothing by itself: the body of [`Holder`].
#[test]
fn another_process() {
    let Some(folder) = std::env::var_os("KAVA_HOLD") else {
        return;
    };
    let postgres = start(Path::new(&folder));
    println!("\nholds");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    postgres.stop().unwrap();
}

#[test]
fn the_first_starts_the_second_adopts_and_the_last_stops() {
    let folder = Folder::new("adopt");
    let mut words = Vec::new();
    let first = Postgres::start(params(&folder.0), &mut |word| words.push(word.to_owned())).unwrap();
    assert!(first.started_here());
    assert!(words.iter().any(|word| word.contains("making a PostgreSQL")));
    let second = start(&folder.0);
    assert!(!second.started_here());
    assert_eq!(first.url("shop"), second.url("shop"));
    first.ensure_database("shop \"one\"").unwrap();
    second.ensure_database("shop \"one\"").unwrap();

    assert!(!first.stop().unwrap(), "somebody still uses it");
    second.ensure_database("two").unwrap();
    assert!(second.stop().unwrap(), "the last one out stops it");
    assert!(!is_running(&folder.0));

    let again = start(&folder.0);
    assert!(again.started_here());
    again.ensure_database("two").unwrap();
}

#[test]
fn only_the_owner_gets_in() {
    let folder = Folder::new("private");
    let postgres = start(&folder.0);
    for name in ["postgres", "run"] {
        let mode = fs::metadata(postgres.folder().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{name}");
    }
    let pid = pid(&postgres);
    let listening = fs::read_to_string(postgres.folder().join("postgres/postmaster.pid")).unwrap();
    assert_eq!(listening.lines().nth(5), Some(""), "no listen address");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let uids = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
    assert!(!uids.split_whitespace().any(|uid| uid == "0"), "root was not dropped: {uids}");
}

#[test]
fn an_owner_that_is_killed_leaves_a_server_that_the_next_adopts() {
    let folder = Folder::new("killed-owner");
    let mut owner = Holder::spawn(&folder.0);
    owner.wait_until_it_holds();
    owner.die();
    assert!(is_running(&folder.0));
    let next = start(&folder.0);
    assert!(!next.started_here());
    assert!(next.stop().unwrap(), "the dead do not count");
    assert!(!is_running(&folder.0));
}

#[test]
fn the_owner_may_leave_before_the_others() {
    let folder = Folder::new("owner-first");
    let mut owner = Holder::spawn(&folder.0);
    owner.wait_until_it_holds();
    let other = start(&folder.0);
    owner.leave();
    other.ensure_database("still_there").unwrap();
    assert!(other.stop().unwrap());
}

#[test]
fn a_server_that_is_killed_is_started_again() {
    let folder = Folder::new("killed-server");
    let first = start(&folder.0);
    first.ensure_database("kept").unwrap();
    kill("-KILL", &pid(&first));
    let second = start(&folder.0);
    assert!(second.started_here());
    second.ensure_database("kept").unwrap();
}

#[test]
fn whoever_shares_a_server_revives_it() {
    let folder = Folder::new("revived");
    let (first, second) = (start(&folder.0), start(&folder.0));
    first.ensure_database("kept").unwrap();
    assert!(!first.revive(&mut |_| {}).unwrap(), "it lives");
    kill("-KILL", &pid(&first));
    // The kernel takes a moment to end it.
    let mut words = Vec::new();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !second.revive(&mut |word| words.push(word.to_owned())).unwrap() {
        assert!(std::time::Instant::now() < until, "it is dead, and nobody noticed");
        thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(words.iter().any(|word| word.contains("died")), "{words:?}");
    assert!(!first.revive(&mut |_| {}).unwrap(), "somebody was quicker");
    first.ensure_database("kept").unwrap();
    assert_eq!((second.started_here(), first.url("kept")), (true, second.url("kept")));
    assert!(!second.stop().unwrap());
    assert!(first.stop().unwrap(), "whoever started it: the last one out stops it");
    assert!(!is_running(&folder.0));
}

#[test]
fn a_stale_pid_file_whose_pid_is_alive_as_something_else_does_not_block() {
    let folder = Folder::new("stale");
    start(&folder.0).stop().unwrap();
    let me = std::process::id();
    let pgdata = folder.0.join("postgres");
    let stale = format!("{me}\n{}\n1\n5432\n{}\n\n  1 1\nready   \n", pgdata.display(), folder.0.join("run").display());
    fs::write(pgdata.join("postmaster.pid"), stale).unwrap();
    assert!(start(&folder.0).started_here());
}

#[test]
fn a_server_that_is_shutting_down_is_waited_for() {
    let folder = Folder::new("stopping");
    let first = start(&folder.0);
    // Not waited for: the next start meets it somewhere on its way down.
    kill("-INT", &pid(&first));
    let second = start(&folder.0);
    second.ensure_database("up").unwrap();
}

#[test]
fn a_server_that_lost_its_socket_is_replaced() {
    let folder = Folder::new("socket");
    let first = start(&folder.0);
    let old = pid(&first);
    fs::remove_file(first.folder().join("run/.s.PGSQL.5432")).unwrap();
    let second = start(&folder.0);
    assert_ne!(pid(&second), old);
    second.ensure_database("up").unwrap();
}

#[test]
fn an_interrupted_initdb_is_done_again() {
    let folder = Folder::new("half");
    fs::create_dir_all(folder.0.join("postgres.unfinished/base")).unwrap();
    fs::write(folder.0.join("postgres.unfinished/PG_VERSION"), "15\n").unwrap();
    start(&folder.0).ensure_database("up").unwrap();
    assert!(!folder.0.join("postgres.unfinished").exists());
}

#[test]
fn starts_at_once_make_one_server() {
    let folder = Arc::new(Folder::new("at-once"));
    let mut other_process = Holder::spawn(&folder.0);
    let gate = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (folder, gate) = (Arc::clone(&folder), Arc::clone(&gate));
            thread::spawn(move || {
                gate.wait();
                start(&folder.0)
            })
        })
        .collect();
    let shares: Vec<Postgres> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    other_process.wait_until_it_holds();
    assert!(shares.iter().filter(|share| share.started_here()).count() <= 1);
    let pids: Vec<String> = shares.iter().map(pid).collect();
    assert!(pids.iter().all(|one| *one == pids[0]), "{pids:?}");
    drop(shares);
    other_process.leave();
    assert!(!is_running(&folder.0));
}

#[test]
fn a_long_path_gets_its_socket_elsewhere() {
    let folder = Folder::new(&"long-".repeat(30));
    let postgres = start(&folder.0);
    postgres.ensure_database("up").unwrap();
    let socket = PathBuf::from(postgres.url("x").rsplit_once("host=").unwrap().1.replace("%2F", "/"));
    assert!(socket.as_os_str().len() < 90, "{}", socket.display());
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o700);
    postgres.stop().unwrap();
    let _ = fs::remove_dir(&socket);
}

#[test]
fn a_folder_of_another_version_is_refused_with_the_command() {
    let folder = Folder::new("version");
    start(&folder.0).stop().unwrap();
    fs::write(folder.0.join("postgres/PG_VERSION"), "9\n").unwrap();
    let error = Postgres::start(params(&folder.0), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("apt-get install -y postgresql-9"), "{error}");
}
