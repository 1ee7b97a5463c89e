//! What the operator may set: embedded defaults, then `kava.toml`, then `KAVA__SECTION__KEY`, then flags.
//! A key that is not in the defaults is an error, whichever way it came.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

const DEFAULTS: &str = include_str!("../config.default.toml");
const ENV_PREFIX: &str = "KAVA__";

/// The settings that are in force.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub serve: Serve,
    pub till: Till,
    pub data: Data,
    pub database: Database,
    pub redis: Redis,
    pub log: Log,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Serve {
    pub address: SocketAddr,
    pub public_url: String,
    pub site: PathBuf,
    pub trusted_hops: u8,
    pub metrics_address: String,
    pub timeout_seconds: u32,
    pub drain_seconds: u32,
    pub seed_demo: bool,
    pub work: bool,
    pub fit_nightly: bool,
    pub keep_processors: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Till {
    pub open_sessions: OpenSessions,
    pub grant_max_amount: i64,
    pub grant_store_bound: i64,
    pub grant_minutes: u32,
    pub master_key: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenSessions {
    Memory,
    Database,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub folder: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: String,
    pub connections: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    pub url: String,
    pub enabled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Till {
    /// What tills may give while they are offline.
    #[must_use]
    pub fn grant_terms(&self) -> services::grants::Terms {
        services::grants::Terms {
            max_amount: domain::Amount(self.grant_max_amount),
            store_bound: domain::Amount(self.grant_store_bound),
            lasts: chrono::TimeDelta::minutes(self.grant_minutes.into()),
        }
    }
}

/// Why the settings cannot be used. Each says where the wrong one stands.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("{origin} is not valid TOML: {source}")]
    NotToml { origin: String, source: toml::de::Error },
    #[error("{origin} sets `{key}`, which does not exist. `kava config` prints every key{hint}.")]
    UnknownKey { origin: String, key: String, hint: String },
    #[error("{origin} sets `{key}` to `{value}`, but it is {expected}.")]
    WrongType { origin: String, key: String, value: String, expected: &'static str },
    #[error("a setting is wrong: {0}")]
    Invalid(String),
}

/// What the command line says; it wins over file and environment.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub config: Option<PathBuf>,
    pub data: Option<PathBuf>,
    pub site: Option<PathBuf>,
    pub address: Option<SocketAddr>,
}

impl Config {
    /// Reads all four layers. `environment` is an argument so that tests need not change the process's own.
    ///
    /// # Errors
    /// [`ConfigError`] that names the layer and the key.
    pub fn load(flags: &Flags, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut settings = defaults()?;
        match &flags.config {
            Some(path) => merge_file(&mut settings, path)?,
            None if Path::new("kava.toml").exists() => merge_file(&mut settings, Path::new("kava.toml"))?,
            None => {}
        }
        merge_environment(&mut settings, environment)?;
        let config: Self = Value::Table(settings)
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Invalid(error.to_string()))?;
        config.with(flags).checked()
    }

    fn with(mut self, flags: &Flags) -> Self {
        if let Some(folder) = &flags.data {
            self.data.folder.clone_from(folder);
        }
        if let Some(site) = &flags.site {
            self.serve.site.clone_from(site);
        }
        if let Some(address) = flags.address {
            self.serve.address = address;
        }
        self
    }

    fn checked(mut self) -> Result<Self, ConfigError> {
        let invalid = |text: &str| Err(ConfigError::Invalid(text.to_owned()));
        let url = self.serve.public_url.trim_end_matches('/').to_owned();
        if !url.is_empty() {
            let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            if !authority.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' '])) {
                return invalid("serve.public_url is an origin such as https://kava.example, without a path");
            }
        }
        self.serve.public_url = url;
        if !self.serve.metrics_address.is_empty() && self.metrics_address().is_none() {
            return invalid("serve.metrics_address is an address such as 127.0.0.1:9464, or empty");
        }
        if !(1..=600).contains(&self.serve.timeout_seconds) {
            return invalid("serve.timeout_seconds is 1 to 600");
        }
        if self.serve.drain_seconds > 600 {
            return invalid("serve.drain_seconds is 0 to 600");
        }
        if !(2..=1_000).contains(&self.database.connections) {
            return invalid("database.connections is 2 to 1000");
        }
        if !(1..=1_000_000_000).contains(&self.till.grant_max_amount) {
            return invalid("till.grant_max_amount is 1 to 1000000000");
        }
        if !(0..=1_000_000_000_000).contains(&self.till.grant_store_bound) {
            return invalid("till.grant_store_bound is 0 to 1000000000000");
        }
        if !(5..=1_440).contains(&self.till.grant_minutes) {
            return invalid("till.grant_minutes is 5 to 1440");
        }
        if self.data.folder.as_os_str().is_empty() {
            return invalid("data.folder is empty");
        }
        Ok(self)
    }

    /// The origin that browsers see.
    #[must_use]
    pub fn origin(&self) -> String {
        if self.serve.public_url.is_empty() {
            format!("http://{}", self.serve.address)
        } else {
            self.serve.public_url.clone()
        }
    }

    /// Served over https, perhaps by a proxy in front.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.serve.public_url.starts_with("https://")
    }

    /// Whether nobody but this machine is meant to come by `public_url`.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let origin = self.origin();
        let authority = origin.split("://").nth(1).unwrap_or_default();
        ["127.", "localhost", "[::1]"].iter().any(|host| authority.starts_with(host))
    }

    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.serve.metrics_address.parse().ok()
    }

    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.serve.timeout_seconds.into())
    }

    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.serve.drain_seconds.into())
    }

    /// The settings as TOML, with the secrets of urls hidden.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] when a path is not valid UTF-8.
    pub fn display(&self) -> Result<String, ConfigError> {
        let mut shown = self.clone();
        shown.database.url = without_secret(&shown.database.url);
        shown.redis.url = without_secret(&shown.redis.url);
        if !shown.till.master_key.is_empty() {
            "***".clone_into(&mut shown.till.master_key);
        }
        toml::to_string(&shown).map_err(|error| ConfigError::Invalid(error.to_string()))
    }
}

