//! Sheets that quotes' answers are written on. One that was sent is taken again while the processor's cache still has it:
//! fresh memory for twenty kilobytes costs a quote as much as writing them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// As many are kept as are likely on their way at once.
const MOST: usize = 64;
/// One that became larger than this is not kept.
const LARGEST: usize = 128 * 1_024;

/// Of this process.
pub(super) static SHEETS: Sheets = Sheets(Mutex::new(Vec::new()));

/// Blank ones.
#[derive(Debug)]
pub(super) struct Sheets(Mutex<Vec<Vec<u8>>>);

impl Sheets {
    fn blank(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty one with so much room.
    pub(super) fn take(&self, room: usize) -> Vec<u8> {
        let mut sheet = self.blank().pop().unwrap_or_default();
        sheet.reserve(room);
        sheet
    }

    /// What is written, to be sent; the sheet comes back when nobody holds it any more.
    pub(super) fn sent(&'static self, written: Vec<u8>) -> Bytes {
        Bytes::from_owner(Sheet { written, of: self })
    }
}

struct Sheet {
    written: Vec<u8>,
    of: &'static Sheets,
}

impl AsRef<[u8]> for Sheet {
    fn as_ref(&self) -> &[u8] {
        &self.written
    }
}

impl Drop for Sheet {
    fn drop(&mut self) {
        let mut sheet = std::mem::take(&mut self.written);
        sheet.clear();
        let mut blank = self.of.blank();
        if blank.len() < MOST && sheet.capacity() <= LARGEST {
            blank.push(sheet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_comes_back_blank_when_nobody_reads_it_and_a_huge_one_does_not() {
        static MINE: Sheets = Sheets(Mutex::new(Vec::new()));
        let mut sheet = MINE.take(1_000);
        sheet.extend_from_slice(b"written");
        let bytes = MINE.sent(sheet);
        let held = bytes.slice(1..4);
        drop(bytes);
        assert_eq!((&held[..], MINE.blank().len()), (&b"rit"[..], 0), "it is still read");
        drop(held);
        drop(MINE.sent(Vec::with_capacity(LARGEST + 1)));
        assert_eq!(MINE.blank().len(), 1);
        let again = MINE.take(10);
        assert!(again.is_empty() && again.capacity() >= 1_000);
        let many: Vec<_> = (0..MOST + 9).map(|_| MINE.sent(MINE.take(1))).collect();
        drop(many);
        assert_eq!(MINE.blank().len(), MOST);
    }
}
