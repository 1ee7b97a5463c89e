//! A segment's name in words: what its members' behaviour looks like, never a number.

mod reason;

use serde::{Deserialize, Serialize};

use crate::{Locale, SegmentModelId};

pub use reason::{SegmentReason, TakenBack, Visits};

/// How lately members were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Active,
    Cooling,
    Lapsed,
}

/// How often members come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Habit {
    Frequent,
    Regular,
    Occasional,
}

/// How much members spend at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BasketSize {
    Large,
    Medium,
    Small,
}

/// How far customers now are from those of the fit before: the population stability index of each feature, over tenths of
/// the customers then, and of the segments that they would be in. Under 0.1 is nothing, from 0.25 on is another crowd
/// (Siddiqi 2006, "Credit risk scorecards").
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    pub recency: f64,
    pub frequency: f64,
    pub monetary: f64,
    pub average_order: f64,
    pub segments: f64,
}

impl Drift {
    /// From here on somebody should look.
    pub const NOTICED: f64 = 0.1;
    /// From here on the segments before were learned from other customers.
    pub const ALARM: f64 = 0.25;

    /// The largest of them.
    #[must_use]
    pub fn worst(&self) -> f64 {
        let Self { recency, frequency, monetary, average_order, segments } = *self;
        [recency, frequency, monetary, average_order, segments].into_iter().fold(0.0, f64::max)
    }
}

/// How customers are divided into segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentMethod {
    /// Everybody belongs to the nearest of a few centres: segments of everybody, of similar weight.
    #[default]
    KMeans,
    /// Who is within reach of a crowd belongs to it, and the rest stand apart: niches, however few they are.
    Dbscan,
}

impl SegmentMethod {
    pub const ALL: [Self; 2] = [Self::KMeans, Self::Dbscan];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KMeans => "k_means",
            Self::Dbscan => "dbscan",
        }
    }

    /// # Errors
    /// With what the methods are called, for anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|method| method.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is no method: k_means or dbscan"))
    }
}

/// How a chain divides its customers into segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Division {
    pub method: SegmentMethod,
    /// Of K-Means; `None` is as many as the customers show.
    pub segments: Option<u8>,
}

impl Division {
    /// More segments than this nobody can tell apart.
    pub const MOST: u8 = 64;

    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.segments.is_none_or(|count| (1..=Self::MOST).contains(&count))
    }
}

/// What a segment is called. Structured, so that it reads naturally in every language.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SegmentName {
    /// Registered and not yet bought, and nothing says what they will be.
    Newcomers,
    /// Registered and not yet bought; who registered like them came to buy like this.
    Prospects { habit: Habit, basket: BasketSize },
    /// Named from the profile. `leaning` is a category title that sets the segment apart from another of the same
    /// words; `rank` tells apart what even that does not (2, 3, …), and is 1 where the words are enough.
    Profile { presence: Presence, habit: Habit, basket: BasketSize, leaning: Option<String>, rank: u8 },
    /// Like no crowd of customers.
    Apart,
}

impl SegmentName {
    /// Whether it is of customers who have not bought yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        matches!(self, Self::Newcomers | Self::Prospects { .. })
    }

    /// What the segment is called among others.
    #[must_use]
    pub fn words(&self, locale: Locale) -> String {
        let mut text = self.personal_words(locale);
        let (presence, leaning, rank) = match self {
            Self::Newcomers | Self::Apart => return text,
            Self::Prospects { habit, basket } => {
                text.push_str(match locale {
                    Locale::En => ", likely ",
                    Locale::Ru => ", скорее всего ",
                });
                text.push_str(&guests(*habit, *basket, locale).to_lowercase());
                return text;
            }
            Self::Profile { presence, leaning, rank, .. } => (presence, leaning, rank),
        };
        text.push_str(match (presence, locale) {
            (Presence::Active, _) => "",
            (Presence::Cooling, Locale::En) => ", cooling off",
            (Presence::Cooling, Locale::Ru) => ", приходят реже",
            (Presence::Lapsed, Locale::En) => ", not seen lately",
            (Presence::Lapsed, Locale::Ru) => ", давно не были",
        });
        if let Some(leaning) = leaning {
            text.push_str(match locale {
                Locale::En => ", mostly ",
                Locale::Ru => ", чаще всего: ",
            });
            text.push_str(&leaning.to_lowercase());
        }
        if *rank > 1 {
            text.push_str(&format!(" ({rank})"));
        }
        text
    }

    /// What is said to or of one member: habit and basket only. How lately the members were seen is true of most of them,
    /// and not of somebody who stands at the counter.
    #[must_use]
    pub fn personal_words(&self, locale: Locale) -> String {
        match (self, locale) {
            (Self::Newcomers | Self::Prospects { .. }, Locale::En) => "Newcomers".to_owned(),
            (Self::Newcomers | Self::Prospects { .. }, Locale::Ru) => "Новички".to_owned(),
            (Self::Apart, Locale::En) => "Guests with ways of their own".to_owned(),
            (Self::Apart, Locale::Ru) => "Гости со своими привычками".to_owned(),
            (Self::Profile { habit, basket, .. }, _) => guests(*habit, *basket, locale),
        }
    }
}

fn guests(habit: Habit, basket: BasketSize, locale: Locale) -> String {
    let habit = match (habit, locale) {
        (Habit::Frequent, Locale::En) => "Frequent guests",
        (Habit::Frequent, Locale::Ru) => "Частые гости",
        (Habit::Regular, Locale::En) => "Regulars",
        (Habit::Regular, Locale::Ru) => "Постоянные гости",
        (Habit::Occasional, Locale::En) => "Occasional guests",
        (Habit::Occasional, Locale::Ru) => "Редкие гости",
    };
    let basket = match (basket, locale) {
        (BasketSize::Large, Locale::En) => "large baskets",
        (BasketSize::Large, Locale::Ru) => "крупные покупки",
        (BasketSize::Medium, Locale::En) => "mid-size baskets",
        (BasketSize::Medium, Locale::Ru) => "средние покупки",
        (BasketSize::Small, Locale::En) => "small baskets",
        (BasketSize::Small, Locale::Ru) => "небольшие покупки",
    };
    format!("{habit}, {basket}")
}

/// A segment of one model: `index` is its place in the model; 0 is always [`SegmentName::Newcomers`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRef {
    /// `None` before the first fit: then everybody is a newcomer.
    pub model: Option<SegmentModelId>,
    pub index: u16,
    pub name: SegmentName,
}

impl SegmentRef {
    #[must_use]
    pub fn newcomer(model: Option<SegmentModelId>) -> Self {
        Self { model, index: 0, name: SegmentName::Newcomers }
    }
}