/// A url whose password is replaced by stars: in `user:password@`, and in every query value.
#[must_use]
pub fn without_secret(url: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let mut text = match (base.find("://"), base.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            let userinfo = &base[scheme + 3..at];
            let user = userinfo.split_once(':').map_or(userinfo, |(user, _)| user);
            let password = if userinfo.contains(':') { ":***" } else { "" };
            format!("{}{user}{password}{}", &base[..scheme + 3], &base[at..])
        }
        _ => base.to_owned(),
    };
    if let Some(query) = query {
        let shown = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
            _ => pair.to_owned(),
        });
        text.push('?');
        text.push_str(&shown.collect::<Vec<_>>().join("&"));
    }
    text
}

fn defaults() -> Result<Table, ConfigError> {
    parse(DEFAULTS, "the built-in default")
}

fn parse(text: &str, origin: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|source| ConfigError::NotToml { origin: origin.to_owned(), source })
}

fn merge_file(settings: &mut Table, path: &Path) -> Result<(), ConfigError> {
    let origin = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: origin.clone(), source })?;
    for (section, value) in parse(&text, &origin)? {
        let Value::Table(keys) = value else {
            return Err(unknown(settings, &origin, &section));
        };
        for (key, value) in keys {
            set(settings, &origin, &section, &key, |_| Some(value))?;
        }
    }
    Ok(())
}

