//! A table of the dashboards with its title and what it says: scrolls by itself where it is wider than the screen.

use leptos::prelude::*;

use crate::i18n::{Text, tr};

/// `children` are the rows.
#[component]
pub fn TableSection(
    /// Unique on the page; the title's id is made of it.
    id: &'static str,
    title: Text,
    #[prop(optional, into)] hint: String,
    /// Column by column: what it is called, and its class.
    heads: Vec<(Text, &'static str)>,
    children: Children,
) -> impl IntoView {
    let title_id = format!("{id}-title");
    let heads = heads.into_iter().map(|(head, class)| view! { <th scope="col" class=class>{tr(head)}</th> });
    view! {
        <section class="stack" aria-labelledby=title_id.clone()>
            <h2 id=title_id.clone()>{tr(title)}</h2>
            {(!hint.is_empty()).then(|| view! { <p class="soft">{hint}</p> })}
            <div class="panel panel--flush">
                <div class="table-wrap" role="region" aria-labelledby=title_id.clone() tabindex="0">
                    <table class="table"><thead><tr>{heads.collect_view()}</tr></thead><tbody>{children()}</tbody></table>
                </div>
            </div>
        </section>
    }
}
