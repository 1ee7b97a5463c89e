//! As much of PostgreSQL's wire protocol (version 3.0) as it takes to ask "are you there?" and to run one statement.
use crate::error::EmbeddedError;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

const VERSION: u32 = 3 << 16;
const PATIENCE: Duration = Duration::from_secs(30);

/// What somebody who knocks hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Knock {
    /// It takes sessions.
    Ready,
    /// It is there, and is starting up, recovering or shutting down.
    NotNow,
    /// Nobody answers at the socket.
    Silent,
}

pub(crate) fn knock(socket: &Path, role: &str) -> Knock {
    match Session::open(socket, role, "postgres") {
        Ok(_) => Knock::Ready,
        Err(Trouble::Refused { code, .. }) if code == "57P03" => Knock::NotNow,
        // Any other refusal is the answer of a server that is up ("too many clients").
        Err(Trouble::Refused { .. }) => Knock::Ready,
        Err(Trouble::Io(_)) => Knock::Silent,
    }
}

/// Creates the database unless it is there.
pub(crate) fn ensure_database(socket: &Path, role: &str, name: &str) -> Result<(), EmbeddedError> {
    let quoted = name.replace('"', "\"\"");
    let made = Session::open(socket, role, "postgres")
        .and_then(|mut session| session.run(&format!("create database \"{quoted}\"")));
    match made {
        Ok(()) => Ok(()),
        // 42P04 duplicate_database; 23505 is the same seen by the loser of a race.
        Err(Trouble::Refused { code, .. }) if code == "42P04" || code == "23505" => Ok(()),
        Err(Trouble::Refused { code, text }) => Err(EmbeddedError::Refused(format!("{text} ({code})"))),
        Err(Trouble::Io(source)) => {
            Err(EmbeddedError::Io { action: "talk to PostgreSQL at", path: socket.to_path_buf(), source })
        }
    }
}

enum Trouble {
    Io(io::Error),
    Refused { code: String, text: String },
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

struct Session {
    stream: UnixStream,
}

impl Session {
    fn open(socket: &Path, role: &str, database: &str) -> Result<Self, Trouble> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut session = Self { stream };
        session.stream.write_all(&startup(role, database))?;
        session.until_ready()?;
        Ok(session)
    }

    fn run(&mut self, sql: &str) -> Result<(), Trouble> {
        self.stream.write_all(&message(b'Q', sql))?;
        self.until_ready()
    }

    /// Reads until ReadyForQuery; the first error on the way is the answer.
    fn until_ready(&mut self) -> Result<(), Trouble> {
        loop {
            let mut head = [0; 5];
            self.stream.read_exact(&mut head)?;
            let [kind, length @ ..] = head;
            let length = u32::from_be_bytes(length).checked_sub(4).filter(|length| *length <= 1 << 20);
            let Some(length) = length else {
                return Err(io::Error::other("this is not PostgreSQL").into());
            };
            let mut body = vec![0; length as usize];
            self.stream.read_exact(&mut body)?;
            match kind {
                b'Z' => return Ok(()),
                b'E' => return Err(refusal(&body)),
                // Trust is the only way in to a socket that nobody else can reach.
                b'R' if body.get(..4) != Some(&[0, 0, 0, 0]) => {
                    return Err(Trouble::Refused { code: "28000".into(), text: "it asks for a password".into() });
                }
                _ => {}
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Terminate; when it does not arrive the server notices the closed socket.
        let _ = self.stream.write_all(&[b'X', 0, 0, 0, 4]);
    }
}

fn startup(role: &str, database: &str) -> Vec<u8> {
    let mut body = VERSION.to_be_bytes().to_vec();
    for word in ["user", role, "database", database] {
        body.extend(word.bytes().filter(|byte| *byte != 0));
        body.push(0);
    }
    body.push(0);
    framed(body)
}

fn message(kind: u8, text: &str) -> Vec<u8> {
    let mut body: Vec<u8> = text.bytes().filter(|byte| *byte != 0).collect();
    body.push(0);
    let mut whole = vec![kind];
    whole.extend(framed(body));
    whole
}

fn framed(body: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    let mut whole = length.to_be_bytes().to_vec();
    whole.extend(body);
    whole
}

/// An ErrorResponse is a row of `letter text 0`, with C the code and M the message.
fn refusal(body: &[u8]) -> Trouble {
    let field = |letter: u8| {
        body.split(|byte| *byte == 0)
            .find_map(|field| field.strip_prefix(&[letter]))
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .unwrap_or_default()
    };
    Trouble::Refused { code: field(b'C'), text: field(b'M') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_startup_message_counts_itself() {
        let whole = startup("kava", "postgres");
        assert_eq!(whole.len(), u32::from_be_bytes([whole[0], whole[1], whole[2], whole[3]]) as usize);
        assert_eq!(&whole[4..8], &[0, 3, 0, 0]);
        assert!(whole.ends_with(b"postgres\0\0"));
    }

    #[test]
    fn an_error_is_read_and_a_broken_one_too() {
        match refusal(b"SFATAL\0C57P03\0Mthe database system is starting up\0\0") {
            Trouble::Refused { code, text } => {
                assert_eq!(code, "57P03");
                assert_eq!(text, "the database system is starting up");
            }
            Trouble::Io(error) => panic!("{error}"),
        }
        assert!(matches!(refusal(b""), Trouble::Refused { code, .. } if code.is_empty()));
    }
}
