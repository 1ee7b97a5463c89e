//! The drawings of `public/pictures`: files, so that they cost the download nothing.

use leptos::prelude::*;

/// Every drawing there is. A test holds it equal to the folder.
pub const PICTURES: &[&str] = &[
    "americano",
    "bag",
    "beans",
    "candle",
    "cappuccino",
    "cocoa",
    "cold-brew",
    "cookie",
    "croissant",
    "cup",
    "eclair",
    "espresso",
    "filter",
    "flat-white",
    "gift",
    "home",
    "juice",
    "latte",
    "muffin",
    "mug",
    "salad",
    "sandwich",
    "tea",
    "water",
];

/// Words in the names of categories and products, and the drawing that fits them: the first that occurs counts.
const WORDS: &[(&str, &str)] = &[
    ("croissant", "croissant"),
    ("iced", "cold-brew"),
    ("cold", "cold-brew"),
    ("tonic", "cold-brew"),
    ("latte", "latte"),
    ("raf", "latte"),
    ("white", "flat-white"),
    ("cortado", "flat-white"),
    ("macchiato", "espresso"),
    ("bean", "beans"),
    ("coffee", "cappuccino"),
    ("filter", "filter"),
    ("cocoa", "cocoa"),
    ("chocolate", "cocoa"),
    ("tea", "tea"),
    ("sencha", "tea"),
    ("grey", "tea"),
    ("cup", "mug"),
    ("mug", "mug"),
    ("shop", "mug"),
    ("gift", "gift"),
    ("bag", "bag"),
    ("candle", "candle"),
    ("light", "candle"),
    ("home", "home"),
    ("garden", "home"),
    ("bakery", "croissant"),
    ("bun", "muffin"),
    ("cake", "muffin"),
    ("muffin", "muffin"),
    ("sandwich", "sandwich"),
    ("wrap", "sandwich"),
    ("lunch", "sandwich"),
    ("soup", "salad"),
    ("salad", "salad"),
    ("granola", "salad"),
    ("lemonade", "juice"),
    ("juice", "juice"),
    ("water", "water"),
    ("eclair", "eclair"),
    ("cookie", "cookie"),
];

/// Where the drawing for a name lies: the one of this name, else one that fits a word in it, else the plain cup.
#[must_use]
pub fn picture(name: &str) -> String {
    let fitting = || WORDS.iter().find(|(word, _)| name.contains(word)).map_or("cup", |&(_, drawing)| drawing);
    let name = if PICTURES.contains(&name) { name } else { fitting() };
    format!("/pictures/{name}.svg")
}

/// A drawing on a tinted ground. The tint follows the name, so that a product keeps its own.
#[component]
pub fn Tile(#[prop(into)] name: String, #[prop(optional)] small: bool) -> impl IntoView {
    let tint = name.bytes().fold(0_usize, |sum, byte| sum + usize::from(byte)) % 4 + 1;
    let class = format!("tile tile--{tint}{}", if small { " tile--small" } else { "" });
    view! { <span class=class><img src=picture(&name) alt="" width="96" height="96" loading="lazy"/></span> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_drawing_exists_and_the_other_way_round() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../public/pictures");
        let mut drawn: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".svg", ""))
            .collect();
        drawn.sort();
        assert_eq!(drawn, PICTURES);
        assert!(WORDS.iter().all(|(_, drawing)| PICTURES.contains(drawing)));
    }

    #[test]
    fn a_foreign_name_is_never_a_path() {
        assert_eq!(picture("../../etc/passwd"), "/pictures/cup.svg");
        assert_eq!(picture("tea"), "/pictures/tea.svg");
        assert_eq!(picture("almond-croissant"), "/pictures/croissant.svg");
    }
}
