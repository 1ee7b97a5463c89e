//! A private Redis: a cache, so nothing of it is ever written to disk.
use crate::binaries::redis_binary;
use crate::error::{EmbeddedError, io};
use crate::lease::{Decision, Lease};
use crate::place::Place;
use crate::postgres::percent_encoded;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const NAME: &str = "redis";
const SOCKET: &str = "redis.sock";
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// What to start.
#[derive(Debug, Clone)]
pub struct RedisParams {
    /// The product's data folder: the socket lives in its `redis`.
    pub data_dir: PathBuf,
    /// In MB; beyond it the least recently used of what may expire goes first.
    pub memory: u32,
    /// How many numbered databases there are.
    pub databases: u32,
}

impl RedisParams {
    /// 256 MB, 16 databases.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), memory: 256, databases: 16 }
    }
}

/// A share in a running Redis. Dropping it leaves; the last one out stops the server.
#[derive(Debug)]
pub struct Redis {
    place: Place,
    socket: PathBuf,
    lease: Option<Lease>,
    child: Option<Child>,
}

impl Redis {
    /// Starts the server in the data folder, or adopts the one that runs there. `None` when Redis is not installed.
    ///
    /// # Errors
    /// When it is installed and does not come up, with the end of its log.
    pub fn start(params: RedisParams, progress: &mut dyn FnMut(&str)) -> Result<Option<Self>, EmbeddedError> {
        let Some(program) = redis_binary() else {
            return Ok(None);
        };
        let place = Place::prepare(&params.data_dir, NAME, progress)?;
        let turn = Decision::wait(&place.folder, NAME, progress)?;
        let lease = Lease::join(&place.folder, NAME, &turn)?;
        let folder = place.socket_folder(NAME, SOCKET)?;
        let mut redis = Self { socket: folder.join(SOCKET), place, lease: Some(lease), child: None };
        if !redis.answers() {
            let spawned = redis.spawn(&program, &folder, &params);
            if let Err(error) = spawned {
                if let Some(lease) = redis.lease.take() {
                    let _ = lease.leave(&turn);
                }
                return Err(error);
            }
        }
        Ok(Some(redis))
    }

    /// The address, as the redis crate takes it.
    #[must_use]
    pub fn url(&self) -> String {
        let path = self.socket.to_string_lossy();
        let segments: Vec<String> = path.split('/').map(percent_encoded).collect();
        format!("redis+unix://{}", segments.join("/"))
    }

    /// `true` when this share started the server, `false` when it adopted one.
    #[must_use]
    pub fn started_here(&self) -> bool {
        self.child.is_some()
    }

    /// Sends commands of plain words, one a line, and gives the first line of each answer.
    ///
    /// For set-up and tests; it takes no arguments with blanks and no bulk answers.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn tell(&self, commands: &[&str]) -> Result<Vec<String>, EmbeddedError> {
        tell(&self.socket, commands).map_err(io("talk to Redis at", &self.socket))
    }

    /// Leaves; stops the server when nobody else uses it. `true` when it was stopped.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn stop(mut self) -> Result<bool, EmbeddedError> {
        self.leave()
    }

    fn leave(&mut self) -> Result<bool, EmbeddedError> {
        let Some(lease) = self.lease.take() else {
            return Ok(false);
        };
        let turn = Decision::wait(&self.place.folder, NAME, &mut |_| {})?;
        if !lease.leave(&turn)? {
            return Ok(false);
        }
        // It closes the connection instead of answering.
        let _ = tell(&self.socket, &["SHUTDOWN NOSAVE"]);
        let began = Instant::now();
        while self.answers() {
            if began.elapsed() > PATIENCE {
                return Err(self.not_ready(began));
            }
            sleep(POLL);
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
        Ok(true)
    }

    fn answers(&self) -> bool {
        tell(&self.socket, &["PING"]).is_ok_and(|answer| answer == ["+PONG"])
    }

    fn spawn(&mut self, program: &Path, folder: &Path, params: &RedisParams) -> Result<(), EmbeddedError> {
        if !self.place.account.may_run(program) {
            return Err(EmbeddedError::NotRunnable { program: program.into(), uid: self.place.account.uid });
        }
        let log_file = self.log_file();
        let log = OpenOptions::new().create(true).write(true).truncate(true).open(&log_file);
        let log = log.map_err(io("open", &log_file))?;
        let errors = log.try_clone().map_err(io("open", &log_file))?;
        let mut command = self.place.account.command(program);
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
        command.arg("--dir").arg(folder).arg("--unixsocket").arg(&self.socket).args(["--unixsocketperm", "700"]);
        command.arg("--maxmemory").arg(format!("{}mb", params.memory)).args(["--maxmemory-policy", "volatile-lru"]);
        command.arg("--databases").arg(params.databases.to_string());
        command.stdout(Stdio::from(log)).stderr(Stdio::from(errors));
        let began = Instant::now();
        let child = self.child.insert(command.spawn().map_err(io("run", program))?);
        loop {
            if tell(&self.socket, &["PING"]).is_ok_and(|answer| answer == ["+PONG"]) {
                return Ok(());
            }
            let ended = !matches!(child.try_wait(), Ok(None));
            if ended || began.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                return Err(self.not_ready(began));
            }
            sleep(POLL);
        }
    }

    fn log_file(&self) -> PathBuf {
        self.place.folder.join("redis.log")
    }

    fn not_ready(&self, began: Instant) -> EmbeddedError {
        EmbeddedError::NotReady {
            server: "Redis",
            folder: self.place.folder.clone(),
            seconds: began.elapsed().as_secs(),
            log: crate::postgres::tail(&self.log_file()),
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Somebody who cares for the outcome calls `stop`.
        let _ = self.leave();
    }
}

fn tell(socket: &Path, commands: &[&str]) -> std::io::Result<Vec<String>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    for command in commands {
        stream.write_all(format!("{command}\r\n").as_bytes())?;
    }
    let mut answers = Vec::new();
    let mut line = Vec::new();
    let mut byte = [0];
    while answers.len() < commands.len() {
        stream.read_exact(&mut byte)?;
        match byte {
            [b'\n'] => answers.push(String::from_utf8_lossy(&std::mem::take(&mut line)).trim_end().to_owned()),
            [other] => line.push(other),
        }
    }
    Ok(answers)
}
