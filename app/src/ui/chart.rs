//! Charts as SVG, drawn on the server: no script, printable, and readable aloud.
//!
//! Words and figures are HTML or unscaled SVG text, so that they stay legible at any width; only shapes are stretched.
//! Colours are classes (`tone-1` to `tone-6`), never attributes, so that both themes have their own. Each chart comes with
//! words that say what it shows; the figures themselves stand beside it or in the page's table.

use leptos::prelude::*;

/// How many colours there are; further series share the last one, which is quiet.
pub const TONES: usize = 6;

/// One bar of a [`BarChart`].
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub label: String,
    /// Any finite number; negative bars grow to the left of the zero line.
    pub value: f64,
    /// The value in words of the reader's locale.
    pub text: String,
}

/// One circle of a [`BubbleChart`]; its number stands in the circle and in the legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Bubble {
    pub label: String,
    pub x: f64,
    pub y: f64,
    /// The area's measure.
    pub size: f64,
    /// What the circle's tooltip says.
    pub text: String,
}

/// One bar of a [`StackChart`]: parts of a whole, each with the index of its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    pub label: String,
    /// Series index, share of the whole (0 to 1), and the share in words.
    pub parts: Vec<(usize, f64, String)>,
}

/// An axis that gives small numbers room: positions follow `ln(1 + value)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    max: f64,
}

impl Axis {
    /// Reaches from zero to the largest finite value.
    #[must_use]
    pub fn over(values: impl Iterator<Item = f64>) -> Self {
        let max = values.filter(|value| value.is_finite()).fold(1.0, f64::max);
        Self { max }
    }

    /// 0 to 1; what is no number, or below zero, stands at the start.
    #[must_use]
    pub fn place(self, value: f64) -> f64 {
        let value = if value.is_finite() { value.clamp(0.0, self.max) } else { 0.0 };
        value.ln_1p() / self.max.ln_1p()
    }

    /// The round numbers that fit the axis and do not crowd it.
    #[must_use]
    pub fn ticks(self) -> Vec<u32> {
        const ROUND: [u32; 14] = [0, 1, 3, 7, 14, 30, 90, 180, 365, 1_000, 3_000, 10_000, 100_000, 1_000_000];
        let mut ticks: Vec<u32> = Vec::new();
        for tick in ROUND {
            let place = self.place(f64::from(tick));
            let apart = ticks.last().is_none_or(|&last| place - self.place(f64::from(last)) >= 0.1);
            if f64::from(tick) <= self.max && apart {
                ticks.push(tick);
            }
        }
        ticks
    }
}

/// Where a bar begins and how long it is, in hundredths of the track, with the zero line where the data puts it.
#[must_use]
pub fn bar_geometry(values: &[f64]) -> Vec<(f64, f64)> {
    let clean = |value: f64| if value.is_finite() { value } else { 0.0 };
    let top = values.iter().copied().map(clean).fold(0.0, f64::max);
    let bottom = values.iter().copied().map(clean).fold(0.0, f64::min);
    let span = top - bottom;
    let percent = |value: f64| if span > 0.0 { 100.0 * (value / span) } else { 0.0 };
    let bar = |value: f64| (percent(clean(value).min(0.0) - bottom), percent(clean(value).abs()));
    values.iter().copied().map(bar).collect()
}

fn number(value: f64) -> String {
    format!("{value:.2}")
}

fn tone(index: usize) -> String {
    format!("tone-{}", index.min(TONES - 1) + 1)
}

