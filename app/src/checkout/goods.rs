//! What there is to sell: a search, categories, and large tiles.

use contract::till::{ProductPage, ProductView};
use domain::CustomerCode;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::desk::Desk;
use super::state::{Event, Stage};
use super::{api, words};
use crate::i18n::{Text, tr};
use crate::ui::picture::{PICTURES, Tile};
use crate::ui::{Icon, icon};

const TITLE: Text = Text::new("Products", "Товары");
const SEARCH: Text = Text::new("Search products", "Поиск товаров");
const CATEGORIES: Text = Text::new("Categories", "Категории");
const ALL: Text = Text::new("All", "Все");
const NOTHING: Text = Text::new("Nothing is called that.", "Ничего с таким названием.");
const MORE: Text = Text::new("There is more: search by name or number.", "Это не всё: ищите по названию или номеру.");
const ADD: Text = Text::new("Add", "Добавить");
const EMPTY: Text = Text::new("The catalogue is empty.", "Каталог пуст.");

/// The most tiles that are drawn at once; a search narrows the rest.
const SHOWN: usize = 120;

/// What the panel shows; `complete` catalogues are filtered here, others are searched at the shop.
#[derive(Clone, PartialEq)]
struct Shelf {
    first: Vec<ProductView>,
    /// What the shop found for the text, if it was asked.
    found: Option<Vec<ProductView>>,
    complete: bool,
}

#[component]
pub fn Goods(desk: Desk, mut first: ProductPage) -> impl IntoView {
    first.products.sort_by(|a, b| a.category.cmp(&b.category).then_with(|| a.name.cmp(&b.name)));
    let categories = categories(&first.products);
    let empty = first.products.is_empty();
    let shelf = RwSignal::new(Shelf { complete: first.next.is_none(), first: first.products, found: None });
    let text = RwSignal::new(String::new());
    let category = RwSignal::new(None::<String>);
    // While the money is taken the basket stays as it is.
    let paying = desk.see(|counter| matches!(counter.stage, Stage::Paying(_) | Stage::Cancelling { .. }));
    // Answers to older searches are dropped.
    let search = StoredValue::new(0_u32);
    let typed = move |event: leptos::ev::Event| {
        text.set(event_target_value(&event));
        let wanted = text.with_untracked(|text| text.trim().to_owned());
        search.update_value(|number| *number += 1);
        if shelf.with_untracked(|shelf| shelf.complete) || wanted.chars().count() < 2 {
            shelf.update(|shelf| shelf.found = None);
            return;
        }
        let number = search.get_value();
        spawn_local(async move {
            let answer = api::search_products(wanted).await;
            if search.try_get_value() == Some(number)
                && let Ok(Ok(page)) = answer
            {
                shelf.update(|shelf| shelf.found = Some(page.products));
            }
        });
    };
    let shown = Memo::new(move |_| shelf.with(|shelf| shown(shelf, &text.read(), category.read().as_deref())));
    // A scanner that types into the search is still a scanner; otherwise Enter takes the only hit.
    let entered = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let typed = text.get_untracked();
        if CustomerCode::parse(&typed).is_ok() {
            desk.tell(Event::CodeEntered(typed));
            text.set(String::new());
        } else if let [only] = &shown.get_untracked()[..] {
            desk.tell(added(only.clone()));
            text.set(String::new());
        }
    };
    view! {
        <section class="till__goods" aria-labelledby="goods-title" prop:inert=move || paying.get()>
            <h2 class="visually-hidden" id="goods-title">{tr(TITLE)}</h2>
            <div class="till__find">
                <form class="till__search" role="search" on:submit=entered>
                    {icon(Icon::Search)}
                    <input
                        class="field__input"
                        type="search"
                        name="product"
                        aria-label=tr(SEARCH)
                        placeholder=tr(SEARCH)
                        autocomplete="off"
                        maxlength="100"
                        prop:value=move || text.get()
                        on:input=typed
                    />
                </form>
                <Chips categories category/>
            </div>
            <ul class="till__tiles">
                <For each=move || shown.get() key=|product| product.sku.clone() let:product>
                    <li><ProductButton desk product/></li>
                </For>
            </ul>
            <p class="soft" role="status">
                {move || {
                    let complete = shelf.with(|shelf| shelf.complete);
                    let none = shown.with(Vec::is_empty);
                    match (none, empty) {
                        (_, true) => tr(EMPTY),
                        (true, false) => tr(NOTHING),
                        (false, false) if !complete && text.with(String::is_empty) => tr(MORE),
                        (false, false) => "",
                    }
                }}
            </p>
        </section>
    }
}

#[component]
fn Chips(categories: Vec<String>, category: RwSignal<Option<String>>) -> impl IntoView {
    let chip = move |id: Option<String>, words: String| {
        let this = id.clone();
        view! {
            <button
                type="button"
                class="chip"
                aria-pressed=move || (category.get() == this).to_string()
                on:click=move |_| category.set(id.clone())
            >
                {words}
            </button>
        }
    };
    (categories.len() > 1).then(|| view! {
        <div class="chips" role="group" aria-label=tr(CATEGORIES)>
            {chip(None, tr(ALL).to_owned())}
            {categories.into_iter().map(|id| { let words = words::category(&id); chip(Some(id), words) }).collect_view()}
        </div>
    })
}

