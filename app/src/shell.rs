//! The document around every page, and the routes.

use domain::Locale;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::{HashedStylesheet, MetaTags, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{ParamSegment, StaticSegment};

use crate::customer::{
    HomePage, MenuPage, NotFoundPage, OffersPage, OfflinePage, ProfilePage, SavingsPage, SignInCodePage, SignInPage,
    WelcomePage,
};
use crate::page::{Page, Theme};

/// Where the offline page lies. The service worker keeps it and shows it for any address when there is no network.
pub const OFFLINE: &str = "/offline";

/// The HTML document. Everything in it that depends on the visitor comes from [`Page`]; no inline script or style of ours.
#[must_use]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let page = Page::here();
    let path = use_context::<http::request::Parts>().map(|parts| parts.uri.path().to_owned()).unwrap_or_default();
    let offline = path == OFFLINE;
    let scripts = if is_office(&path) { office_bundle(&options) } else { options.clone() };
    let (manifest, font, title, description) = match page.locale {
        Locale::En => (
            "/manifest.en.webmanifest",
            "/fonts/onest-latin.woff2",
            "Kava",
            "Your code, your cards and what you have saved at Kava coffee shops.",
        ),
        Locale::Ru => (
            "/manifest.ru.webmanifest",
            "/fonts/onest-cyrillic.woff2",
            "Kava",
            "Ваш код, ваши карты и всё, что вы сэкономили в кофейнях Kava.",
        ),
    };
    // One colour when the customer chose a theme, the system's two when not.
    let colours: &[(&str, Option<&str>)] = match page.theme {
        Theme::Light => &[("#fbf7f1", None)],
        Theme::Dark => &[("#16100e", None)],
        Theme::Auto => {
            &[("#fbf7f1", Some("(prefers-color-scheme: light)")), ("#16100e", Some("(prefers-color-scheme: dark)"))]
        }
    };
    view! {
        <!DOCTYPE html>
        <html
            lang=page.locale.tag()
            data-theme=page.theme.name()
            data-customer=if page.signed_in { "yes" } else { "no" }
            data-shell=offline.then_some("offline")
        >
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
                {colours.iter().map(|&(colour, media)| theme_colour(colour, media)).collect_view()}
                <meta name="description" content=description/>
                <meta name="application-name" content=title/>
                <meta name="apple-mobile-web-app-title" content=title/>
                <meta name="apple-mobile-web-app-capable" content="yes"/>
                <meta name="mobile-web-app-capable" content="yes"/>
                <meta name="format-detection" content="telephone=no"/>
                <link rel="manifest" href=manifest/>
                <link rel="icon" href="/icons/icon.svg" type="image/svg+xml"/>
                <link rel="icon" href="/icons/icon-192.png" sizes="192x192" type="image/png"/>
                <link rel="apple-touch-icon" href="/icons/apple-touch-icon.png"/>
                <link rel="preload" href=font r#as="font" r#type="font/woff2" crossorigin="anonymous"/>
                <HashedStylesheet options id="style"/>
                <HydrationScripts options=scripts islands=true/>
                <script type="module" src="/js/pwa.js" nonce=use_nonce()></script>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// Whether a page is for those who work here; their islands come in a bundle of their own, which no customer downloads.
fn is_office(path: &str) -> bool {
    ["/checkout", "/staff", "/marketing", "/demo"]
        .iter()
        .any(|place| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// The bundle of staff's islands, where the site was built with one; else everything is in the one bundle.
fn office_bundle(options: &LeptosOptions) -> LeptosOptions {
    let hashes = format!("{}/{}/office.txt", options.site_root, options.site_pkg_dir);
    let mut office = options.clone();
    if options.hash_files && std::path::Path::new(&hashes).is_file() {
        office.output_name = "office".into();
        // leptos joins this to its own folder, and joining an absolute path gives that path.
        office.hash_file = hashes.into();
    }
    office
}

fn theme_colour(colour: &'static str, media: Option<&'static str>) -> impl IntoView {
    leptos::html::meta().name("theme-color").content(colour).attr("media", media)
}

/// Everything that is routed. Pages are rendered here, on the server, and whole before they are sent, so that they also work
/// without JavaScript. Only what moves is an `#[island]`, and only islands cost the customer's download.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    {
        let page = Page::here();
        provide_context(page);
        provide_context(page.locale);
    }
    view! {
        <Router>
            <Routes fallback=NotFoundPage>
                <Route path=StaticSegment("") view=HomePage ssr=SsrMode::Async/>
                <Route path=StaticSegment("sign-in") view=SignInPage ssr=SsrMode::Async/>
                <Route path=(StaticSegment("sign-in"), StaticSegment("code")) view=SignInCodePage ssr=SsrMode::Async/>
                <Route path=StaticSegment("welcome") view=WelcomePage ssr=SsrMode::Async/>
                <Route path=StaticSegment("offers") view=OffersPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("menu") view=MenuPage ssr=SsrMode::Async/>
                <Route path=(StaticSegment("menu"), ParamSegment("category")) view=MenuPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("savings") view=SavingsPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("profile") view=ProfilePage ssr=SsrMode::Async/>
                <Route path=StaticSegment("offline") view=OfflinePage ssr=SsrMode::Async/>
                <Route path=StaticSegment("staff") view=crate::checkout::StaffSignInPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("checkout") view=crate::checkout::CheckoutPage ssr=SsrMode::Async/>
                <Route
                    path=(StaticSegment("marketing"), StaticSegment("segments"))
                    view=crate::marketing::SegmentsPage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(StaticSegment("marketing"), StaticSegment("together"))
                    view=crate::marketing::together::TogetherPage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(StaticSegment("marketing"), StaticSegment("offers"))
                    view=crate::marketing::offers::OffersPage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(StaticSegment("demo"), StaticSegment("messages"))
                    view=crate::admin::DemoMessagesPage
                    ssr=SsrMode::Async
                />
            </Routes>
        </Router>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_staff_pages_load_the_staff_bundle() {
        for path in ["/checkout", "/staff", "/marketing/segments", "/demo/messages"] {
            assert!(is_office(path), "{path}");
        }
        for path in ["/", "/sign-in", "/menu/demo", "/staffed", "/offline", "/nothing-here"] {
            assert!(!is_office(path), "{path}");
        }
    }
}
