//! Where a server lives and as whom it runs.
use crate::error::{EmbeddedError, io};
use std::fs::{self, DirBuilder, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A unix socket's whole path must fit into 107 bytes (`sockaddr_un`).
const LONGEST_SOCKET_PATH: usize = 106;

/// Under this folder live the data folders that the dropped account could not reach where they were asked for.
const REACHABLE: &str = "/var/lib/kava";

/// An account that may run a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// We are root, and become this account before we start anything.
    pub(crate) dropped: bool,
}

/// The data folder, absolute and reachable by the account that runs the server.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) account: Account,
}

impl Place {
    /// Makes the folder. As root it picks the account to drop to: the owner of what is there already, else `postgres`,
    /// else `nobody`; and moves to a folder under `/var/lib/kava` when that account cannot reach the one asked for.
    pub(crate) fn prepare(asked: &Path, server: &str, progress: &mut dyn FnMut(&str)) -> Result<Self, EmbeddedError> {
        let (uid, gid) = ourselves()?;
        make_folder(asked, if uid == 0 { 0o755 } else { 0o700 })?;
        let folder = asked.canonicalize().map_err(io("find", asked))?;
        let account = Account { uid, gid, dropped: false };
        if uid != 0 {
            return Ok(Self { folder, account });
        }
        let account = account_to_drop_to(&folder.join(server))?;
        if account.may_enter(&folder) {
            return Ok(Self { folder, account });
        }
        let elsewhere = Path::new(REACHABLE).join(short_name(&folder));
        make_folder(&elsewhere, 0o755)?;
        let account = account_to_drop_to(&elsewhere.join(server))?;
        if !account.may_enter(&elsewhere) {
            return Err(EmbeddedError::NotRunnable { program: elsewhere, uid: account.uid });
        }
        progress(&format!(
            "{} is not reachable for the account that runs the database (uid {}): its files are in {}",
            folder.display(),
            account.uid,
            elsewhere.display()
        ));
        Ok(Self { folder: elsewhere, account })
    }

    /// Makes `name` in the data folder (or checks it), for the account alone.
    pub(crate) fn private_folder(&self, name: &str) -> Result<PathBuf, EmbeddedError> {
        let path = self.folder.join(name);
        self.make_private(&path)?;
        Ok(path)
    }

    /// The private folder for the socket `socket`: in the data folder, or a short one elsewhere when its path is too long.
    pub(crate) fn socket_folder(&self, name: &str, socket: &str) -> Result<PathBuf, EmbeddedError> {
        let near = self.folder.join(name);
        if near.as_os_str().len() + 1 + socket.len() <= LONGEST_SOCKET_PATH {
            return self.private_folder(name);
        }
        let runtime = std::env::var_os("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|path| !self.account.dropped && path.is_absolute() && path.is_dir());
        let short = runtime.unwrap_or_else(|| PathBuf::from("/tmp")).join(format!(
            "kava-{}-{}-{name}",
            self.account.uid,
            fingerprint(&self.folder)
        ));
        self.make_private(&short)?;
        Ok(short)
    }

    fn make_private(&self, path: &Path) -> Result<(), EmbeddedError> {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {
                if self.account.dropped {
                    chown(path, Some(self.account.uid), Some(self.account.gid))
                        .map_err(io("change the owner of", path))?;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io("create", path)(error)),
        }
        // Not `metadata`: in /tmp somebody else may have put a link of this name.
        let is = fs::symlink_metadata(path).map_err(io("read", path))?;
        if !is.is_dir() || is.uid() != self.account.uid {
            return Err(EmbeddedError::NotOurs { folder: path.to_path_buf(), owner: is.uid() });
        }
        if is.mode() & 0o777 != 0o700 {
            fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(io("change the mode of", path))?;
        }
        Ok(())
    }
}

impl Account {
    /// The command, to be run as this account, away from our terminal's Ctrl-C.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).current_dir("/").process_group(0);
        for name in ["PGDATA", "PGPORT", "PGHOST", "PGOPTIONS", "PGUSER", "PGDATABASE", "LC_ALL", "LANG"] {
            command.env_remove(name);
        }
        if self.dropped {
            // std clears the supplementary groups when root sets a uid.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    fn may_enter(self, folder: &Path) -> bool {
        self.test("-x", folder)
    }

    /// Whether this account may run `program`, with every folder on the way.
    pub(crate) fn may_run(self, program: &Path) -> bool {
        self.test("-x", program)
    }

    // Asked of the kernel in the account's own name: modes, access lists and mount options all count.
    fn test(self, what: &str, path: &Path) -> bool {
        self.command(Path::new("test")).arg(what).arg(path).status().is_ok_and(|status| status.success())
    }
}

/// Our own effective uid and gid: the owner of our process' entry.
pub(crate) fn ourselves() -> Result<(u32, u32), EmbeddedError> {
    let me = Path::new("/proc/self");
    let is = fs::metadata(me).map_err(io("read", me))?;
    Ok((is.uid(), is.gid()))
}

fn account_to_drop_to(existing: &Path) -> Result<Account, EmbeddedError> {
    if let Ok(is) = fs::metadata(existing)
        && is.uid() != 0
    {
        return Ok(Account { uid: is.uid(), gid: is.gid(), dropped: true });
    }
    let path = Path::new("/etc/passwd");
    let passwd = fs::read_to_string(path).map_err(io("read", path))?;
    ["postgres", "nobody"].iter().find_map(|name| account_in(&passwd, name)).ok_or(EmbeddedError::NoAccountToDropTo)
}

fn account_in(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then_some(Account { uid, gid, dropped: true })
    })
}

fn make_folder(path: &Path, mode: u32) -> Result<(), EmbeddedError> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(io("create", path))
}

/// `name-fingerprint`, for a folder that stands in for `folder`.
fn short_name(folder: &Path) -> String {
    let name: String = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-')
        .take(20)
        .collect();
    format!("{name}-{}", fingerprint(folder))
}

fn fingerprint(folder: &Path) -> String {
    // DefaultHasher::new() has fixed keys: the same folder has the same fingerprint in every process of one build, and
    // a socket's folder is read from the running server, never guessed.
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    format!("{:012x}", hasher.finish() & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name_and_never_root() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:7::/:/bin/sh\npostgres:x:106:113:PostgreSQL:/:/bin/sh\nbroken:x:\n";
        assert_eq!(account_in(passwd, "postgres"), Some(Account { uid: 106, gid: 113, dropped: true }));
        assert_eq!(account_in(passwd, "root"), None);
        assert_eq!(account_in(passwd, "broken"), None);
        assert_eq!(account_in(passwd, "nobody"), None);
    }

    #[test]
    fn folders_have_names_of_their_own() {
        assert_ne!(short_name(Path::new("/a/data")), short_name(Path::new("/b/data")));
        assert!(short_name(Path::new("/a/my data")).starts_with("mydata-"));
    }
}