#[component]
pub fn BarChart(#[prop(into)] title: String, #[prop(into)] description: String, bars: Vec<Bar>) -> impl IntoView {
    let geometry = bar_geometry(&bars.iter().map(|bar| bar.value).collect::<Vec<_>>());
    let rows = bars.into_iter().zip(geometry).map(|(bar, (start, length))| {
        let below = bar.value < 0.0;
        view! {
            <li class="bars__row">
                <span class="bars__label">{bar.label}</span>
                <svg class="bars__track" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                    <rect
                        class=if below { "bars__bar bars__bar--below" } else { "bars__bar" }
                        x=number(start)
                        y="0"
                        width=number(length)
                        height="10"
                    />
                </svg>
                <span class="bars__text">{bar.text}</span>
            </li>
        }
    });
    let rows = rows.collect_view();
    view! {
        <figure class="chart">
            <figcaption class="chart__head"><h2>{title}</h2><p class="soft">{description}</p></figcaption>
            <ul class="bars">{rows}</ul>
        </figure>
    }
}

/// Circles over two axes. `x_title` and `y_title` name the axes; the legend lists the circles by number.
#[component]
pub fn BubbleChart(
    #[prop(into)] title: String,
    #[prop(into)] description: String,
    x_title: &'static str,
    y_title: &'static str,
    bubbles: Vec<Bubble>,
) -> impl IntoView {
    // The plot's inside, in per cent of the picture.
    const LEFT: f64 = 9.0;
    const RIGHT: f64 = 92.0;
    const TOP: f64 = 10.0;
    const BOTTOM: f64 = 84.0;
    let x_axis = Axis::over(bubbles.iter().map(|bubble| bubble.x));
    let y_axis = Axis::over(bubbles.iter().map(|bubble| bubble.y));
    let across = move |value: f64| LEFT + (RIGHT - LEFT) * x_axis.place(value);
    let up = move |value: f64| BOTTOM - (BOTTOM - TOP) * y_axis.place(value);
    let percent = |value: f64| format!("{value:.2}%");
    let columns = x_axis.ticks().into_iter().map(|tick| {
        let x = percent(across(f64::from(tick)));
        view! {
            <line class="plot__grid" x1=x.clone() x2=x.clone() y1=percent(TOP) y2=percent(BOTTOM) />
            <text class="plot__tick" x=x y="90%" text-anchor="middle">{tick.to_string()}</text>
        }
    });
    let rows = y_axis.ticks().into_iter().map(|tick| {
        let y = percent(up(f64::from(tick)));
        view! {
            <line class="plot__grid" x1=percent(LEFT) x2=percent(RIGHT) y1=y.clone() y2=y.clone() />
            <text class="plot__tick" x=percent(LEFT - 1.5) y=y dy="0.35em" text-anchor="end">{tick.to_string()}</text>
        }
    });
    let (columns, rows) = (columns.collect_view(), rows.collect_view());
    let most = bubbles.iter().map(|bubble| bubble.size).filter(|size| size.is_finite()).fold(0.0, f64::max);
    let mut order: Vec<(usize, Bubble)> = bubbles.iter().cloned().enumerate().collect();
    // Large circles first, so that small ones lie on top.
    order.sort_by(|a, b| b.1.size.total_cmp(&a.1.size));
    let circles = order.into_iter().map(|(index, bubble)| {
        let share = if most > 0.0 && bubble.size.is_finite() { (bubble.size / most).clamp(0.0, 1.0) } else { 0.0 };
        let radius = 9.0 + 21.0 * share.sqrt();
        let (x, y) = (percent(across(bubble.x)), percent(up(bubble.y)));
        view! {
            <g class=format!("plot__bubble {}", tone(index))>
                <title>{format!("{}. {}: {}", index + 1, bubble.label, bubble.text)}</title>
                <circle cx=x.clone() cy=y.clone() r=number(radius) />
                <text x=x y=y dy="0.35em" text-anchor="middle">{(index + 1).to_string()}</text>
            </g>
        }
    });
    let circles = circles.collect_view();
    let legend = bubbles.into_iter().enumerate().map(|(index, bubble)| {
        view! {
            <li>
                <svg class=format!("key {}", tone(index)) viewBox="0 0 10 10" aria-hidden="true"><circle cx="5" cy="5" r="5" /></svg>
                <span>{format!("{}. {}", index + 1, bubble.label)}</span>
            </li>
        }
    });
    let legend = legend.collect_view();
    let name = format!("{title}. {description}");
    view! {
        <figure class="chart">
            <figcaption class="chart__head"><h2>{title}</h2><p class="soft">{description}</p></figcaption>
            <p class="plot__axis">{y_title}</p>
            <svg class="plot" width="100%" height="340" role="img" aria-label=name>
                {columns}
                {rows}
                {circles}
                <text class="plot__axis-text" x=percent(RIGHT) y="98%" text-anchor="end">{x_title}</text>
            </svg>
            <ul class="legend">{legend}</ul>
        </figure>
    }
}

