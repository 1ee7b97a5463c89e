//! The lines that were not taken, with the reason, in a file of their own. It appears whole when the import has
//! succeeded, and not at all when nothing was rejected.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::columns::{Columns, Field};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reject {
    pub line: u64,
    pub key: &'static str,
    pub detail: String,
    pub receipt: String,
    pub sku: String,
}

impl Reject {
    pub(super) fn of_record(
        line: u64,
        key: &'static str,
        detail: String,
        record: &StringRecord,
        columns: &Columns,
    ) -> Self {
        let text = |field| columns.get(record, field).to_owned();
        Self { line, key, detail, receipt: text(Field::Receipt), sku: text(Field::Sku) }
    }
}

/// Where the rejects go.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The first of these that can be written.
    candidates: Vec<PathBuf>,
}

impl Place {
    /// The file that was told; else `NAME.rejects.csv` next to the input, or here when nothing can be written there.
    pub(super) fn new(told: Option<&Path>, input: &Path) -> Self {
        if let Some(told) = told {
            return Self { candidates: vec![told.to_path_buf()] };
        }
        let name = input.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = name.trim_end_matches(".gz").trim_end_matches(".csv").to_owned();
        let file = format!("{}.rejects.csv", if stem.is_empty() { "import" } else { &stem });
        Self { candidates: vec![input.with_file_name(&file), PathBuf::from(file)] }
    }
}

/// Written under another name until it is whole; dropped without [`Rejects::publish`], it is gone.
pub(super) struct Rejects {
    place: Place,
    open: Option<Open>,
}

struct Open {
    writer: csv::Writer<BufWriter<File>>,
    part: PathBuf,
    path: PathBuf,
}

impl Rejects {
    pub(super) fn new(place: Place) -> Self {
        Self { place, open: None }
    }

    pub(super) fn write(&mut self, rejects: &[Reject]) -> io::Result<()> {
        if rejects.is_empty() {
            return Ok(());
        }
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(Open::first_of(&self.place.candidates)?),
        };
        for reject in rejects {
            let line = reject.line.to_string();
            open.writer.write_record([&line, reject.key, &reject.detail, &reject.receipt, &reject.sku])?;
        }
        Ok(())
    }

    /// Everything is on the disk, still under its other name.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if let Some(open) = &mut self.open {
            open.writer.flush()?;
            open.writer.get_ref().get_ref().sync_all()?;
        }
        Ok(())
    }

    /// The file appears; `None` when nothing was rejected.
    pub(super) fn publish(mut self) -> io::Result<Option<PathBuf>> {
        match self.open.take() {
            None => Ok(None),
            Some(open) => {
                fs::rename(&open.part, &open.path)?;
                Ok(Some(open.path))
            }
        }
    }
}

impl Open {
    fn first_of(candidates: &[PathBuf]) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for path in candidates {
            let mut name = path.file_name().unwrap_or_default().to_os_string();
            name.push(format!(".{}.part", std::process::id()));
            let part = path.with_file_name(name);
            match File::create(&part) {
                Ok(file) => {
                    let mut writer = csv::Writer::from_writer(BufWriter::new(file));
                    writer.write_record(["line", "reason", "detail", "receipt", "sku"])?;
                    return Ok(Self { writer, part, path: path.clone() });
                }
                Err(error) => last = io::Error::new(error.kind(), format!("{}: {error}", path.display())),
            }
        }
        Err(last)
    }
}

impl Drop for Rejects {
    fn drop(&mut self) {
        if let Some(mut open) = self.open.take() {
            let _ = open.writer.flush();
            let _ = fs::remove_file(&open.part);
        }
    }
}
