//! One Redis in a folder. Needs Redis: `apt-get install -y redis-server`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up has failed")]

use embedded::{Redis, RedisParams};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;

fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(format!("/tmp/kava-redis-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

fn start(folder: &Path) -> Redis {
    Redis::start(RedisParams::new(folder), &mut |_| {})
        .unwrap()
        .expect("Redis is not installed: apt-get install -y redis-server")
}

/// Redis writes its command line into its title, the socket with it.
fn pid_of_redis_in(folder: &Path) -> String {
    let socket = folder.join("redis/redis.sock").display().to_string();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let title = fs::read(entry.path().join("cmdline")).ok()?;
            String::from_utf8_lossy(&title).contains(&socket).then(|| entry.file_name().into_string().ok())?
        })
        .next()
        .expect("Redis runs")
}

#[test]
fn the_first_starts_the_second_adopts_and_the_last_stops() {
    let folder = folder("adopt");
    let first = start(&folder);
    assert!(first.started_here());
    let second = start(&folder);
    assert!(!second.started_here());
    assert_eq!(first.tell(&["SET word kava", "EXISTS word"]).unwrap(), ["+OK", ":1"]);
    assert!(!first.stop().unwrap());
    assert_eq!(second.tell(&["EXISTS word"]).unwrap(), [":1"]);
    assert!(second.stop().unwrap());
    let again = start(&folder);
    assert!(again.started_here());
    assert_eq!(again.tell(&["EXISTS word"]).unwrap(), [":0"], "a cache keeps nothing");
    assert!(again.url().starts_with("redis+unix:///tmp/kava-redis-"));
    again.stop().unwrap();
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn starts_at_once_make_one_server_and_a_stale_socket_does_not_block() {
    let folder = folder("at-once");
    let first = start(&folder);
    // A crash: nobody unlinks the socket.
    let pid = pid_of_redis_in(&folder);
    assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    drop(first);
    assert!(folder.join("redis/redis.sock").exists());
    let gate = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (folder, gate) = (folder.clone(), Arc::clone(&gate));
            thread::spawn(move || {
                gate.wait();
                start(&folder)
            })
        })
        .collect();
    let shares: Vec<Redis> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(shares.iter().filter(|share| share.started_here()).count(), 1);
    drop(shares);
    fs::remove_dir_all(&folder).unwrap();
}
