#![doc = include_str!("../README.md")]

pub mod card;
pub mod catalogue;
pub mod code;
pub mod coupon;
pub mod id;
pub mod locale;
pub mod margin;
pub mod money;
pub mod phone;
pub mod returned;
pub mod segment;
pub mod session;
pub mod staff;

pub use card::{Card, CardReason, CardScope};
pub use catalogue::{CategoryId, Product, Sku};
pub use code::{CodeError, CodeKind, CustomerCode, RotatingCode, RotatingSecret};
pub use coupon::{CouponCode, CouponCodeError};
pub use id::{
    CampaignId, CardId, CustomerId, GrantId, ReceiptId, ReturnId, SegmentModelId, SessionId, StaffId, StoreId, TillId,
};
pub use locale::Locale;
pub use margin::{MarginFloor, floor_price};
pub use money::{Amount, Currency, MoneyError, Rate, split, split_in_place};
pub use phone::{Phone, PhoneError};
pub use returned::{Returned, SoldLine};
pub use segment::{SegmentMethod, SegmentName, SegmentReason, SegmentRef};
pub use session::SessionState;
pub use staff::Role;