/// Bars of one length, divided into shares. What the parts leave of the whole stays empty.
#[component]
pub fn StackChart(
    #[prop(into)] title: String,
    #[prop(into)] description: String,
    /// The names of the series, by index.
    series: Vec<String>,
    stacks: Vec<Stack>,
) -> impl IntoView {
    let names = series.clone();
    let rows = stacks.into_iter().map(move |stack| {
        let mut start = 0.0;
        let words: Vec<String> = stack
            .parts
            .iter()
            .map(|(index, _, text)| format!("{} {text}", names.get(*index).map_or("", String::as_str)))
            .collect();
        let parts = stack.parts.into_iter().map(|(index, share, _)| {
            let share = if share.is_finite() { (100.0 * share).clamp(0.0, 100.0 - start) } else { 0.0 };
            let from = start;
            start += share;
            // A hairline of ground between neighbours, so that they are told apart without colour.
            let width = (share - 0.4).max(0.0);
            view! { <rect class=tone(index) x=number(from) y="0" width=number(width) height="10" /> }
        });
        let parts = parts.collect_view();
        view! {
            <li class="bars__row bars__row--stack">
                <span class="bars__label">{stack.label}</span>
                <svg class="bars__track" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{parts}</svg>
                <span class="bars__text">{words.join(" \u{b7} ")}</span>
            </li>
        }
    });
    let rows = rows.collect_view();
    let legend = series.into_iter().enumerate().map(|(index, name)| {
        view! {
            <li>
                <svg class=format!("key {}", tone(index)) viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" /></svg>
                <span>{name}</span>
            </li>
        }
    });
    let legend = legend.collect_view();
    view! {
        <figure class="chart">
            <figcaption class="chart__head"><h2>{title}</h2><p class="soft">{description}</p></figcaption>
            <ul class="bars">{rows}</ul>
            <ul class="legend">{legend}</ul>
        </figure>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bars_share_a_zero_line() {
        assert_eq!(bar_geometry(&[50.0, 100.0]), [(0.0, 50.0), (0.0, 100.0)]);
        assert_eq!(bar_geometry(&[75.0, -25.0]), [(25.0, 75.0), (0.0, 25.0)]);
        assert_eq!(bar_geometry(&[0.0]), [(0.0, 0.0)]);
        assert!(bar_geometry(&[]).is_empty());
    }

    #[test]
    fn ticks_are_round_and_do_not_crowd() {
        assert_eq!(Axis::over([365.0].into_iter()).ticks(), [0, 1, 3, 7, 14, 30, 90, 180, 365]);
        assert_eq!(Axis::over([].into_iter()).ticks(), [0, 1]);
    }

    proptest! {
        #[test]
        fn nothing_is_drawn_outside_the_picture(values in proptest::collection::vec(any::<f64>(), 0..20)) {
            for (start, length) in bar_geometry(&values) {
                prop_assert!(start >= 0.0 && length >= 0.0 && start + length <= 100.000_1, "{start} {length}");
            }
            let axis = Axis::over(values.iter().copied());
            for value in values {
                prop_assert!((0.0..=1.0).contains(&axis.place(value)));
            }
            prop_assert!(axis.ticks().len() <= 14);
        }
    }
}
