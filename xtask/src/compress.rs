//! Compressed once here, so never on the way to a customer.
use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What is not compressed already.
const KINDS: &[&str] = &["css", "html", "ico", "js", "json", "map", "svg", "txt", "wasm", "webmanifest", "xml"];
/// Below this, a compressed answer costs more than it saves.
const SMALLEST: usize = 256;

/// As small as brotli gets: quality 11, a window of 4 MB.
fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut out, 1 << 16, 11, 22);
    writer.write_all(bytes)?;
    drop(writer);
    Ok(out)
}

/// Writes `file.br` and `file.gz` beside `file`, where it is worth it.
pub fn beside(file: &Path) -> Result<()> {
    let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    // The service worker is a template that the server fills.
    if !KINDS.contains(&kind) || file.ends_with("sw.js") {
        return Ok(());
    }
    let bytes = fs::read(file)?;
    if bytes.len() < SMALLEST {
        return Ok(());
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&bytes)?;
    for (ending, small) in [("br", brotli(&bytes)?), ("gz", gzip.finish()?)] {
        if small.len() < bytes.len() {
            fs::write(with(file, ending), small)?;
        }
    }
    Ok(())
}

/// What a customer downloads for this file, in bytes.
pub fn size_of_brotli(file: &Path) -> Result<u64> {
    match fs::metadata(with(file, "br")) {
        Ok(compressed) => Ok(compressed.len()),
        Err(_) => Ok(brotli(&fs::read(file)?)?.len() as u64),
    }
}

fn with(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_compressed_comes_back() {
        let text = "margin floor ".repeat(1000).into_bytes();
        let small = brotli(&text).unwrap();
        assert!(small.len() < 100);
        let mut back = Vec::new();
        brotli::Decompressor::new(small.as_slice(), 4096).read_to_end(&mut back).unwrap();
        assert_eq!(back, text);
    }
}
