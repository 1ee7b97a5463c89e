//! A segment's name in words: what its members' behaviour looks like, never a number.

use serde::{Deserialize, Serialize};

use crate::{Locale, SegmentModelId};

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

/// What a segment is called. Structured, so that it reads naturally in every language.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SegmentName {
    /// Registered and not yet bought: everybody's first segment.
    Newcomers,
    /// Named from the profile. `leaning` is a category title that sets the segment apart from another of the same
    /// words; `rank` tells apart what even that does not (2, 3, …), and is 1 where the words are enough.
    Profile { presence: Presence, habit: Habit, basket: BasketSize, leaning: Option<String>, rank: u8 },
}

impl SegmentName {
    #[must_use]
    pub fn words(&self, locale: Locale) -> String {
        let Self::Profile { presence, habit, basket, leaning, rank } = self else {
            return match locale {
                Locale::En => "Newcomers".to_owned(),
                Locale::Ru => "Новички".to_owned(),
            };
        };
        let mut text = match locale {
            Locale::En => {
                let habit = match habit {
                    Habit::Frequent => "Frequent guests",
                    Habit::Regular => "Regulars",
                    Habit::Occasional => "Occasional guests",
                };
                let basket = match basket {
                    BasketSize::Large => "large baskets",
                    BasketSize::Medium => "mid-size baskets",
                    BasketSize::Small => "small baskets",
                };
                let presence = match presence {
                    Presence::Active => "",
                    Presence::Cooling => ", cooling off",
                    Presence::Lapsed => ", not seen lately",
                };
                format!("{habit}, {basket}{presence}")
            }
            Locale::Ru => {
                let habit = match habit {
                    Habit::Frequent => "Частые гости",
                    Habit::Regular => "Постоянные гости",
                    Habit::Occasional => "Редкие гости",
                };
                let basket = match basket {
                    BasketSize::Large => "крупные покупки",
                    BasketSize::Medium => "средние покупки",
                    BasketSize::Small => "небольшие покупки",
                };
                let presence = match presence {
                    Presence::Active => "",
                    Presence::Cooling => ", приходят реже",
                    Presence::Lapsed => ", давно не были",
                };
                format!("{habit}, {basket}{presence}")
            }
        };
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