fn merge_environment(
    settings: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(), ConfigError> {
    let mut own = Vec::new();
    for (name, value) in environment {
        match name.as_str() {
            "DATABASE_URL" => set(settings, &name, "database", "url", |_| Some(Value::String(value)))?,
            "REDIS_URL" => set(settings, &name, "redis", "url", |_| Some(Value::String(value)))?,
            _ if name.starts_with(ENV_PREFIX) => own.push((name, value)),
            _ => {}
        }
    }
    own.sort();
    for (name, value) in own {
        let path = name[ENV_PREFIX.len()..].to_ascii_lowercase();
        let Some((section, key)) = path.split_once("__") else {
            return Err(unknown(settings, &name, &path));
        };
        set(settings, &name, section, key, |default| match default {
            Value::String(_) => Some(Value::String(value.clone())),
            Value::Integer(_) => value.trim().parse().ok().map(Value::Integer),
            Value::Boolean(_) => value.trim().parse().ok().map(Value::Boolean),
            _ => None,
        })?;
    }
    Ok(())
}

/// Sets one key that the defaults know to a value of the same type.
fn set(
    settings: &mut Table,
    origin: &str,
    section: &str,
    key: &str,
    value: impl FnOnce(&Value) -> Option<Value>,
) -> Result<(), ConfigError> {
    let path = format!("{section}.{key}");
    let Some(place) = settings.get_mut(section).and_then(|table| table.get_mut(key)) else {
        return Err(unknown(settings, origin, &path));
    };
    let expected = match place {
        Value::Integer(_) => "a whole number",
        Value::Boolean(_) => "true or false",
        _ => "a text in quotes",
    };
    match value(place) {
        Some(new) if new.same_type(place) => {
            *place = new;
            Ok(())
        }
        other => Err(ConfigError::WrongType {
            origin: origin.to_owned(),
            key: path,
            value: other.map(|value| value.to_string()).unwrap_or_default(),
            expected,
        }),
    }
}

/// Names the nearest key that does exist, when one is near.
fn unknown(settings: &Table, origin: &str, key: &str) -> ConfigError {
    let last = key.rsplit('.').next().unwrap_or(key);
    let near = settings
        .iter()
        .filter_map(|(section, keys)| keys.as_table().map(|keys| (section, keys)))
        .flat_map(|(section, keys)| keys.keys().map(move |name| (section, name)))
        .map(|(section, name)| (distance(last, name), format!("{section}.{name}")))
        .filter(|(distance, _)| *distance <= 2)
        .min();
    let hint = near.map(|(_, name)| format!("; perhaps you mean `{name}`")).unwrap_or_default();
    ConfigError::UnknownKey { origin: origin.to_owned(), key: key.to_owned(), hint }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let flags = Flags { config: Some("/dev/null".into()), ..Flags::default() };
        Config::load(&flags, environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_defaults_are_complete_and_valid() {
        let config = load(&[]).unwrap();
        assert_eq!(config.serve.address.port(), 3000);
        assert!(!config.is_secure() && config.is_local());
        let shown: Config = toml::from_str(&config.display().unwrap()).unwrap();
        assert_eq!(shown, config);
    }

    #[test]
    fn the_environment_wins_over_the_file_and_flags_win_over_both() {
        let file = std::env::temp_dir().join(format!("kava-config-{}.toml", std::process::id()));
        std::fs::write(&file, "[serve]\naddress = \"127.0.0.1:1\"\ntimeout_seconds = 7\n").unwrap();
        let flags = Flags { config: Some(file.clone()), data: Some("/somewhere".into()), ..Flags::default() };
        let environment = [("KAVA__SERVE__ADDRESS", "127.0.0.1:2"), ("KAVA__DATA__FOLDER", "/elsewhere")];
        let config =
            Config::load(&flags, environment.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
        std::fs::remove_file(file).unwrap();
        assert_eq!(config.serve.address.port(), 2);
        assert_eq!(config.serve.timeout_seconds, 7);
        assert_eq!(config.data.folder, Path::new("/somewhere"));
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_near_one() {
        let error = load(&[("KAVA__SERVE__ADRESS", "x")]).unwrap_err().to_string();
        assert!(error.contains("serve.adress") && error.contains("serve.address"), "{error}");
        assert!(load(&[("KAVA__NONSENSE", "x")]).is_err());
        assert!(load(&[("KAVA_OTHER", "x")]).is_ok());
    }

    #[test]
    fn a_value_of_another_type_or_out_of_bounds_is_an_error() {
        assert!(matches!(load(&[("KAVA__SERVE__TIMEOUT_SECONDS", "soon")]), Err(ConfigError::WrongType { .. })));
        assert!(load(&[("KAVA__SERVE__TIMEOUT_SECONDS", "0")]).is_err());
        assert!(load(&[("KAVA__SERVE__ADDRESS", "here")]).is_err());
        assert!(load(&[("KAVA__SERVE__PUBLIC_URL", "https://kava.example/path")]).is_err());
        assert!(load(&[("KAVA__SERVE__PUBLIC_URL", "kava.example")]).is_err());
    }

    #[test]
    fn https_makes_cookies_secure() {
        let config = load(&[("KAVA__SERVE__PUBLIC_URL", "https://kava.example/")]).unwrap();
        assert!(config.is_secure() && !config.is_local());
        assert_eq!(config.origin(), "https://kava.example");
    }

    #[test]
    fn a_printed_url_shows_no_password() {
        for (url, shown) in [
            ("postgres://kava:s3cret@db/kava", "postgres://kava:***@db/kava"),
            ("postgres://kava@db/kava?host=/run&password=s3cret", "postgres://kava@db/kava?host=/run&password=***"),
            ("redis://:s3cret@cache", "redis://:***@cache"),
            ("", ""),
        ] {
            assert_eq!(without_secret(url), shown);
        }
        let config = load(&[("DATABASE_URL", "postgres://kava:s3cret@db/kava")]).unwrap();
        assert!(!config.display().unwrap().contains("s3cret"));
    }
}
