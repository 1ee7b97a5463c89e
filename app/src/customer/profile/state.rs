//! What the profile form says, as an edit.

/// Days of a month in a leap year: a birthday has no year.
const DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Month and day of two form fields; both empty clear the birthday.
///
/// # Errors
/// When only one is given, or there is no such day.
pub fn read_birthday(month: &str, day: &str) -> Result<Option<(u8, u8)>, &'static str> {
    if month.is_empty() && day.is_empty() {
        return Ok(None);
    }
    let read = |text: &str| text.parse::<u8>().ok();
    match (read(month), read(day)) {
        (Some(month @ 1..=12), Some(day)) if day >= 1 && day <= DAYS[usize::from(month) - 1] => Ok(Some((month, day))),
        _ => Err("birthday-invalid"),
    }
}

/// A field that was not sent stays as it is.
#[must_use]
pub fn trimmed(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned())
}

/// The pointer of each field that this form shows.
#[must_use]
pub fn is_field(pointer: &str, field: &str) -> bool {
    pointer.trim_start_matches('/').split('/').next() == Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_birthday_is_a_day_that_exists() {
        assert_eq!(read_birthday("2", "29"), Ok(Some((2, 29))));
        assert_eq!(read_birthday("", ""), Ok(None));
        for (month, day) in
            [("2", "30"), ("13", "1"), ("0", "1"), ("4", "31"), ("4", "0"), ("4", ""), ("", "3"), ("x", "-1")]
        {
            assert_eq!(read_birthday(month, day), Err("birthday-invalid"), "{month} {day}");
        }
    }

    #[test]
    fn a_pointer_finds_its_field() {
        assert!(is_field("/email", "email"));
        assert!(is_field("birthday/0", "birthday"));
        assert!(!is_field("/name", "email"));
    }
}
