//! How customers are divided, as a plain form that works without JavaScript; and where they come from.

use contract::marketing::{ProspectsSummary, Registered, WayIn};
use domain::segment::Division;
use domain::{Locale, SegmentMethod};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

use super::api::{BeginFit, Divide};
use super::section::TableSection;
use super::state::{count, decimal};
use crate::i18n::{Text, tr, use_locale};
use crate::ui::barcode::QrCode;
use crate::ui::{SubmitButton, TextField};

const TITLE: Text = Text::new("How customers are divided", "Как делить гостей");
const HINT: Text = Text::new(
    "Counts from the next fit on, which is made every night. Until then the segments in use stay.",
    "Действует со следующего построения; оно идёт каждую ночь. До него сегменты прежние.",
);
const METHOD: Text = Text::new("Method", "Способ");
const COUNT: Text = Text::new("Segments", "Сегментов");
const COUNT_HINT: Text = Text::new(
    "Of everybody; empty is as many as the customers show.",
    "Если делить всех; пусто: сколько видно по гостям.",
);
const SAVE: Text = Text::new("Save", "Сохранить");
const FIT: Text = Text::new("Fit now", "Построить сейчас");
const WAYS: Text = Text::new("Where newcomers come from", "Откуда приходят новые гости");
const STORE: Text = Text::new("Store", "Магазин");
const LINK: Text = Text::new("Link for posters", "Ссылка для плакатов");
const REGISTERED: Text = Text::new("Registered", "Зарегистрировались");
const BOUGHT: Text = Text::new("Bought since", "Из них купили");
const INVITED: Text = Text::new("Invited by a guest", "По приглашению гостя");
const SHOW_QR: Text = Text::new("QR code", "QR-код");
const QR: Text = Text::new("QR code of the link", "QR-код ссылки");
const NO_PROSPECTS: Text = Text::new(
    "Where customers came from does not tell yet what they become, so newcomers are one segment.",
    "Откуда гость пришёл, пока не говорит о том, кем он станет, поэтому новички: один сегмент.",
);

const fn method_words(method: SegmentMethod) -> Text {
    match method {
        SegmentMethod::KMeans => Text::new("Divide everybody (K-Means)", "Делить всех (K-Means)"),
        SegmentMethod::Dbscan => {
            Text::new("Crowds, and who stands apart (DBSCAN)", "Скопления, и кто сам по себе (DBSCAN)")
        }
    }
}

#[component]
pub fn DivisionForm(division: Division, is_fitting: bool) -> impl IntoView {
    let locale = use_locale();
    let options = SegmentMethod::ALL.map(|method| {
        view! { <option value=method.as_str() selected=method == division.method>{method_words(method).of(locale)}</option> }
    });
    let segments = division.segments.map(|segments| segments.to_string()).unwrap_or_default();
    view! {
        <section class="stack" aria-labelledby="division-title">
            <h2 id="division-title">{tr(TITLE)}</h2>
            <p class="soft">{tr(HINT)}</p>
            <form method="post" action=Divide::url() class="panel stack terms">
                <div class="terms__row">
                    <div class="field">
                        <label class="field__label" for="method">{tr(METHOD)}</label>
                        <select class="field__input" id="method" name="method">{options.collect_view()}</select>
                    </div>
                    <TextField label=tr(COUNT) name="count" value=segments hint=tr(COUNT_HINT) inputmode="numeric" maxlength=2/>
                </div>
                <div><SubmitButton label=tr(SAVE)/></div>
            </form>
            {(!is_fitting).then(|| view! {
                <form method="post" action=BeginFit::url() class="row">
                    <button class="button button--small button--quiet" type="submit">{tr(FIT)}</button>
                </form>
            })}
        </section>
    }
}

/// `origin` is where the shop is, so that a link can be printed.
#[component]
pub fn WaysIn(
    ways_in: Vec<WayIn>,
    invited: Registered,
    #[prop(optional_no_strip)] prospects: Option<ProspectsSummary>,
    origin: String,
) -> impl IntoView {
    let locale = use_locale();
    let heads = vec![(STORE, ""), (LINK, ""), (REGISTERED, "num"), (BOUGHT, "num")];
    let hint = prospects.map_or_else(|| tr(NO_PROSPECTS).to_owned(), |prospects| foretold(&prospects, locale));
    let row = move |name: String, link: Option<String>, registered: Registered| {
        let link = link.map(|link| {
            view! {
                <a href=link.clone() rel="external">{link.clone()}</a>
                <details class="poster">
                    <summary>{tr(SHOW_QR)}</summary>
                    <QrCode text=link label=tr(QR)/>
                </details>
            }
        });
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td>{link}</td>
                <td class="num">{count(registered.customers, locale)}</td>
                <td class="num">{count(registered.bought, locale)}</td>
            </tr>
        }
    };
    let stores = ways_in.into_iter().map(|way| row(way.store, Some(format!("{origin}{}", way.path)), way.registered));
    let rows = stores.collect_view();
    let invited = row(tr(INVITED).to_owned(), None, invited);
    view! { <TableSection id="ways" title=WAYS hint heads>{rows}{invited}</TableSection> }
}

fn foretold(prospects: &ProspectsSummary, locale: Locale) -> String {
    let (customers, times) = (count(prospects.customers, locale), decimal(prospects.times, 2, locale));
    match locale {
        Locale::En => format!(
            "Store, hour and invitation of {customers} customers say what newcomers are likely to become: the segment that customers came to \
             was held {times} times as likely as by its size."
        ),
        Locale::Ru => format!(
            "Магазин, час и приглашение ({customers} {}) подсказывают, кем станут новички: верный сегмент считался вероятным в {times} раза \
             сильнее, чем по его размеру.",
            locale.plural(prospects.customers, ["гость", "гостя", "гостей"])
        ),
    }
}
