//! A card: a personal discount offered to one customer, who picks which one is active.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Amount, CardId, CategoryId, Currency, Locale, Rate, Sku};

/// What a card is good for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", content = "ref", rename_all = "snake_case")]
pub enum CardScope {
    /// Every line that may be discounted.
    Basket,
    Category(CategoryId),
    Product(Sku),
}

/// Why this customer is offered this card: the numbers that the rule looked at, so that the words are always true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CardReason {
    /// A first offer to somebody of whom nothing is known yet.
    Welcome,
    /// The level that customers of this segment get.
    Segment { name: crate::SegmentName },
    /// Bought from this category `times` times.
    FavouriteCategory { title: String, times: u32 },
    /// Bought this product `times` times.
    FavouriteProduct { name: String, times: u32 },
    /// Liked by most customers; nothing personal is known.
    Popular { name: String },
    /// Bought by those who buy `with`, which this customer buys.
    GoesWith { name: String, with: String, sku: Sku },
    /// Those who buy what they buy take it.
    LikeYou { name: String },
    /// Has visited `times` times.
    Visits { times: u32 },
    /// Basket of `amount` on average.
    AverageBasket { amount: Amount, currency: Currency },
    /// Came in so many of so many weeks.
    Weeks { came: u32, of: u32 },
    /// Drawn by chance, to learn which offers are worth while.
    Chance,
    /// What everybody of the segment gets, while the model that should have decided cannot; `why` as the log has it.
    StandIn { why: String },
    /// The margin floor allows no more.
    MarginCapped,
}

/// A card as it is stored, offered and redeemed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub id: CardId,
    pub scope: CardScope,
    /// The title of the category or the name of the product; empty for the basket.
    pub subject: String,
    pub rate: Rate,
    /// Half-open: valid from `valid_from`, no longer at `valid_until`.
    pub valid_from: DateTime<Utc>,
    pub valid_until: DateTime<Utc>,
    pub active: bool,
    pub reasons: Vec<CardReason>,
}

impl Card {
    #[must_use]
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        self.valid_from <= now && now < self.valid_until
    }

    #[must_use]
    pub fn title(&self, locale: Locale) -> String {
        let rate = self.rate.display(locale);
        match (&self.scope, locale) {
            (CardScope::Basket, Locale::En) => format!("{rate} off your basket"),
            (CardScope::Basket, Locale::Ru) => format!("\u{2212}{rate} на всю покупку"),
            (_, Locale::En) => format!("{rate} off {}", self.subject),
            (_, Locale::Ru) => format!("\u{2212}{rate}: {}", self.subject),
        }
    }
}

impl CardReason {
    #[must_use]
    pub fn words(&self, locale: Locale) -> String {
        use Locale::{En, Ru};
        let count = |n: u32, en: [&'static str; 3], ru: [&'static str; 3]| {
            format!("{n} {}", locale.plural(u64::from(n), if locale == En { en } else { ru }))
        };
        let times = |n| count(n, ["time", "times", "times"], ["раз", "раза", "раз"]);
        match (self, locale) {
            (Self::Welcome, En) => "A first treat while we get to know you".to_owned(),
            (Self::Welcome, Ru) => "Первый подарок, пока мы знакомимся".to_owned(),
            (Self::Segment { name }, En) => format!("For: {}", name.personal_words(En).to_lowercase()),
            (Self::Segment { name }, Ru) => format!("Для группы: {}", name.personal_words(Ru).to_lowercase()),
            (Self::FavouriteCategory { title, times: n }, En) => format!("You chose {title} {}", times(*n)),
            (Self::FavouriteCategory { title, times: n }, Ru) => format!("Вы выбирали «{title}» {}", times(*n)),
            (Self::FavouriteProduct { name, times: n }, En) => format!("You bought {name} {}", times(*n)),
            (Self::FavouriteProduct { name, times: n }, Ru) => format!("Вы покупали «{name}» {}", times(*n)),
            (Self::Popular { name }, En) => format!("{name} is a favourite of our guests"),
            (Self::Popular { name }, Ru) => format!("«{name}» любят наши гости"),
            (Self::GoesWith { name, with, .. }, En) => format!("Guests who take {with} also take {name}"),
            (Self::GoesWith { name, with, .. }, Ru) => format!("Гости, которые берут «{with}», берут и «{name}»"),
            (Self::LikeYou { name }, En) => format!("Guests with a taste like yours take {name}"),
            (Self::LikeYou { name }, Ru) => format!("Гости с похожим вкусом берут «{name}»"),
            (Self::Visits { times: n }, En) => count(*n, ["visit so far", "visits so far", "visits so far"], [""; 3]),
            (Self::Visits { times: n }, Ru) => count(*n, [""; 3], ["визит у нас", "визита у нас", "визитов у нас"]),
            (Self::AverageBasket { amount, currency }, En) => {
                format!("Your basket is {} on average", amount.display(*currency, En))
            }
            (Self::AverageBasket { amount, currency }, Ru) => {
                format!("Ваша средняя покупка: {}", amount.display(*currency, Ru))
            }
            (Self::Weeks { came, of }, En) => format!("You came in {came} of {of} weeks"),
            (Self::Weeks { came, of }, Ru) => format!("Недели, когда вы заходили: {came} из {of}"),
            (Self::Chance, En) => "We are trying out which offers our guests like".to_owned(),
            (Self::Chance, Ru) => "Пробуем, какие предложения нравятся гостям".to_owned(),
            (Self::StandIn { .. }, En) => "The usual level while we work out yours".to_owned(),
            (Self::StandIn { .. }, Ru) => "Обычный уровень, пока мы подбираем ваш".to_owned(),
            (Self::MarginCapped, En) => "As much as we can give on this".to_owned(),
            (Self::MarginCapped, Ru) => "Больше на это скинуть не можем".to_owned(),
        }
    }
}
