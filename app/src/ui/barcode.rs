//! Customer codes that a scanner reads: QR and Code 128, drawn as SVG on both sides of the wire.
//!
//! Both are black on white in every theme: the component draws its own white ground and quiet zone, so that no page can
//! put a scanner off. Their name is an `aria-label`: a `<title>` that a browser's island makes would be HTML's, not SVG's.

use barcoders::sym::code128::Code128 as Encoder;
use leptos::prelude::*;
use qrcodegen::{QrCode as Matrix, QrCodeEcc};

/// Modules of white around a QR code (ISO/IEC 18004).
const QR_QUIET: u32 = 4;
/// Modules of white on either side of a Code 128 (ISO/IEC 15417).
const CODE128_QUIET: u32 = 10;
/// Height of the bars in modules; the picture is stretched to its box, bars have no height of their own.
const CODE128_HEIGHT: u32 = 48;
/// The longest text that is drawn: more than any code of ours, less than what a phone's screen can show.
const QR_MAX_BYTES: usize = 1_024;
const CODE128_MAX_CHARS: usize = 80;

/// The black modules of a QR code with error correction M, as one SVG path.
///
/// The first value is the side of the square in modules, quiet zone included. `None` for no text, or for more than fits.
#[must_use]
pub fn qr_path(text: &str) -> Option<(u32, String)> {
    if text.is_empty() || text.len() > QR_MAX_BYTES {
        return None;
    }
    let matrix = Matrix::encode_text(text, QrCodeEcc::Medium).ok()?;
    let size = matrix.size();
    let mut path = String::with_capacity(usize::try_from(size * size).unwrap_or(0) * 4);
    for y in 0..size {
        let row = (0..size).map(|x| matrix.get_module(x, y));
        let top = u32::try_from(y).ok()? + QR_QUIET;
        draw_runs(&mut path, row, QR_QUIET, top, 1);
    }
    Some((u32::try_from(size).ok()? + 2 * QR_QUIET, path))
}

/// The bars of a Code 128 as one SVG path; pairs of digits are written in set C.
///
/// The first value is the width in modules, quiet zones included; the bars are [`code128_height`] modules high. `None` for
/// no text, more than 80 characters, or other than printable ASCII.
#[must_use]
pub fn code128_path(text: &str) -> Option<(u32, String)> {
    let bars = Encoder::new(code128_sets(text)?).ok()?.encode();
    let mut path = String::with_capacity(bars.len() * 8);
    draw_runs(&mut path, bars.iter().map(|&bar| bar == 1), CODE128_QUIET, 0, CODE128_HEIGHT);
    Some((u32::try_from(bars.len()).ok()? + 2 * CODE128_QUIET, path))
}

/// The height that belongs to [`code128_path`]'s width, in modules.
#[must_use]
pub const fn code128_height() -> u32 {
    CODE128_HEIGHT
}

/// Neighbouring dark modules become one rectangle: a smaller page, and no hairlines between modules.
fn draw_runs(path: &mut String, modules: impl Iterator<Item = bool>, left: u32, top: u32, height: u32) {
    let mut run: Option<(u32, u32)> = None;
    // One light module behind the last closes a run that reaches the edge.
    for (x, dark) in (left..).zip(modules.chain(std::iter::once(false))) {
        match (dark, run) {
            (true, Some((start, width))) => run = Some((start, width + 1)),
            (true, None) => run = Some((x, 1)),
            (false, Some((start, width))) => {
                path.push_str(&format!("M{start} {top}h{width}v{height}h-{width}z"));
                run = None;
            }
            (false, None) => {}
        }
    }
}

/// The text with the character sets that the encoder wants spelled out: `Ć` before pairs of digits, `Ɓ` before the rest.
///
/// Set C pays off from four digits at either end and from six in the middle (ISO/IEC 15417, annex E).
fn code128_sets(text: &str) -> Option<String> {
    const SET_B: char = '\u{181}';
    const SET_C: char = '\u{106}';
    if text.is_empty() || text.len() > CODE128_MAX_CHARS || !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return None;
    }
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + 8);
    let mut set = None;
    let mut at = 0;
    let mut switch = |out: &mut String, to: char| {
        if set != Some(to) {
            out.push(to);
            set = Some(to);
        }
    };
    while at < bytes.len() {
        let digits = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
        let at_an_end = at == 0 || at + digits == bytes.len();
        let whole = at == 0 && digits == bytes.len() && digits.is_multiple_of(2);
        if whole || digits >= if at_an_end { 4 } else { 6 } {
            // An odd digit goes first, so that a run at the end ends in set C; at the very start it goes last.
            let odd = digits % 2;
            if odd == 1 && at > 0 {
                switch(&mut out, SET_B);
                out.push(char::from(bytes[at]));
                at += 1;
            }
            switch(&mut out, SET_C);
            out.push_str(&text[at..at + digits - odd]);
            at += digits - odd;
            if odd == 1 && at < bytes.len() && bytes[at].is_ascii_digit() {
                switch(&mut out, SET_B);
                out.push(char::from(bytes[at]));
                at += 1;
            }
        } else {
            switch(&mut out, SET_B);
            let step = digits.max(1);
            out.push_str(&text[at..at + step]);
            at += step;
        }
    }
    Some(out)
}

/// A QR code that follows its text; an empty white square while there is none.
#[component]
pub fn QrCode(#[prop(into)] text: Signal<String>, label: &'static str) -> impl IntoView {
    let drawn = Memo::new(move |_| qr_path(&text.read()).unwrap_or((2 * QR_QUIET + 21, String::new())));
    let view_box = move || drawn.with(|(side, _)| format!("0 0 {side} {side}"));
    view! {
        <svg class="barcode barcode-qr" role="img" aria-label=label viewBox=view_box shape-rendering="crispEdges">
            <rect width="100%" height="100%" fill="#fff" />
            <path fill="#000" d=move || drawn.with(|(_, path)| path.clone()) />
        </svg>
    }
}

/// A Code 128; nothing where the text has none.
#[component]
pub fn Code128(#[prop(into)] text: String, label: &'static str) -> impl IntoView {
    code128_path(&text).map(|(width, path)| {
        view! {
            <svg
                class="barcode barcode-128"
                role="img"
                aria-label=label
                viewBox=format!("0 0 {width} {CODE128_HEIGHT}")
                preserveAspectRatio="none"
                shape-rendering="crispEdges"
            >
                <rect width="100%" height="100%" fill="#fff" />
                <path fill="#000" d=path />
            </svg>
        }
    })
}

#[cfg(test)]
mod tests;
