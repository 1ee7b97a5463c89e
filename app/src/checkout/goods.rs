//! What there is to sell: a search, categories, and large tiles.

use contract::till::{ProductPage, ProductView};
use domain::CustomerCode;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::api;
use super::desk::Desk;
use super::state::{Event, Stage};
use crate::i18n::{Text, tr};
use crate::ui::{Icon, Tile, icon};

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
    let place =
        |product: &ProductView| (product.category_title.clone(), product.category.clone(), product.name.clone());
    first.products.sort_by_cached_key(place);
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
fn Chips(categories: Vec<Category>, category: RwSignal<Option<String>>) -> impl IntoView {
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
    (categories.len() > 1).then(|| {
        view! {
            <div class="chips" role="group" aria-label=tr(CATEGORIES)>
                {chip(None, tr(ALL).to_owned())}
                {categories.into_iter().map(|Category { id, title }| chip(Some(id), title)).collect_view()}
            </div>
        }
    })
}

#[component]
fn ProductButton(desk: Desk, product: ProductView) -> impl IntoView {
    let price = desk.money(product.price);
    let label = format!("{} {}, {price}", tr(ADD), product.name);
    let drawn = drawing(&product);
    let name = product.name.clone();
    let sku = product.sku.clone();
    let in_basket = desk.see(move |counter| match counter.stage {
        // What was sold is in the basket no more.
        Stage::Sold(_) => 0,
        _ => counter.lines.iter().find(|line| line.sku == sku).map_or(0, |line| line.quantity),
    });
    view! {
        <button type="button" class="goods" aria-label=label on:click=move |_| desk.tell(added(product.clone()))>
            <Tile name=drawn/>
            <span class="goods__name">{name}</span>
            <span class="goods__price">{price}</span>
            {move || (in_basket.get() > 0).then(|| view! { <span class="goods__count">{in_basket.get()}</span> })}
        </button>
    }
}

/// What the tile draws. Of goods that nobody drew the tile finds a word in the name, or the plain cup.
fn drawing(product: &ProductView) -> String {
    if product.picture.is_empty() { product.name.to_lowercase() } else { product.picture.clone() }
}

fn added(product: ProductView) -> Event {
    Event::Added { sku: product.sku, name: product.name, price: product.price }
}

/// A part of the catalogue that the cashier may look at alone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Category {
    id: String,
    title: String,
}

/// The categories of products that are in order of their titles.
fn categories(products: &[ProductView]) -> Vec<Category> {
    let mut seen: Vec<Category> = Vec::new();
    for product in products {
        if seen.last().is_none_or(|last| last.id != product.category) {
            seen.push(Category { id: product.category.clone(), title: product.category_title.clone() });
        }
    }
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
    use crate::ui::picture;

    fn product(sku: &str, name: &str, category: &str, picture: &str) -> ProductView {
        ProductView {
            sku: sku.to_owned(),
            name: name.to_owned(),
            category: category.to_lowercase(),
            category_title: category.to_owned(),
            picture: picture.to_owned(),
            price: Amount(100),
        }
    }

    #[test]
    fn a_product_is_drawn_as_well_as_can_be() {
        for (name, drawn, file) in [
            ("Эспрессо", "espresso", "/pictures/espresso.svg"),
            ("GREEN GLASS CANDLE", "", "/pictures/candle.svg"),
            ("Doormat", "", "/pictures/cup.svg"),
        ] {
            assert_eq!(picture(&drawing(&product("85123A", name, "Other", drawn))), file);
        }
    }

    #[test]
    fn tiles_follow_the_text_and_the_category() {
        let first = vec![
            product("eclair", "Éclair", "Cakes", ""),
            product("espresso", "Espresso", "Coffee", ""),
            product("latte", "Latte", "Coffee", ""),
            product("85123A", "Lamp", "Other", ""),
        ];
        let titles: Vec<String> = categories(&first).into_iter().map(|category| category.title).collect();
        assert_eq!(titles, ["Cakes", "Coffee", "Other"]);
        let mut shelf = Shelf { first, found: None, complete: true };
        let skus = |shelf: &Shelf, text, category| {
            shown(shelf, text, category).into_iter().map(|product| product.sku).collect::<Vec<_>>()
        };
        assert_eq!(skus(&shelf, " ÉCL ", None), ["eclair"]);
        assert_eq!(skus(&shelf, "85123a", None), ["85123A"]);
        assert_eq!(skus(&shelf, "", Some("coffee")), ["espresso", "latte"]);
        shelf.found = Some(vec![product("x", "What the shop found", "Cakes", "")]);
        assert_eq!(skus(&shelf, "other words", None), ["x"]);
    }
}
