//! A query string: each name once, percent-decoded, valid UTF-8 without U+0000.

use contract::Refusal;

/// The most bytes of a query string.
const MAX_QUERY: usize = 4_096;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// # Errors
    /// `invalid-query` when it cannot be decoded, is too long or says one thing twice.
    pub fn parse(text: Option<&str>) -> Result<Self, Refusal> {
        let refused = |detail: &str| Refusal::malformed("invalid-query", detail);
        let text = text.unwrap_or_default();
        if text.len() > MAX_QUERY {
            return Err(refused("The query string is too long."));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                return Err(refused("The query string is not percent-encoded UTF-8."));
            };
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(refused("The query string says one thing twice."));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let query = Query::parse(Some("a=1&search=%D1%87%D0%B0%D0%B9+with%20milk&flag&&b=x=y")).unwrap();
        assert_eq!(query.get("a"), Some("1"));
        assert_eq!(query.get("search"), Some("чай with milk"));
        assert_eq!(query.get("flag"), Some(""));
        assert_eq!(query.get("b"), Some("x=y"));
        assert_eq!(query.get("c"), None);
        assert!(Query::parse(Some("a=%00")).is_err());
        assert!(Query::parse(Some("a=%4")).is_err());
    }

    proptest! {
        #[test]
        fn no_query_panics(text in "\\PC{0,80}") {
            let _ = Query::parse(Some(&text));
        }
    }
}
