//! A kept-alive HTTP/1.1 connection that costs the client next to nothing: client and server share the machine.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("nothing answers at {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// One call with JSON and its whole answer, which must be 200; says where the answer's body begins. Each of `headers`
    /// ends with a line's end.
    pub(super) async fn call(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> anyhow::Result<usize> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        let mut message = head.into_bytes();
        message.extend_from_slice(body);
        self.stream.write_all(&message).await?;
        self.buffer.clear();
        let body_at = loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let length: usize = self
            .header(body_at, "content-length")
            .and_then(|value| value.parse().ok())
            .context("the answer has no content-length")?;
        while self.buffer.len() < body_at + length {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the answer broke off");
        }
        if !self.buffer.starts_with(b"HTTP/1.1 200") {
            bail!("{path}: {}", String::from_utf8_lossy(&self.buffer));
        }
        Ok(body_at)
    }

    /// The last answer's body.
    pub(super) fn answer(&self, body_at: usize) -> &[u8] {
        &self.buffer[body_at..]
    }

    /// A header of the last answer.
    pub(super) fn header(&self, body_at: usize, name: &str) -> Option<String> {
        let head = String::from_utf8_lossy(&self.buffer[..body_at]);
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    }
}
