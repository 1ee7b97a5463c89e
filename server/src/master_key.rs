//! The master key of the tills' secrets: in the settings, or in a file of its own beside the data. Never in the database,
//! so that whoever has a copy of that can sign nothing.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::{Context, bail};
use services::adapter::MasterKey;
use services::clock::{Draw, Entropy};
use till::canonical::{hex, unhex};

use crate::config::Config;

fn file(config: &Config) -> PathBuf {
    config.data.folder.join("till-master.key")
}

/// The key, when there is one.
///
/// # Errors
/// When what is there is no key.
pub fn load(config: &Config) -> anyhow::Result<Option<MasterKey>> {
    let path = file(config);
    let (text, place) = if config.till.master_key.is_empty() {
        match std::fs::read_to_string(&path) {
            Ok(text) => (text, path.display().to_string()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read.", path.display())),
        }
    } else {
        (config.till.master_key.clone(), "till.master_key".to_owned())
    };
    match unhex(text.trim()) {
        Some(bytes) => Ok(Some(MasterKey::new(bytes))),
        None => bail!("{place} is no key: 64 hexadecimal digits are."),
    }
}

/// Makes the file, where neither it nor the setting is there; only its owner may read it.
///
/// # Errors
/// When the file cannot be written.
pub fn ensure(config: &Config, entropy: &(dyn Entropy + 'static)) -> anyhow::Result<()> {
    if load(config)?.is_some() {
        return Ok(());
    }
    let path = file(config);
    std::fs::create_dir_all(&config.data.folder)
        .with_context(|| format!("{} cannot be made.", config.data.folder.display()))?;
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(file) => file,
        // Another process was quicker, and its key is as good.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be made.", path.display())),
    };
    writeln!(file, "{}", hex(&entropy.bytes::<32>())).with_context(|| format!("{} cannot be written.", path.display()))
}
