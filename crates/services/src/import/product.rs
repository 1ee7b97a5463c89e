//! What the receipts tell of products: the latest price that was paid, and the most recent sensible name.

use std::collections::HashMap;

use domain::Amount;
use store::import::SeenProduct;

use super::category;
use super::classify::{Line, Moment};

/// More products than this are written out before more are read.
pub(crate) const MOST_IN_MEMORY: usize = 100_000;

/// What is known of one product so far.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    at: Moment,
    price: Option<(Moment, Amount, Option<Amount>)>,
    name: Option<(Moment, u8, String)>,
    category: Option<String>,
}

impl Sighting {
    pub(crate) fn of(line: &Line<'_>) -> Self {
        let mut sighting = Self { at: line.at, price: None, name: None, category: None };
        sighting.add(line);
        sighting
    }

    pub(crate) fn add(&mut self, line: &Line<'_>) {
        self.at = self.at.max(line.at);
        if line.unit_price > Amount::ZERO && self.price.as_ref().is_none_or(|p| p.0 <= line.at) {
            self.price = Some((line.at, line.unit_price, line.unit_cost));
        }
        let sense = sense(line.name);
        if sense > 0 && self.name.as_ref().is_none_or(|n| (n.1, n.0) <= (sense, line.at)) {
            // The same name again is the usual case, and costs nothing.
            match &mut self.name {
                Some((at, _, name)) if *name == line.name => *at = line.at,
                other => *other = Some((line.at, sense, tidy(line.name))),
            }
        }
        if let Some(text) = line.category
            && self.category.as_deref() != Some(text)
        {
            self.category = Some(text.to_owned());
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.at = self.at.max(other.at);
        if let Some(price) = other.price
            && self.price.as_ref().is_none_or(|p| p.0 <= price.0)
        {
            self.price = Some(price);
        }
        if let Some(name) = other.name
            && self.name.as_ref().is_none_or(|n| (n.1, n.0) <= (name.1, name.0))
        {
            self.name = Some(name);
        }
        self.category = other.category.or(self.category.take());
    }
}

/// How much a name looks like one: 0 not at all (`?`, empty), 1 a stockroom's note (`damages`), 2 a product's name.
fn sense(name: &str) -> u8 {
    if name.chars().filter(|c| c.is_alphabetic()).take(3).count() < 3 || name.contains('?') {
        0
    } else if name.chars().any(|c| c.is_alphabetic() && !c.is_lowercase()) {
        2
    } else {
        1
    }
}

fn tidy(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(200).collect::<String>().trim().to_owned()
}

/// The end of the earlier imports, in the shop's time zone and in UTC; what is not newer changes no product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownUntil {
    pub local: chrono::NaiveDateTime,
    pub utc: chrono::NaiveDateTime,
}

/// The products of an import, as far as they are in memory.
#[derive(Debug, Default)]
pub(crate) struct Products {
    seen: HashMap<String, Sighting>,
}

impl Products {
    pub(crate) fn add(&mut self, sku: String, sighting: Sighting) {
        match self.seen.get_mut(&sku) {
            Some(known) => known.merge(sighting),
            None => {
                self.seen.insert(sku, sighting);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Everything in memory, to be written; in order of sku.
    ///
    /// Where skus have digits, one without any is a charge (POST, BANK CHARGES): sold, and never offered. Where most
    /// are words (`espresso`), a word is a product.
    pub(crate) fn take(&mut self, known: Option<KnownUntil>) -> Vec<SeenProduct> {
        let has_digit = |sku: &str| sku.bytes().any(|b| b.is_ascii_digit());
        let coded = self.seen.keys().filter(|sku| has_digit(sku)).count() * 2 > self.seen.len();
        let mut products: Vec<SeenProduct> = self
            .seen
            .drain()
            .map(|(sku, seen)| SeenProduct {
                name: seen.name.map(|(_, _, name)| name),
                price: seen.price.map(|(_, price, _)| price),
                cost: seen.price.and_then(|(_, _, cost)| cost),
                category: seen.category.as_deref().map(category::id_of),
                offerable: !coded || has_digit(&sku),
                newer: known.is_none_or(|k| seen.at.naive > if seen.at.utc { k.utc } else { k.local }),
                sku,
            })
            .collect();
        products.sort_by(|a, b| a.sku.cmp(&b.sku));
        products
    }

    /// The categories that the file names: id and title.
    pub(crate) fn categories(&self) -> Vec<(String, String)> {
        let mut named: Vec<(String, String)> =
            self.seen.values().filter_map(|s| s.category.as_deref()).map(|c| (category::id_of(c), tidy(c))).collect();
        named.sort();
        named.dedup_by(|a, b| a.0 == b.0);
        named
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    fn line<'a>(sku: &'a str, name: &'a str, day: i64, price: i64) -> Line<'a> {
        let naive = DateTime::from_timestamp(1_300_000_000, 0).unwrap().naive_utc() + TimeDelta::days(day);
        Line {
            number: "1",
            sku,
            name,
            quantity: 1,
            at: Moment { naive, utc: false },
            unit_price: Amount(price),
            unit_cost: None,
            customer: None,
            category: None,
            is_return: false,
        }
    }

    fn seen(lines: &[Line<'_>]) -> Vec<SeenProduct> {
        let mut products = Products::default();
        for line in lines {
            products.add(line.sku.to_owned(), Sighting::of(line));
        }
        products.take(None)
    }

    #[test]
    fn the_latest_price_that_was_paid_counts_wherever_it_stands() {
        let one = &seen(&[line("a1", "MUG", 5, 300), line("a1", "MUG", 9, 0), line("a1", "MUG", 2, 250)])[0];
        assert_eq!(one.price, Some(Amount(300)));
    }

    #[test]
    fn the_latest_sensible_name_counts() {
        let names = [("RED MUG", 1), ("BLUE MUG", 4), ("damages", 5), ("?", 6), ("", 7), ("found?", 8)];
        let lines: Vec<_> = names.iter().map(|(name, day)| line("a1", name, *day, 1)).collect();
        assert_eq!(seen(&lines)[0].name.as_deref(), Some("BLUE MUG"));
        assert_eq!(seen(&[line("a1", "?", 1, 1)])[0].name, None);
        assert_eq!(seen(&[line("a1", "espresso", 1, 1)])[0].name.as_deref(), Some("espresso"));
    }

    #[test]
    fn a_code_without_a_digit_is_a_charge_only_where_codes_have_digits() {
        let coded = seen(&[line("85123A", "MUG", 1, 1), line("71053", "JUG", 1, 1), line("POST", "POSTAGE", 1, 1)]);
        assert_eq!(coded.iter().filter(|p| !p.offerable).map(|p| p.sku.as_str()).collect::<Vec<_>>(), ["POST"]);
        let words =
            seen(&[line("espresso", "Espresso", 1, 1), line("eclair", "Eclair", 1, 1), line("mug2", "Mug", 1, 1)]);
        assert!(words.iter().all(|p| p.offerable));
    }
}
