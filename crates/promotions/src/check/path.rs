//! Where the check is, as an RFC 6901 pointer, and what it has found.

use domain::{Amount, Rate};

use super::{MAX_CHARS, MAX_ENTRIES};
use crate::problem::Problem;

#[derive(Default)]
pub(super) struct Path {
    pointer: String,
    pub problems: Vec<Problem>,
}

impl Path {
    pub(super) fn at<R>(&mut self, step: impl std::fmt::Display, check: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.pointer.len();
        self.pointer.push_str(&format!("/{step}"));
        let result = check(self);
        self.pointer.truncate(length);
        result
    }

    pub(super) fn each<'a, T>(&mut self, step: &str, list: &'a [T], mut check: impl FnMut(&mut Self, &'a T)) {
        self.at(step, |path| {
            for (place, entry) in list.iter().enumerate() {
                path.at(place, |path| check(path, entry));
            }
        });
    }

    pub(super) fn refuse(&mut self, key: &'static str, detail: String) {
        self.problems.push(Problem { pointer: self.pointer.clone(), key, detail });
    }

    pub(super) fn refuse_unless(&mut self, good: bool, key: &'static str, detail: impl FnOnce() -> String) {
        if !good {
            self.refuse(key, detail());
        }
    }

    pub(super) fn no_more_than(&mut self, most: usize, have: usize) {
        self.refuse_unless(have <= most, "too-many", || format!("There are {have}, and may be at most {most}."));
    }

    pub(super) fn list<T>(&mut self, list: &[T]) {
        self.no_more_than(MAX_ENTRIES, list.len());
    }

    /// A list that means nothing when it is empty.
    pub(super) fn some<T>(&mut self, list: &[T]) {
        self.refuse_unless(!list.is_empty(), "empty", || {
            "An empty list can never hold: name one, or drop it.".to_owned()
        });
        self.list(list);
    }

    pub(super) fn name(&mut self, name: &str) {
        let good = !name.trim().is_empty() && name.chars().count() <= MAX_CHARS && !name.chars().any(char::is_control);
        self.refuse_unless(good, "name-invalid", || format!("A name has 1 to {MAX_CHARS} visible characters."));
    }

    /// Above `floor` and no more than the whole.
    pub(super) fn rate(&mut self, rate: Rate, least: Rate) {
        self.refuse_unless(rate <= Rate::WHOLE, "rate-above-whole", || {
            "Nothing can take off more than the whole price: write at most 10000 basis points.".to_owned()
        });
        self.refuse_unless(rate >= least, "rate-is-nothing", || {
            "A rate of nothing gives nothing: write at least 1 basis point, or drop it.".to_owned()
        });
    }

    /// A price or an amount of money.
    pub(super) fn amount(&mut self, amount: Amount, least: i64) {
        let most = Amount::MAX_PRICE.minor();
        self.refuse_unless((least..=most).contains(&amount.minor()), "amount-out-of-bounds", || {
            format!("Write {least} to {most} minor units.")
        });
    }

    pub(super) fn count(&mut self, count: u32, most: u32) {
        self.refuse_unless((1..=most).contains(&count), "count-out-of-bounds", || format!("Write 1 to {most}."));
    }

    /// Bounds that leave something between them, and are there at all.
    pub(super) fn range<T: PartialOrd>(&mut self, least: Option<T>, most: Option<T>) {
        self.refuse_unless(least.is_some() || most.is_some(), "range-missing", || {
            "Give `at_least`, `at_most` or both.".to_owned()
        });
        if let (Some(least), Some(most)) = (least, most) {
            self.refuse_unless(least <= most, "contradiction", || {
                "`at_least` is above `at_most`: it can never hold.".to_owned()
            });
        }
    }
}
