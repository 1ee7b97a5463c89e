//! What somebody who registers is likely to become, from what is known of them before they ever buy: the store, the hour, and
//! whether another customer sent them.
//!
//! Naive Bayes over the customers who registered before and have bought since: how often each segment, and within a segment each
//! store, part of the day and way in, pulled towards what is usual as if by [`USUAL`] more customers. Whether that says anything is
//! tried on customers who were not learned from: where it foretells no better than "the usual", nothing is said of anybody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is known of somebody at the moment of registering.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Whose poster or till they came from, by any name that stays the same.
    pub store: Option<String>,
    /// On the store's clock, or the shop's; hours beyond 23 count as unknown.
    pub hour: Option<u8>,
    /// Another customer sent them.
    pub invited: bool,
}

/// Customers that what is usual weighs as much as.
const USUAL: f64 = 20.0;
/// Fewer customers teach nothing.
const FEWEST: usize = 200;
/// One in so many judges, and is not learned from.
const JUDGES: usize = 5;
/// The gain over the usual must be so many of its standard errors.
const SURE: f64 = 2.0;
/// Parts of the day begin at these hours: morning, midday, evening, night.
const PARTS: [u8; 4] = [5, 11, 16, 21];

/// How origins and segments go together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prospects {
    /// Customers that came to each segment.
    segments: Vec<f64>,
    /// By what is known, what it is, and segment.
    known: BTreeMap<Known, Vec<f64>>,
    /// Learned from so many.
    pub customers: u64,
    /// By so much better than the usual it foretold segments of customers it had not seen: natural logarithms of the probability, a
    /// customer.
    pub gain: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
enum Known {
    Store(String),
    Part(u8),
    Invited(bool),
}

impl From<Known> for String {
    fn from(known: Known) -> Self {
        match known {
            Known::Store(store) => format!("store {store}"),
            Known::Part(part) => format!("part {part}"),
            Known::Invited(invited) => format!("invited {invited}"),
        }
    }
}

impl TryFrom<String> for Known {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is nothing that is known of somebody who registers");
        let (what, value) = text.split_once(' ').ok_or_else(wrong)?;
        match what {
            "store" => Ok(Self::Store(value.to_owned())),
            "part" => value.parse().map(Self::Part).map_err(|_| wrong()),
            "invited" => value.parse().map(Self::Invited).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

impl Origin {
    fn known(&self) -> impl Iterator<Item = Known> + use<> {
        let part = self.hour.filter(|hour| *hour < 24).map(|hour| {
            // Before the first begins it is still the last.
            let begun = PARTS.iter().filter(|begins| **begins <= hour).count();
            Known::Part((begun + PARTS.len() - 1) as u8 % PARTS.len() as u8)
        });
        let store = self.store.clone().map(Known::Store);
        store.into_iter().chain(part).chain([Known::Invited(self.invited)])
    }
}

impl Prospects {
    /// Learns from customers with their segments, by place in the model. `None` where they are too few, or what is known of them
    /// says nothing. The order of the customers decides who judges: it should be none.
    pub(crate) fn learn(customers: &[(Origin, usize)], segments: usize) -> Option<Self> {
        if customers.len() < FEWEST {
            return None;
        }
        let (judges, learned): (Vec<_>, Vec<_>) = customers.iter().enumerate().partition(|(n, _)| n % JUDGES == 0);
        let trial = Self::count(learned.into_iter().map(|(_, one)| one), segments);
        let usual = Self { known: BTreeMap::new(), ..trial.clone() };
        let gains: Vec<f64> = judges
            .into_iter()
            .filter(|(_, (_, segment))| *segment < segments)
            .map(|(_, (origin, segment))| {
                trial.probabilities(origin)[*segment].ln() - usual.probabilities(origin)[*segment].ln()
            })
            .collect();
        let count = gains.len().max(2) as f64;
        let gain = gains.iter().sum::<f64>() / count;
        let variance = gains.iter().map(|one| (one - gain).powi(2)).sum::<f64>() / (count - 1.0);
        let sure = gain > 0.0 && gain > SURE * (variance / count).sqrt();
        sure.then(|| Self { gain, ..Self::count(customers.iter(), segments) })
    }

    fn count<'a>(customers: impl Iterator<Item = &'a (Origin, usize)>, segments: usize) -> Self {
        let mut counted = Self { segments: vec![0.0; segments], known: BTreeMap::new(), customers: 0, gain: 0.0 };
        for (origin, segment) in customers.filter(|(_, segment)| *segment < segments) {
            counted.segments[*segment] += 1.0;
            counted.customers += 1;
            for known in origin.known() {
                counted.known.entry(known).or_insert_with(|| vec![0.0; segments])[*segment] += 1.0;
            }
        }
        counted
    }

    /// Of each segment; they add up to one.
    fn probabilities(&self, origin: &Origin) -> Vec<f64> {
        let all: f64 = self.segments.iter().sum();
        let mut logs: Vec<f64> = self.segments.iter().map(|count| (count + 1.0).ln()).collect();
        for counts in origin.known().filter_map(|known| self.known.get(&known)) {
            let usual = counts.iter().sum::<f64>() / all.max(1.0);
            for ((log, count), of) in logs.iter_mut().zip(counts).zip(&self.segments) {
                *log += ((count + USUAL * usual) / (of + USUAL)).ln();
            }
        }
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
        let sum: f64 = shares.iter().sum();
        shares.into_iter().map(|share| share / sum).collect()
    }

    /// The likeliest segment, by place; of equally likely ones the first.
    pub(crate) fn likeliest(&self, origin: &Origin) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for (place, share) in self.probabilities(origin).into_iter().enumerate() {
            if best.is_none_or(|(_, most)| share > most) {
                best = Some((place, share));
            }
        }
        best.map(|(place, _)| place)
    }

