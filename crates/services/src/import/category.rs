//! Categories of products whose file has none: the head noun of the name, where enough products share it.

use std::collections::{BTreeMap, BTreeSet};

/// So many products make a category.
const ENOUGH: usize = 10;
/// Words that say how something looks or is packed, not what it is.
const NOT_NOUNS: [&str; 40] = [
    "red",
    "blue",
    "green",
    "pink",
    "white",
    "black",
    "ivory",
    "cream",
    "silver",
    "gold",
    "brown",
    "grey",
    "purple",
    "yellow",
    "orange",
    "turquoise",
    "assorted",
    "small",
    "large",
    "medium",
    "mini",
    "big",
    "design",
    "designs",
    "colour",
    "colours",
    "color",
    "set",
    "of",
    "the",
    "and",
    "with",
    "in",
    "new",
    "vintage",
    "retro",
    "style",
    "asst",
    "natural",
    "clear",
];

/// The last word of letters that names a thing, in the singular: `HAND WARMER UNION JACKS` -> `jack`.
pub(crate) fn head_noun(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    lower
        .split(|c: char| !c.is_alphabetic() && c != '\'')
        .rev()
        .map(|word| word.trim_matches('\''))
        .find(|word| word.chars().count() > 2 && !NOT_NOUNS.contains(word))
        .map(singular)
}

fn singular(word: &str) -> String {
    let stem = |cut: usize| word[..word.len() - cut].to_owned();
    match word {
        w if w.ends_with("ies") && w.len() > 4 => format!("{}y", stem(3)),
        w if ["sses", "shes", "ches", "xes"].iter().any(|end| w.ends_with(end)) => stem(2),
        w if w.ends_with('s') && !["ss", "us", "is"].iter().any(|end| w.ends_with(end)) && w.len() > 3 => stem(1),
        w => w.to_owned(),
    }
}

/// The category of each product, for those that get one: a noun that is a category already, or that enough share.
pub(crate) fn assign<'a>(
    products: &'a [(String, String)],
    there: &BTreeSet<String>,
) -> impl Iterator<Item = (&'a String, String)> {
    let nouns: Vec<Option<String>> = products.iter().map(|(_, name)| head_noun(name)).collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for noun in nouns.iter().flatten() {
        *counts.entry(noun.clone()).or_default() += 1;
    }
    counts.retain(|noun, count| *count >= ENOUGH || there.contains(noun));
    products
        .iter()
        .zip(nouns)
        .filter_map(move |((sku, _), noun)| noun.filter(|noun| counts.contains_key(noun)).map(|noun| (sku, noun)))
}

/// The title of a category: its word with a capital.
pub(crate) fn title(id: &str) -> String {
    let mut chars = id.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The id of a category that the file names.
pub(crate) fn id_of(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    let id: String = words.map(str::to_lowercase).collect::<Vec<_>>().join("-").chars().take(64).collect();
    if id.is_empty() { "other".to_owned() } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_noun_says_what_it_is() {
        for (name, noun) in [
            ("WHITE HANGING HEART T-LIGHT HOLDER", Some("holder")),
            ("CREAM CUPID HEARTS COAT HANGER", Some("hanger")),
            ("SET OF 3 CAKE TINS PANTRY DESIGN", Some("pantry")),
            ("PACK OF 72 RETROSPOT CAKE CASES", Some("case")),
            ("LUNCH BOX, BLUE", Some("box")),
            ("GLASS", Some("glass")),
            ("BABIES", Some("baby")),
            ("7/8 & 2", None),
            ("СИНИЕ КРУЖКИ", Some("кружки")),
            ("", None),
        ] {
            assert_eq!(head_noun(name).as_deref(), noun, "{name}");
        }
    }

    #[test]
    fn ten_make_a_category_and_nine_do_not() {
        let product = |i: usize, name: &str| (format!("{name}{i}"), name.to_owned());
        let mut products: Vec<_> = (0..10).map(|i| product(i, "MUG")).collect();
        products.extend((0..9).map(|i| product(i, "TRAY")));
        assert_eq!(assign(&products, &BTreeSet::new()).count(), 10);
        assert_eq!(assign(&products, &BTreeSet::from(["tray".to_owned()])).count(), 19);
    }

    #[test]
    fn ids_and_titles() {
        assert_eq!(id_of("Hot drinks / tea"), "hot-drinks-tea");
        assert_eq!(id_of("!"), "other");
        assert_eq!(title("mug"), "Mug");
        assert_eq!(title(""), "");
    }
}