#[component]
fn ProductButton(desk: Desk, product: ProductView) -> impl IntoView {
    let price = desk.money(product.price);
    let label = format!("{} {}, {price}", tr(ADD), product.name);
    let drawn = drawing(&product.sku, &product.category, &product.name);
    let name = product.name.clone();
    let sku = product.sku.clone();
    let in_basket =
        desk.see(move |counter| counter.lines.iter().find(|line| line.sku == sku).map_or(0, |line| line.quantity));
    view! {
        <button type="button" class="goods" aria-label=label on:click=move |_| desk.tell(added(product.clone()))>
            <Tile name=drawn/>
            <span class="goods__name">{name}</span>
            <span class="goods__price">{price}</span>
            {move || (in_basket.get() > 0).then(|| view! { <span class="goods__count">{in_basket.get()}</span> })}
        </button>
    }
}

/// What the tile draws: the product, else its category. Of goods that nobody drew the tile finds a word in the name, or the
/// plain cup.
fn drawing(sku: &str, category: &str, name: &str) -> String {
    let drawn = |name: &str| PICTURES.iter().find(|picture| **picture == name).copied();
    let of_category = match category {
        "coffee" => Some("latte"),
        "bakery" => Some("muffin"),
        "beans" => Some("bag"),
        "cold" => Some("juice"),
        "lunch" => Some("sandwich"),
        "shop" => Some("gift"),
        "tea" => Some("tea"),
        _ => None,
    };
    let found = drawn(sku).or_else(|| sku.rsplit('-').find_map(drawn)).or(of_category);
    found.map_or_else(|| name.to_lowercase(), str::to_owned)
}

fn added(product: ProductView) -> Event {
    Event::Added { sku: product.sku, name: product.name, price: product.price }
}

fn categories(products: &[ProductView]) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for product in products {
        if !product.category.is_empty() && !seen.contains(&product.category) {
            seen.push(product.category.clone());
        }
    }
    seen.sort();
    seen
}

fn shown(shelf: &Shelf, text: &str, category: Option<&str>) -> Vec<ProductView> {
    let text = text.trim().to_lowercase();
    let fits = |product: &&ProductView| {
        let named = text.is_empty()
            || product.name.to_lowercase().contains(&text)
            || product.sku.to_lowercase().contains(&text);
        // What the shop found by its own rules is not filtered by text a second time.
        (named || shelf.found.is_some()) && category.is_none_or(|category| product.category == category)
    };
    shelf.found.as_ref().unwrap_or(&shelf.first).iter().filter(fits).take(SHOWN).cloned().collect()
}

#[cfg(test)]
mod tests {
    use domain::Amount;

    use super::*;
    use crate::ui::picture::picture;

    fn product(sku: &str, name: &str, category: &str) -> ProductView {
        ProductView { sku: sku.to_owned(), name: name.to_owned(), category: category.to_owned(), price: Amount(100) }
    }

    #[test]
    fn a_product_is_drawn_as_well_as_can_be() {
        let file = |sku, category, name| picture(&drawing(sku, category, name));
        assert_eq!(file("espresso", "coffee", "Espresso"), "/pictures/espresso.svg");
        assert_eq!(file("almond-croissant", "bakery", "Almond croissant"), "/pictures/croissant.svg");
        assert_eq!(file("cortado", "coffee", "Cortado"), "/pictures/latte.svg");
        assert_eq!(file("85123A", "other", "GREEN GLASS CANDLE"), "/pictures/candle.svg");
        assert_eq!(file("85123B", "", "Doormat"), "/pictures/cup.svg");
        for category in ["coffee", "bakery", "beans", "cold", "lunch", "shop", "tea"] {
            assert!(PICTURES.contains(&drawing("", category, "").as_str()));
        }
    }

    #[test]
    fn tiles_follow_the_text_and_the_category() {
        let first = vec![
            product("espresso", "Espresso", "coffee"),
            product("eclair", "Éclair", "cakes"),
            product("85123A", "Lamp", ""),
        ];
        assert_eq!(categories(&first), ["cakes", "coffee"]);
        let mut shelf = Shelf { first, found: None, complete: true };
        let skus = |shelf: &Shelf, text, category| {
            shown(shelf, text, category).into_iter().map(|product| product.sku).collect::<Vec<_>>()
        };
        assert_eq!(skus(&shelf, " ÉCL ", None), ["eclair"]);
        assert_eq!(skus(&shelf, "85123a", None), ["85123A"]);
        assert_eq!(skus(&shelf, "", Some("coffee")), ["espresso"]);
        shelf.found = Some(vec![product("x", "What the shop found", "cakes")]);
        assert_eq!(skus(&shelf, "other words", None), ["x"]);
    }
}
