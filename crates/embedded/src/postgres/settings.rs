//! How the private server is set up.
use super::PostgresParams;
use std::path::Path;

/// The socket's file name, which follows from the port.
pub(super) const SOCKET: &str = ".s.PGSQL.5432";

/// A statement for many purchases takes some hundred kilobytes, which glibc would ask of the kernel and give back every
/// time, to be cleared anew: a twentieth of the server's time. A backend keeps up to 8 MB of what it has used instead.
pub(super) const MEMORY: [(&str, &str); 3] =
    [("MALLOC_MMAP_THRESHOLD_", "4194304"), ("MALLOC_TRIM_THRESHOLD_", "8388608"), ("MALLOC_TOP_PAD_", "262144")];

/// The settings on the server's command line: they win over its configuration file, so an old folder gets new ones.
pub(super) fn arguments(params: &PostgresParams, socket_folder: &Path) -> Vec<String> {
    let mut settings = vec![
        // A unix socket only.
        "listen_addresses=".to_owned(),
        "port=5432".to_owned(),
        format!("unix_socket_directories={}", quoted_folder(socket_folder)),
        "unix_socket_permissions=0700".to_owned(),
        format!("max_connections={}", params.max_connections),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
        "logging_collector=off".to_owned(),
        "log_destination=stderr".to_owned(),
        // The hot statements are short; compiling them never pays.
        "jit=off".to_owned(),
        // An import writes in bulk: fewer checkpoints.
        "max_wal_size=2GB".to_owned(),
        // A new file of the log is not filled with zeros first: whoever came to its end did that, and all who committed
        // meanwhile waited for it, up to 0.1 s.
        "wal_init_zero=off".to_owned(),
        // What a backend writes goes on to the disk soon: left to the checkpoint's end, it kept purchases waiting for up to
        // 0.2 s a file.
        "backend_flush_after=256kB".to_owned(),
    ];
    if !params.durable {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
    }
    settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

/// The setting is a list: a folder with a comma, a blank or a quote must be quoted.
fn quoted_folder(folder: &Path) -> String {
    format!("\"{}\"", folder.to_string_lossy().replace('"', "\"\""))
}
