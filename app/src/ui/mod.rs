//! The design system: one component for each part of `style/parts.css`, and no data.

pub mod barcode;
pub mod button;
pub mod chart;
pub mod clock;
pub mod date;
pub mod field;
pub mod icon;
pub mod language;
pub mod loaded;
pub mod notice;
pub mod picture;

pub use button::SubmitButton;
pub use clock::every_second;
pub use field::{Checkbox, TextField};
pub use icon::{Icon, Logo, icon};
pub use language::LanguageLink;
pub use loaded::loaded;
pub use notice::{EmptyState, FaultNotice, Notice, Tone};
pub use picture::{Tile, picture};
