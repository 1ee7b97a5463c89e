//! Icons on a 24 px grid, stroked in the colour of the text, and the logo.

use leptos::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    Code,
    Offers,
    Menu,
    Savings,
    Profile,
    Back,
    Forward,
    Check,
    Alert,
    Info,
    Offline,
    Install,
    Leave,
    Plus,
    Minus,
    Close,
    Search,
    Camera,
    Globe,
    Moon,
    Clock,
    Receipt,
    Group,
}

impl Icon {
    const fn path(self) -> &'static str {
        match self {
            Self::Code => {
                "M4 8V5a1 1 0 0 1 1-1h3M16 4h3a1 1 0 0 1 1 1v3M20 16v3a1 1 0 0 1-1 1h-3M8 20H5a1 1 0 0 1-1-1v-3M8 8v8M12 8v8M16 8v8"
            }
            Self::Offers => "M4 12V5a1 1 0 0 1 1-1h7l8 8-8 8zM8.5 8.5h.01",
            Self::Menu => {
                "M5 8h11v6a5 5 0 0 1-5 5h-1a5 5 0 0 1-5-5zM16 9.500h1.500a2.500 2.500 0 0 1 0 5H16M8 3v2M12 3v2"
            }
            Self::Savings => {
                "M12 20c-4.500 0-7.500-3-7.500-7C4.500 8 8 4.500 19.500 4.500 19.500 15 17 20 12 20zM4.500 20c2-4.500 5-7.500 9-9.500"
            }
            Self::Profile => {
                "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20.500c.8-3.800 3.700-5.500 7.500-5.500s6.700 1.700 7.500 5.500"
            }
            Self::Back => "M14.500 5.500 8 12l6.500 6.500",
            Self::Forward => "M9.500 5.500 16 12l-6.500 6.500",
            Self::Check => "m5 12.500 4.500 4.500L19 7.500",
            Self::Alert => {
                "M12 8.500v4.500M12 16.500h.01M10.300 4 2.800 17a2 2 0 0 0 1.700 3h15a2 2 0 0 0 1.700-3L13.700 4a2 2 0 0 0-3.400 0z"
            }
            Self::Info => "M12 11v5M12 8h.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
            Self::Offline => {
                "m3 3 18 18M8.500 15.500a5 5 0 0 1 6-.8M5.500 12a9 9 0 0 1 4-2.300M2.500 8.500a14 14 0 0 1 4-2.500M13 9.500a9 9 0 0 1 5.500 2.500M11 5a14 14 0 0 1 10.500 3.500M12 19h.01"
            }
            Self::Install => "M12 4v11m0 0 4-4m-4 4-4-4M5 20h14",
            Self::Leave => {
                "M14 8V5a1 1 0 0 0-1-1H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h7a1 1 0 0 0 1-1v-3M10 12h10m0 0-3-3m3 3-3 3"
            }
            Self::Plus => "M12 5v14M5 12h14",
            Self::Minus => "M5 12h14",
            Self::Close => "m6 6 12 12M18 6 6 18",
            Self::Search => "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20 20l-4-4",
            Self::Camera => {
                "M4 8h3l1.500-3h7L17 8h3a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1zM12 16.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z"
            }
            Self::Globe => {
                "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c3 3 3.500 6 3.500 9s-.5 6-3.500 9c-3-3-3.500-6-3.500-9S9 6 12 3z"
            }
            Self::Moon => "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z",
            Self::Clock => "M12 7v5l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
            Self::Receipt => {
                "M6 3.500h12v17l-2.500-1.500-2 1.500-1.500-1.500-2 1.500-1.500-1.500L6 20.500zM9 8h6M9 12h6"
            }
            Self::Group => {
                "M9 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM2.500 19.500C3 16 5.500 14.500 9 14.500s6 1.500 6.500 5M16 5a3.500 3.500 0 0 1 0 6.500M18 15c2 .6 3.200 2 3.500 4.500"
            }
        }
    }
}

/// A drawing beside words; it says nothing by itself.
#[must_use]
pub fn icon(shape: Icon) -> impl IntoView {
    view! { <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=shape.path()></path></svg> }
}

/// Two coffee cherries on a twig that make a K.
#[component]
pub fn Logo() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 64 64" aria-hidden="true">
            <path class="logo__ground" d="M0 20A20 20 0 0 1 20 0h24a20 20 0 0 1 20 20v24a20 20 0 0 1-20 20H20A20 20 0 0 1 0 44z"></path>
            <path class="logo__twig" d="M19 14v36M19 33c5 0 9-3 12-8M19 33c6 0 10 3 13 7"></path>
            <circle class="logo__cherry" cx="39" cy="20" r="9"></circle>
            <circle class="logo__cherry" cx="40" cy="45" r="9"></circle>
            <path class="logo__leaf" d="M34 35c5-4 12-4 17-1-5 3-12 4-17 1z"></path>
        </svg>
    }
}
