//! What goes wrong between a till and Kava, on demand and from a seed.

use std::str::FromStr;
use std::time::Duration;

/// How often each thing happens to a message, and how long the network is away once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Arrives after the till has stopped waiting.
    pub slow: f64,
    /// Arrives twice.
    pub duplicate: f64,
    /// The message or its answer never arrives.
    pub lost: f64,
    /// Arrives after messages that were sent later.
    pub reorder: f64,
    /// From the second third of the sales on, once.
    pub offline: Duration,
}

impl FromStr for Faults {
    type Err = String;

    /// `slow=0.1,duplicate=0.1,lost=0.05,reorder=0.1,offline=30s`, any of them.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is not NAME=VALUE"))?;
            let share = || match value.parse::<f64>() {
                Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
                _ => Err(format!("{name} is a share from 0 to 1, not {value:?}")),
            };
            match name {
                "slow" => faults.slow = share()?,
                "duplicate" => faults.duplicate = share()?,
                "lost" => faults.lost = share()?,
                "reorder" => faults.reorder = share()?,
                "offline" => {
                    let seconds = value.strip_suffix('s').and_then(|text| text.parse::<f64>().ok());
                    let seconds = seconds.filter(|seconds| (0.0..=86_400.0).contains(seconds));
                    faults.offline = Duration::from_secs_f64(
                        seconds.ok_or_else(|| format!("offline is a time such as 30s, not {value:?}"))?,
                    );
                }
                _ => return Err(format!("there is no fault {name:?}: slow, duplicate, lost, reorder, offline are")),
            }
        }
        Ok(faults)
    }
}

/// A named set of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Nothing goes wrong
    Calm,
    /// A bad network
    Flaky,
    /// A bad network that is also away for ten seconds
    Offline,
}

impl Scenario {
    #[must_use]
    pub fn faults(self) -> Faults {
        let flaky = Faults { slow: 0.1, duplicate: 0.1, lost: 0.05, reorder: 0.1, offline: Duration::ZERO };
        match self {
            Self::Calm => Faults::default(),
            Self::Flaky => flaky,
            Self::Offline => Faults { offline: Duration::from_secs(10), ..flaky },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_written_and_nonsense_is_told() {
        let read: Faults = "slow=0.1, lost=0.05,offline=30s".parse().unwrap();
        assert_eq!(read, Faults { slow: 0.1, lost: 0.05, offline: Duration::from_secs(30), ..Faults::default() });
        assert_eq!("".parse(), Ok(Faults::default()));
        for text in ["slow", "slow=2", "slow=-1", "slow=NaN", "offline=30", "offline=-1s", "offline=infs", "quick=1"] {
            assert!(text.parse::<Faults>().is_err(), "{text}");
        }
    }
}
