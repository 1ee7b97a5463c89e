//! The drawings of `public/pictures`: files, so that they cost the download nothing.

use leptos::prelude::*;

/// Every drawing there is. A test holds it equal to the folder.
pub const PICTURES: &[&str] = &[
    "americano", "bag", "beans", "candle", "cappuccino", "cocoa", "cold-brew", "cookie", "croissant", "cup", "eclair",
    "espresso", "filter", "flat-white", "gift", "home", "juice", "latte", "mug", "muffin", "salad", "sandwich", "tea",
    "water",
];

/// Where a drawing lies. A name that nobody drew gets the plain cup.
#[must_use]
pub fn picture(name: &str) -> String {
    let name = if PICTURES.contains(&name) { name } else { "cup" };
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
    }

    #[test]
    fn a_foreign_name_is_never_a_path() {
        assert_eq!(picture("../../etc/passwd"), "/pictures/cup.svg");
        assert_eq!(picture("tea"), "/pictures/tea.svg");
    }
}
