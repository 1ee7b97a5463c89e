//! How many tests passed, from what the tools print.
use std::fmt;
use std::ops::AddAssign;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    /// Ignored or skipped: we have none of these, so each counts as a failure.
    pub skipped: u64,
}

impl Tally {
    pub fn one(passed: bool) -> Self {
        Self { passed: u64::from(passed), failed: u64::from(!passed), skipped: 0 }
    }

    pub fn is_good(&self) -> bool {
        self.passed > 0 && self.failed == 0 && self.skipped == 0
    }

    /// `test result: ok. 7 passed; 0 failed; 0 ignored; …`
    pub fn of_cargo_line(line: &str) -> Option<Self> {
        let rest = line.trim().strip_prefix("test result: ")?;
        let count = |word: &str| {
            rest.split(['.', ';']).find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<u64>().ok())
        };
        Some(Self { passed: count("passed")?, failed: count("failed")?, skipped: count("ignored")? })
    }

    /// The `stats` of Playwright's JSON report. A flaky test is a failed one.
    pub fn of_playwright(report: &serde_json::Value) -> Option<Self> {
        let count = |key: &str| report["stats"][key].as_u64();
        Some(Self {
            passed: count("expected")?,
            failed: count("unexpected")? + count("flaky")?,
            skipped: count("skipped")?,
        })
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed + self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_line_is_counted() {
        let line =
            "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 10.60s";
        let tally = Tally::of_cargo_line(line).unwrap();
        assert_eq!(tally, Tally { passed: 12, failed: 1, skipped: 2 });
        assert!(!tally.is_good());
        assert_eq!(tally.to_string(), "12 passed, 3 failed");
        assert_eq!(Tally::of_cargo_line("test result_is_read ... ok"), None);
        assert_eq!(Tally::of_cargo_line("running 7 tests"), None);
    }

    #[test]
    fn playwrights_report_is_counted() {
        let report = serde_json::json!({"stats": {"expected": 9, "unexpected": 1, "flaky": 1, "skipped": 0}});
        assert_eq!(Tally::of_playwright(&report), Some(Tally { passed: 9, failed: 2, skipped: 0 }));
        assert_eq!(Tally::of_playwright(&serde_json::json!({})), None);
    }

    #[test]
    fn nothing_run_is_not_good() {
        assert!(!Tally::default().is_good());
    }
}
