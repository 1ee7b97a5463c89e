//! The file as a stream of bytes: plain or gzip by its first bytes, counted for the progress, and bounded, so that one
//! missing quote cannot pull the rest of a file into memory.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

/// A record longer than this is a file with a quote that is never closed.
const LONGEST_RECORD: u64 = 1024 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How far an import has come; whoever shows it reads it from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    pub bytes_read: AtomicU64,
    /// The size of the file; 0 until it is open.
    pub bytes: AtomicU64,
    pub lines: AtomicU64,
}

/// Bytes since the last whole record.
#[derive(Clone, Debug, Default)]
pub(super) struct SinceRecord(Rc<Cell<u64>>);

impl SinceRecord {
    pub(super) fn reset(&self) {
        self.0.set(0);
    }
}

pub(super) fn open(path: &Path, progress: Arc<Progress>, since: SinceRecord) -> io::Result<Box<dyn Read>> {
    let file = File::open(path)?;
    progress.bytes.store(file.metadata()?.len(), Ordering::Relaxed);
    let mut counted = BufReader::with_capacity(256 * 1024, Counted { inner: file, progress });
    let packed = io::BufRead::fill_buf(&mut counted)?.starts_with(&GZIP);
    if packed {
        Ok(Box::new(Bounded { inner: MultiGzDecoder::new(counted), since }))
    } else {
        Ok(Box::new(Bounded { inner: counted, since }))
    }
}

struct Counted<R> {
    inner: R,
    progress: Arc<Progress>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.progress.bytes_read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

struct Bounded<R> {
    inner: R,
    since: SinceRecord,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since.0.get() > LONGEST_RECORD {
            return Err(io::Error::other(
                "more than a megabyte without the end of a line: a quote is opened and never closed",
            ));
        }
        let read = self.inner.read(buffer)?;
        self.since.0.set(self.since.0.get() + read as u64);
        Ok(read)
    }
}
