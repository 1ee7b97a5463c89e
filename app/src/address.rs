//! Addresses of our own pages, as they travel in other addresses.

/// Where to go after signing in: a path of our own, or home. Never another site, never a header's line break.
#[must_use]
pub fn safe_next(text: &str) -> &str {
    let ours = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= 200
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.?=&%~".contains(&b));
    if ours { text } else { "/" }
}

/// `next` as a query value.
#[must_use]
pub fn in_query(next: &str) -> String {
    safe_next(next).replace('%', "%25").replace('&', "%26").replace('?', "%3F").replace('=', "%3D")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_always_our_own() {
        assert_eq!(safe_next("/menu/coffee?page=2"), "/menu/coffee?page=2");
        for bad in
            ["", "menu", "//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nSet-Cookie: b", "/а"]
        {
            assert_eq!(safe_next(bad), "/", "{bad}");
        }
        assert_eq!(safe_next(&format!("/{}", "a".repeat(300))), "/");
        assert_eq!(in_query("/menu?page=2&x=%20"), "/menu%3Fpage%3D2%26x%3D%2520");
    }
}
