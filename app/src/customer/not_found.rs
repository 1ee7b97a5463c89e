//! The page for an address that we do not know; the status is 404.

use leptos::prelude::*;
use leptos_meta::Title;

use super::frame::Frame;
use crate::i18n::{Text, tr};
use crate::ui::EmptyState;

const TITLE: Text = Text::new("Nothing brewing here", "Здесь ничего не варится");
const LEAD: Text = Text::new("This page does not exist, or it has moved.", "Такой страницы нет, или она переехала.");
const HOME: Text = Text::new("To the home page", "На главную");

#[component]
pub fn NotFoundPage() -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    view! {
        <Title text=format!("{} · Kava", tr(TITLE))/>
        <Frame>
            <EmptyState picture_name="cup" title=tr(TITLE) text=tr(LEAD) heading=1>
                <a class="button" href="/">{tr(HOME)}</a>
            </EmptyState>
        </Frame>
    }
}
