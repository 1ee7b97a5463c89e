//! The exact bytes that are signed and hashed: netstrings (`5:hello,`), one a field, in a fixed order. A length before
//! every text means that no text can be taken for two, whatever stands in it.

use contract::offline::{Grant, Shelf};
use domain::CardScope;

/// Netstrings, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Canonical(Vec<u8>);

impl Canonical {
    /// Adds one field. Numbers are written in decimal, times as seconds since 1970, what is absent as the empty text.
    #[must_use]
    pub fn field(mut self, value: impl ToString) -> Self {
        let value = value.to_string();
        self.0.extend_from_slice(value.len().to_string().as_bytes());
        self.0.push(b':');
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b',');
        self
    }

    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// What a grant's signature is over: every field but the signature itself.
#[must_use]
pub fn grant(grant: &Grant) -> Vec<u8> {
    let (kind, reference) = scope(&grant.card.scope);
    Canonical::default()
        .field("kava-grant-v1")
        .field(&grant.key_id)
        .field(grant.grant_id)
        .field(grant.counter)
        .field(grant.store)
        .field(grant.till)
        .field(grant.customer)
        .field(&grant.code_salt)
        .field(grant.code_hash.as_deref().unwrap_or_default())
        .field(&grant.handle_hash)
        .field(grant.card.id)
        .field(kind)
        .field(reference)
        .field(grant.card.rate_bp.bp())
        .field(grant.max_amount.minor())
        .field(grant.currency)
        .field(&grant.shelf)
        .field(grant.issued_at.timestamp())
        .field(grant.expires_at.timestamp())
        .bytes()
}

/// What a shelf's hash is over.
#[must_use]
pub fn shelf(shelf: &Shelf) -> Vec<u8> {
    let head = Canonical::default().field("kava-shelf-v1").field(shelf.currency);
    shelf
        .products
        .iter()
        .fold(head, |bytes, product| {
            bytes.field(&product.sku).field(&product.category).field(product.price.minor()).field(product.floor.minor())
        })
        .bytes()
}

fn scope(scope: &CardScope) -> (&'static str, &str) {
    match scope {
        CardScope::Basket => ("basket", ""),
        CardScope::Category(category) => ("category", category.as_str()),
        CardScope::Product(sku) => ("product", sku.as_str()),
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads hexadecimal of exactly `N` bytes.
#[must_use]
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_two_lists_of_fields_have_the_same_bytes(a: Vec<String>, b: Vec<String>) {
            let bytes = |fields: &[String]| fields.iter().fold(Canonical::default(), Canonical::field).bytes();
            prop_assert_eq!(bytes(&a) == bytes(&b), a == b);
        }

        #[test]
        fn hexadecimal_is_read_back_and_nothing_else_is(bytes: [u8; 16], text in "\\PC{0,40}") {
            prop_assert_eq!(unhex::<16>(&hex(&bytes)), Some(bytes));
            let read = unhex::<16>(&text);
            prop_assert_eq!(read.is_some(), text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()));
        }
    }
}
