//! Kill what you like and start it again: no closed purchase is lost, none counts twice.

mod anytime;
mod between;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use contract::CustomerApi;
use contract::customer::CameBy;
use domain::{Locale, Phone};
use serde_json::{Value, json};
use server::config::{Config, Flags};
use server::wiring::Wired;
use services::seed::DEMO;

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kava"))
            .args(["serve", "--api-only", "--addr", "127.0.0.1:0", "--config", "/dev/null", "--data"])
            .arg(data)
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            // What dies under it is what it would complain of; a panic and a failed start are told all the same.
            .env("KAVA__LOG__LEVEL", "off")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| Some(line.unwrap().strip_prefix("Kava is open at http://")?.to_owned()))
            .expect("the server opens");
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// SIGKILL: no drain, no goodbye.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn write(&self, method: &str, path: &str, key: &str, body: &Value) -> TcpStream {
        write(&self.address, DEMO.till_key, method, path, key, body).unwrap()
    }

    fn ask(&self, method: &str, path: &str, key: &str, body: &Value) -> (u16, String) {
        ask(&self.address, DEMO.till_key, method, path, key, body).unwrap()
    }

    fn savings(&self, code: &str, key: &str) -> i64 {
        let (status, body) = self.ask("POST", "/api/v1/identify", key, &json!({"code": code}));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["savings"]["amount"].as_i64().unwrap()
    }
}

impl Drop for Server {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(address: &str, bearer: &str, method: &str, path: &str, key: &str, body: &Value) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let body = body.to_string();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: kava\r\nconnection: close\r\nauthorization: Bearer {bearer}\r\n\
         idempotency-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    Ok(stream)
}

/// A whole answer, or an error: the server may die at any byte.
fn ask(address: &str, bearer: &str, method: &str, path: &str, key: &str, body: &Value) -> io::Result<(u16, String)> {
    let mut text = String::new();
    write(address, bearer, method, path, key, body)?.read_to_string(&mut text)?;
    let broken = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    if length.is_some_and(|length: usize| length != body.len()) {
        return Err(broken());
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    Ok((status, body.to_owned()))
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The demo customer's static code, by signing in as they would.
async fn a_code(data: &Path) -> String {
    let flags = Flags { config: Some("/dev/null".into()), data: Some(data.into()), ..Flags::default() };
    let wired = Wired::start(&Config::load(&flags, []).unwrap()).await.unwrap();
    let phone = Phone::parse(DEMO.customer_phone).unwrap();
    let (shop, here) = (&wired.shop, IpAddr::from([127, 0, 0, 1]));
    shop.request_code(&phone, here, Locale::En).await.unwrap();
    let message = shop.demo_messages().await.unwrap().remove(0);
    let code: String = message.text.chars().filter(char::is_ascii_digit).take(6).collect();
    let token = CustomerApi::sign_in(shop, &phone, &code, here, Locale::En, &CameBy::default()).await.unwrap().token;
    let caller = CustomerApi::authenticate(shop, &token.0).await.unwrap().unwrap();
    let home = shop.home(caller).await.unwrap();
    wired.stop().await.unwrap();
    home.static_code.as_str().to_owned()
}
