//! Which page of the menu an address means, and the address of a page.

/// The page of a query text, counted from 1; anything odd is the first.
#[must_use]
pub fn page_number(text: Option<&str>) -> u32 {
    text.and_then(|text| text.parse().ok()).filter(|page| (1..=100_000).contains(page)).unwrap_or(1)
}

/// `/menu/coffee?page=2`; the first page has the plain address.
#[must_use]
pub fn address(category: &str, page: u32) -> String {
    let mut path = String::from("/menu/");
    for byte in category.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    if page > 1 {
        path.push_str(&format!("?page={page}"));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_page_is_the_first() {
        assert_eq!(page_number(Some("3")), 3);
        for odd in [None, Some(""), Some("0"), Some("-1"), Some("99999999999"), Some("x")] {
            assert_eq!(page_number(odd), 1);
        }
    }

    #[test]
    fn an_address_holds_any_category() {
        assert_eq!(address("coffee", 1), "/menu/coffee");
        assert_eq!(address("tea & herbs/я", 2), "/menu/tea%20%26%20herbs%2F%D1%8F?page=2");
    }
}
