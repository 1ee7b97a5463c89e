//! `/menu` and `/menu/:category`

use contract::Refusal;
use contract::customer::{Menu, MenuProduct};
use domain::Currency;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::api::load_menu;
use super::state::{address, page_number};
use crate::customer::frame::Frame;
use crate::fault::{Answer, words};
use crate::i18n::{Text, tr, use_locale};
use crate::ui::{EmptyState, Icon, Tile, icon, loaded};

const TITLE: Text = Text::new("Menu", "Меню");
const LEAD: Text = Text::new("What is on the shelf today.", "Что сегодня на полке.");
const CATEGORIES: Text = Text::new("Parts of the menu", "Разделы меню");
const THINGS: [Text; 3] =
    [Text::new("thing", "позиция"), Text::new("things", "позиции"), Text::new("things", "позиций")];
const YOURS: Text = Text::new("your price", "ваша цена");
const INSTEAD: Text = Text::new("instead of", "вместо");
const EMPTY: Text = Text::new("The shelf is empty", "Полка пуста");
const EMPTY_LEAD: Text = Text::new("Nothing is on the menu here just now.", "Сейчас здесь ничего нет.");
const ALL: Text = Text::new("The whole menu", "Всё меню");
const PAGES: Text = Text::new("Pages", "Страницы");
const PREVIOUS: Text = Text::new("Previous", "Назад");
const NEXT: Text = Text::new("Next", "Дальше");
const OF: Text = Text::new("of", "из");

#[component]
pub fn MenuPage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let asked = Memo::new(move |_| (params.read().get("category"), page_number(query.read().get_str("page"))));
    let answer = Resource::new(move || asked.get(), |(category, page)| load_menu(category, page));
    view! {
        <Frame><div class="page">{loaded(answer, skeleton, show)}</div></Frame>
    }
}

/// What the page is called: the whole menu, or the part of it that the address names.
fn head(title: String) -> AnyView {
    view! {
        <Title text=format!("{title} · Kava")/>
        <div class="page__head"><h1>{title}</h1><p>{tr(LEAD)}</p></div>
    }
    .into_any()
}

fn skeleton() -> AnyView {
    view! {
        <div class="page" aria-busy="true">
            <div class="skeleton skeleton--title"></div>
            <div class="grid products">
                {(0..6).map(|_| view! { <div class="skeleton skeleton--product"></div> }).collect_view()}
            </div>
        </div>
    }
    .into_any()
}

fn show(answer: Answer<Menu>) -> AnyView {
    match answer {
        Ok(menu) => show_menu(menu),
        Err(refusal) => show_refusal(&refusal),
    }
}

fn show_refusal(refusal: &Refusal) -> AnyView {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    let words = words(refusal, use_locale());
    view! {
        {head(tr(TITLE).to_owned())}
        <div class="empty"><p>{words}</p><a class="button" href="/menu">{tr(ALL)}</a></div>
    }
    .into_any()
}

fn show_menu(menu: Menu) -> AnyView {
    let locale = use_locale();
    let here = menu.category.clone();
    let asked = use_params_map().read_untracked().get("category");
    let named = menu.categories.iter().find(|category| Some(&category.id) == asked.as_ref());
    let head = head(named.map_or_else(|| tr(TITLE).to_owned(), |category| category.title.clone()));
    let chips = menu.categories.iter().map(|category| {
        let current = (Some(&category.id) == here.as_ref()).then_some("page");
        view! { <a class="chip" href=address(&category.id, 1) aria-current=current>{category.title.clone()}</a> }
    });
    let chips = view! { <nav class="chips" aria-label=tr(CATEGORIES)>{chips.collect_view()}</nav> };
    let body = match &here {
        None if !menu.categories.is_empty() && menu.products.is_empty() => {
            let tiles = menu.categories.iter().map(|category| {
                let count = locale.plural(u64::from(category.products), THINGS.map(|text| text.of(locale)));
                view! {
                    <li>
                        <a class="panel panel--flush category" href=address(&category.id, 1)>
                            <Tile name=category.id.clone()/>
                            <span class="category__words">
                                <strong>{category.title.clone()}</strong>
                                <span class="soft">{category.products}" "{count}</span>
                            </span>
                        </a>
                    </li>
                }
            });
            view! { <ul class="grid categories">{tiles.collect_view()}</ul> }.into_any()
        }
        _ if menu.products.is_empty() => {
            view! { <EmptyState picture_name="cup" title=tr(EMPTY) text=tr(EMPTY_LEAD)/> }.into_any()
        }
        _ => {
            let category = here.clone().unwrap_or_default();
            let products = menu.products.into_iter().map(|product| show_product(product, &category, menu.currency));
            view! { <ul class="grid products">{products.collect_view()}</ul> }.into_any()
        }
    };
    let pages = here.filter(|_| menu.pages > 1).map(|category| show_pages(&category, menu.page, menu.pages));
    view! { {head}{chips}{body}{pages} }.into_any()
}

fn show_product(product: MenuProduct, category: &str, currency: Currency) -> AnyView {
    let locale = use_locale();
    let picture = match product.picture.as_str() {
        "" => category.to_owned(),
        name => name.to_owned(),
    };
    let shelf = product.price.display(currency, locale);
    let price = match product.your_price.filter(|yours| *yours < product.price) {
        Some(yours) => view! {
            <p class="price price--yours">
                <span class="price__now">{yours.display(currency, locale)}</span>
                <span class="visually-hidden">" "{tr(INSTEAD)}" "</span>
                <s class="price__was">{shelf}</s>
                <span class="badge badge--accent">{tr(YOURS)}</span>
            </p>
        }
        .into_any(),
        None => view! { <p class="price"><span class="price__now">{shelf}</span></p> }.into_any(),
    };
    view! {
        <li class="panel panel--flush product">
            <Tile name=picture/>
            <div class="product__words">
                <h2>{product.name}</h2>
                {(!product.description.is_empty()).then(|| view! { <p class="soft">{product.description}</p> })}
                {price}
            </div>
        </li>
    }
    .into_any()
}

fn show_pages(category: &str, page: u32, pages: u32) -> AnyView {
    let previous = (page > 1).then(|| view! {
        <a class="button button--small" rel="prev" href=address(category, page - 1)>{icon(Icon::Back)}{tr(PREVIOUS)}</a>
    });
    let next = (page < pages).then(|| view! {
        <a class="button button--small" rel="next" href=address(category, page + 1)>{tr(NEXT)}{icon(Icon::Forward)}</a>
    });
    view! {
        <nav class="row pages" aria-label=tr(PAGES)>
            {previous}
            <span class="soft">{page}" "{tr(OF)}" "{pages}</span>
            {next}
        </nav>
    }
    .into_any()
}
