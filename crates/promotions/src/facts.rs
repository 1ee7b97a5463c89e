//! What a decision is made from, and all of it: stored with the decision, it can be made again (law 6).

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::{
    Amount, CampaignId, CardId, CardScope, CategoryId, CustomerId, MarginFloor, Rate, SegmentName, Sku, StoreId,
};
use serde::{Deserialize, Serialize, Serializer};

/// One basket at one till at one moment, and what is known about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The moment that decides: never read from a clock here.
    pub at: DateTime<Utc>,
    pub store: StoreId,
    /// The store's own zone, stored by its IANA name: windows, hours, birthdays and budgets' periods are local.
    pub zone: Tz,
    /// In the basket's order; a line's position is its place here.
    pub lines: Vec<Line>,
    /// `None` for a stranger.
    pub customer: Option<Customer>,
    /// The one card that the customer uses now.
    pub card: Option<ChosenCard>,
    /// Every code that was presented, also those that are good for nothing. A code counts once however often it is here.
    pub coupons: Vec<Coupon>,
    /// What the limited accounts of [`crate::Rules::accounts`] have left. An account that is not here has its whole limit.
    pub rooms: Vec<Room>,
    /// Law 7: this customer is in the holdout and gets nothing personal.
    pub holdout: bool,
    pub floor: MarginFloor,
}

/// One line of the basket. It is written as a list of its fields in this order, because what says of every line of every
/// basket how its fields are called takes three times the room; a line with names is read as well.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Line {
    pub sku: Sku,
    pub category: CategoryId,
    /// What one unit costs without a discount; below zero counts as zero.
    pub unit_price: Amount,
    /// What one unit costs the shop; unknown means no personal discount (law 2).
    pub cost: Option<Amount>,
    pub quantity: u32,
    /// Charges are sold but never discounted, and count towards no condition.
    pub offerable: bool,
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.sku, &self.category, self.unit_price, self.cost, self.quantity, self.offerable).serialize(serializer)
    }
}

/// The customer as far as campaigns may look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    pub id: CustomerId,
    pub segment: SegmentName,
    /// Purchases before this one.
    pub visits: u32,
    pub registered_at: DateTime<Utc>,
    /// Month 1..=12 and day 1..=31. In a year without a 29 February that birthday is on the 28th.
    pub birthday: Option<(u8, u8)>,
    pub last_purchase_at: Option<DateTime<Utc>>,
}

/// The card as far as a basket sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChosenCard {
    pub id: CardId,
    pub scope: CardScope,
    pub rate: Rate,
}

/// A code that was presented, and what the books say of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coupon {
    pub code: String,
    pub standing: Standing,
}

/// What the books say of a code. Whether it is used up is told by its account's [`Room`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A code of this campaign; half-open in time, and personal where it has a recipient.
    Good {
        campaign: CampaignId,
        recipient: Option<CustomerId>,
        from: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    },
    /// No such code.
    Unknown,
    /// Withdrawn: answered like an unknown one.
    Disabled,
    /// Another open session holds it.
    Reserved,
}

/// What one limited account has left, in minor units or uses; what this session itself has reserved counts as left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    pub key: String,
    /// Below zero counts as nothing left.
    pub left: i64,
    /// What other open sessions hold of it: it may come back.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub elsewhere: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_nothing(amount: &i64) -> bool {
    *amount == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_without_names_and_read_with_and_without() {
        let line = Line {
            sku: Sku::parse("latte").unwrap(),
            category: CategoryId::new("coffee"),
            unit_price: Amount(450),
            cost: None,
            quantity: 2,
            offerable: true,
        };
        let short = serde_json::to_string(&line).unwrap();
        assert_eq!(short, r#"["latte","coffee",450,null,2,true]"#);
        // As sessions keep theirs that were put before lines were written so.
        let named = r#"{"sku":"latte","category":"coffee","unit_price":450,"cost":null,"quantity":2,"offerable":true}"#;
        for text in [short.as_str(), named] {
            assert_eq!(serde_json::from_str::<Line>(text).unwrap(), line);
        }
    }
}
