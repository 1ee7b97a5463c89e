//! Why not, in the words of a counter: for the cashier and for marketing, in both languages.

use domain::{Amount, Currency, Locale};

use crate::decision::Rejection;
use crate::explanation::{Outcome, Unmet, WhyNot};

impl Outcome {
    #[must_use]
    pub fn words(&self, locale: Locale, currency: Currency) -> String {
        match (self, locale) {
            (Self::Applied { granted }, Locale::En) => format!("Takes off {}", granted.display(currency, locale)),
            (Self::Applied { granted }, Locale::Ru) => format!("Снижает цену на {}", granted.display(currency, locale)),
            (Self::Offered, Locale::En) => "Add its free item".to_owned(),
            (Self::Offered, Locale::Ru) => "Добавьте подарок".to_owned(),
            (Self::Not(why), _) => why.words(locale, currency),
        }
    }
}

impl WhyNot {
    #[must_use]
    pub fn words(&self, locale: Locale, currency: Currency) -> String {
        let (en, ru) = match self {
            Self::Disabled => ("It is switched off", "Акция выключена"),
            Self::NotStarted { from } => {
                return match locale {
                    Locale::En => format!("It starts on {}", from.format("%Y-%m-%d at %H:%M")),
                    Locale::Ru => format!("Начнётся {}", from.format("%d.%m.%Y в %H:%M")),
                };
            }
            Self::Ended { until } => {
                return match locale {
                    Locale::En => format!("It ended on {}", until.format("%Y-%m-%d at %H:%M")),
                    Locale::Ru => format!("Закончилась {}", until.format("%d.%m.%Y в %H:%M")),
                };
            }
            Self::OutsideSchedule => {
                ("It does not run on this day or at this hour", "Не действует в этот день или час")
            }
            Self::OtherStore => ("It does not run in this store", "Не действует в этом магазине"),
            Self::CouponNeeded => ("It needs one of its coupons", "Нужен купон этой акции"),
            Self::CustomerNeeded => {
                ("It is counted by customer: scan the customer's code", "Считается по покупателю: отсканируйте его код")
            }
            Self::Unmet(unmet) => return unmet.words(locale, currency),
            Self::LimitReached(rejection) => return rejection.words(locale).to_owned(),
            Self::BudgetShort(_) => ("Its budget is used up", "Бюджет акции исчерпан"),
            Self::Withheld => ("This customer is in the control group", "Покупатель в контрольной группе"),
            Self::GroupFirst { .. } => {
                ("An earlier campaign of its group applies", "Действует предыдущая акция группы")
            }
            Self::GroupBest { .. } => ("Another campaign of its group gives more", "Другая акция группы выгоднее"),
            Self::NotCombinable { .. } => {
                ("It does not go together with what gives more", "Не сочетается с тем, что выгоднее")
            }
            Self::NothingToDiscount => ("Nothing in the basket that it could lower", "В корзине нечего снизить"),
            Self::CostUnknown => ("The cost of these products is not known", "Себестоимость этих товаров неизвестна"),
            Self::FloorReached => ("The price is as low as it may be", "Цена уже предельно низкая"),
            Self::Code(rejection) => return rejection.words(locale).to_owned(),
        };
        match locale {
            Locale::En => en,
            Locale::Ru => ru,
        }
        .to_owned()
    }
}

impl Rejection {
    #[must_use]
    pub fn words(self, locale: Locale) -> &'static str {
        let (en, ru) = match self {
            Self::CouponNotFound => ("There is no such coupon", "Такого купона нет"),
            Self::CouponExpired => ("The coupon has expired", "Срок купона истёк"),
            Self::CouponNotStarted => ("The coupon is not valid yet", "Купон ещё не действует"),
            Self::CouponLimitReached => ("The coupon is used up", "Купон уже использован"),
            Self::ProfileLimitReached => {
                ("The customer has used it as often as allowed", "Покупатель исчерпал свой лимит")
            }
            Self::CampaignLimitReached => ("The campaign has given all it may", "Акция исчерпана"),
            Self::RecipientDoesNotMatch => {
                ("The coupon belongs to somebody else", "Купон принадлежит другому покупателю")
            }
            Self::ProfileRequired => ("Scan the customer's code first", "Сначала отсканируйте код покупателя"),
            Self::ConditionNotMet => ("The coupon's conditions are not met", "Условия купона не выполнены"),
            Self::NoEffect => ("The coupon would change nothing here", "Купон здесь ничего не меняет"),
            Self::NotCombinable => {
                ("The coupon does not go with another discount", "Купон не сочетается с другой скидкой")
            }
            Self::ReservedElsewhere => ("The coupon is in use at another till", "Купон используется на другой кассе"),
        };
        match locale {
            Locale::En => en,
            Locale::Ru => ru,
        }
    }
}