    pub(crate) fn is_sound(&self, segments: usize) -> bool {
        let counts = |counts: &Vec<f64>| counts.len() == segments && counts.iter().all(|x| x.is_finite() && *x >= 0.0);
        counts(&self.segments) && self.known.values().all(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fractions of the golden ratio, for chance.
    fn chance(n: usize, salt: f64) -> f64 {
        (n as f64 * 0.618_033_988_749_895 + salt * (n as f64 * 0.754_877_666).fract()).fract()
    }

    /// Mornings at Soho come to segment 0, evenings at Camden to 1, nine times in ten; a third is rare anywhere.
    fn planted(count: usize) -> Vec<(Origin, usize)> {
        (0..count)
            .map(|n| {
                let soho = chance(n, 1.0) < 0.5;
                let segment = match chance(n, 7.0) {
                    x if x < 0.85 => usize::from(!soho),
                    x if x < 0.95 => usize::from(soho),
                    _ => 2,
                };
                let (store, hour) = if soho { ("soho", 8) } else { ("camden", 19) };
                (Origin { store: Some(store.into()), hour: Some(hour), invited: false }, segment)
            })
            .collect()
    }

    fn origin(store: Option<&str>, hour: Option<u8>) -> Origin {
        Origin { store: store.map(str::to_owned), hour, invited: false }
    }

    #[test]
    fn who_registers_like_others_is_expected_to_become_what_they_became() {
        let learned = Prospects::learn(&planted(2_000), 3).unwrap();
        assert!(learned.gain > 0.2, "{learned:?}");
        assert_eq!(learned.likeliest(&origin(Some("soho"), Some(9))), Some(0));
        assert_eq!(learned.likeliest(&origin(Some("camden"), Some(20))), Some(1));
        // The hour alone says it, and a store that is new says nothing against it.
        assert_eq!(learned.likeliest(&origin(None, Some(7))), Some(0));
        assert_eq!(learned.likeliest(&origin(Some("new"), Some(18))), Some(1));
        let sum: f64 = learned.probabilities(&origin(Some("soho"), None)).iter().sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }

    /// The share of each segment among a known origin, to what the smoothing allows.
    #[test]
    fn probabilities_are_shares() {
        let planted = planted(20_000);
        let learned = Prospects::learn(&planted, 3).unwrap();
        let soho: Vec<usize> =
            planted.iter().filter(|(from, _)| from.store.as_deref() == Some("soho")).map(|(_, s)| *s).collect();
        let share = soho.iter().filter(|s| **s == 0).count() as f64 / soho.len() as f64;
        let only = Origin { store: Some("soho".into()), hour: None, invited: false };
        assert!((learned.probabilities(&only)[0] - share).abs() < 0.02);
    }

    #[test]
    fn where_origins_say_nothing_nothing_is_said() {
        let blind: Vec<(Origin, usize)> = (0..3_000)
            .map(|n| {
                let store = ["soho", "camden", "city"][(chance(n, 3.0) * 3.0) as usize];
                (origin(Some(store), Some((chance(n, 11.0) * 24.0) as u8)), (chance(n, 5.0) * 4.0) as usize)
            })
            .collect();
        assert_eq!(Prospects::learn(&blind, 4), None);
        assert_eq!(Prospects::learn(&planted(FEWEST - 1), 3), None);
        assert_eq!(Prospects::learn(&[], 0), None);
    }

    #[test]
    fn parts_of_the_day_go_around_the_clock() {
        let part = |hour| origin(None, Some(hour)).known().next();
        assert_eq!(part(5), Some(Known::Part(0)));
        assert_eq!(part(10), Some(Known::Part(0)));
        assert_eq!(part(11), Some(Known::Part(1)));
        assert_eq!((part(23), part(4), part(21)), (part(0), part(0), part(0)));
        assert_eq!(part(24), Some(Known::Invited(false)), "no such hour");
    }

    #[test]
    fn it_is_stored_and_read() {
        let learned = Prospects::learn(&planted(1_000), 3).unwrap();
        let json = serde_json::to_string(&learned).unwrap();
        assert_eq!(serde_json::from_str::<Prospects>(&json).unwrap(), learned);
        assert!(learned.is_sound(3) && !learned.is_sound(2));
    }
}
