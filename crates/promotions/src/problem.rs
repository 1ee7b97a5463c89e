//! What is wrong with a rule set: all of it at once, each with where it is and what to do.

use std::fmt;

use serde::Serialize;

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// RFC 6901, into the rule set's JSON.
    pub pointer: String,
    /// For machines.
    pub key: &'static str,
    /// For people: what is wrong and what to do.
    pub detail: String,
}

/// Why a rule set was refused; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.0.iter().enumerate() {
            let gap = if place == 0 { "" } else { "; " };
            write!(f, "{gap}{}: {}", problem.pointer, problem.detail)?;
        }
        Ok(())
    }
}