impl Unmet {
    #[must_use]
    pub fn words(&self, locale: Locale, currency: Currency) -> String {
        let money = |amount: Amount| amount.display(currency, locale);
        let en = locale == Locale::En;
        match self {
            Self::SubtotalTooLow { have, need } => {
                let (more, need) = (money(*need - *have), money(*need));
                if en {
                    format!("{more} more is needed to reach {need}")
                } else {
                    format!("До {need} не хватает {more}")
                }
            }
            Self::SubtotalTooHigh { most, .. } => {
                let most = money(*most);
                if en { format!("It is for up to {most}") } else { format!("Действует до {most}") }
            }
            Self::TooFewUnits { have, need } | Self::TooFewProducts { have, need } => {
                let more = u64::from(*need).saturating_sub(*have);
                let products = matches!(self, Self::TooFewProducts { .. });
                let noun = match (en, products) {
                    (true, false) => ["unit", "units", "units"],
                    (true, true) => ["different product", "different products", "different products"],
                    (false, false) => ["штуки", "штук", "штук"],
                    (false, true) => ["разного товара", "разных товаров", "разных товаров"],
                };
                let noun = locale.plural(more, noun);
                if en { format!("{more} more {noun} needed") } else { format!("Не хватает {more} {noun}") }
            }
            Self::TooManyUnits { most, .. } | Self::TooManyProducts { most, .. } => {
                if en {
                    format!("It is for at most {most}")
                } else {
                    format!("Действует не больше чем на {most}")
                }
            }
            Self::TooFewVisits { have, need } => {
                let more = need.saturating_sub(*have);
                if en {
                    format!("Visits still missing: {more}")
                } else {
                    format!("Не хватает визитов: {more}")
                }
            }
            Self::TooManyVisits { most, .. } => {
                if en {
                    format!("It is for the first visits, up to {most}")
                } else {
                    format!("Для первых визитов, до {most}")
                }
            }
            Self::TooSoon { days, need } => {
                let more = need.saturating_sub(*days);
                if en {
                    format!("Too soon after the last purchase: days to go: {more}")
                } else {
                    format!("После прошлой покупки прошло мало дней: ещё {more}")
                }
            }
            Self::TooLong { most, .. } => {
                if en {
                    format!("The last purchase is more than {most} days ago")
                } else {
                    format!("Прошлая покупка была больше {most} дн. назад")
                }
            }
            Self::ProductMissing
            | Self::Stranger
            | Self::OtherCustomer
            | Self::OtherSegment
            | Self::NotFirstPurchase
            | Self::BirthdayUnknown
            | Self::BirthdayFar
            | Self::NeverBought
            | Self::OtherStore
            | Self::OutsideSchedule
            | Self::NoCard
            | Self::NoCouponOf { .. }
            | Self::Excluded => self.plain(en).to_owned(),
        }
    }

    /// What needs no number.
    fn plain(&self, en: bool) -> &'static str {
        let (english, russian) = match self {
            Self::ProductMissing => ("Its product is not in the basket", "Нужного товара нет в корзине"),
            Self::Stranger => ("Scan the customer's code first", "Сначала отсканируйте код покупателя"),
            Self::OtherCustomer => ("It is for other customers", "Для других покупателей"),
            Self::OtherSegment => ("It is for another group of customers", "Для другой группы покупателей"),
            Self::NotFirstPurchase => ("It is for the first purchase", "Только для первой покупки"),
            Self::BirthdayUnknown => ("The birthday is not known", "День рождения не указан"),
            Self::BirthdayFar => ("The birthday is too far away", "День рождения слишком далеко"),
            Self::NeverBought => ("There is no purchase before", "Покупок ещё не было"),
            Self::OtherStore => ("It does not run in this store", "Не действует в этом магазине"),
            Self::OutsideSchedule => {
                ("It does not run on this day or at this hour", "Не действует в этот день или час")
            }
            Self::NoCard => ("No card is used", "Карта не используется"),
            Self::NoCouponOf { .. } => ("It needs a coupon of another campaign", "Нужен купон другой акции"),
            _ => (
                "Something in the basket or the customer excludes it",
                "Что-то в корзине или у покупателя исключает её",
            ),
        };
        if en { english } else { russian }
    }
}
