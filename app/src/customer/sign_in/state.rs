//! What was typed, read kindly: phones and codes.

use contract::customer::CameBy;
use domain::{CustomerId, Phone, PhoneError, StoreId};

/// Digits of a one-time code.
pub const CODE_DIGITS: usize = 6;

/// A phone, or the key of what is wrong with it.
///
/// # Errors
/// `phone-country-code` when it begins with neither `+` nor `00`, `phone-invalid` for the rest.
pub fn read_phone(text: &str) -> Result<Phone, &'static str> {
    Phone::parse(text).map_err(|error| match error {
        PhoneError::CountryCode => "phone-country-code",
        PhoneError::Character | PhoneError::Length => "phone-invalid",
    })
}

/// Six digits, whatever blanks and hyphens the message or the keyboard put between them.
#[must_use]
pub fn read_code(text: &str) -> Option<String> {
    if text.len() > 64 {
        return None;
    }
    let code: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    (code.len() == CODE_DIGITS && code.bytes().all(|b| b.is_ascii_digit())).then_some(code)
}

/// The link that somebody came by, as its cookie says it: a store's id, `~`, and that of who sent them.
#[must_use]
pub fn came(cookie: &str) -> CameBy {
    let (store, inviter) = cookie.split_once('~').unwrap_or_default();
    CameBy { store: store.parse().ok().map(StoreId), inviter: inviter.parse().ok().map(CustomerId) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_says_who_sent_somebody() {
        let store = "0192a3b4-0000-7000-8000-00000000000a";
        let both = came(&format!("{store}~{store}"));
        let ids = (both.store.map(|id| id.to_string()), both.inviter.map(|id| id.to_string()));
        assert_eq!(ids, (Some(store.to_owned()), Some(store.to_owned())));
        assert_eq!(came(&format!("~{store}")), CameBy { store: None, ..both });
        for text in ["", "~", "soho", "soho~anna", &"~".repeat(200)] {
            assert_eq!(came(text), CameBy::default(), "{text}");
        }
    }

    #[test]
    fn a_code_is_read_as_people_paste_it() {
        assert_eq!(read_code(" 123-456\n").as_deref(), Some("123456"));
        assert_eq!(read_code("12345"), None);
        assert_eq!(read_code("12345六"), None);
        assert_eq!(read_code(&"1".repeat(10_000)), None);
    }

    #[test]
    fn a_phone_says_what_is_wrong() {
        assert!(read_phone("+44 20 7946 0018").is_ok());
        assert_eq!(read_phone("020 7946 0018"), Err("phone-country-code"));
        assert_eq!(read_phone("+44 20 hello"), Err("phone-invalid"));
    }
}
