//! The basket as it is shown: what was tapped, and what the quote says about it.

use contract::till::{CardView, Effect, Session};
use domain::{Amount, Rate};

use super::state::Counter;

/// One line of the basket on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub sku: String,
    pub name: String,
    pub quantity: u32,
    pub unit_price: Amount,
    pub subtotal: Amount,
    pub discount: Amount,
    pub total: Amount,
    pub why: Vec<Why>,
}

/// Why a line costs what it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// This card took this off, for these reasons.
    Card { title: String, rate: Option<Rate>, reasons: Vec<String>, amount: Amount },
    /// The card would have given more than the margin floor allows.
    Clipped { desired: Amount, granted: Amount },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub subtotal: Amount,
    pub discount: Amount,
    pub total: Amount,
    pub items: u64,
}

/// The rows of the basket. Before its quote is here they stand at the shelf price.
#[must_use]
pub fn rows(counter: &Counter) -> Vec<Row> {
    let cards = counter.customer.as_ref().map_or(&[][..], |customer| &customer.who.cards);
    let quote = counter.quote.as_ref().filter(|_| counter.is_settled());
    let lines = counter.lines.iter().enumerate();
    lines
        .map(|(position, line)| {
            let quoted = quote.and_then(|quote| {
                let at = quote.lines.iter().find(|quoted| usize::from(quoted.position) == position)?;
                (at.sku == line.sku).then_some((quote, at))
            });
            let Some((quote, quoted)) = quoted else {
                let subtotal = line.price.times(line.quantity);
                return Row {
                    sku: line.sku.clone(),
                    name: line.name.clone(),
                    quantity: line.quantity,
                    unit_price: line.price,
                    subtotal,
                    discount: Amount::ZERO,
                    total: subtotal,
                    why: Vec::new(),
                };
            };
            Row {
                sku: line.sku.clone(),
                name: line.name.clone(),
                quantity: quoted.quantity,
                unit_price: quoted.unit_price,
                subtotal: quoted.subtotal,
                discount: quoted.discount,
                total: quoted.total,
                why: why(quote, quoted.position, cards),
            }
        })
        .collect()
}

fn why(quote: &Session, position: u16, cards: &[CardView]) -> Vec<Why> {
    let line = quote.lines.iter().find(|line| line.position == position);
    let from_cards = line.into_iter().flat_map(|line| &line.allocations).map(|allocation| {
        let card = cards.iter().find(|card| card.id.to_string() == allocation.id);
        Why::Card {
            title: card.map(|card| card.title.clone()).unwrap_or_default(),
            rate: card.map(|card| card.rate_bp),
            reasons: card.map(|card| card.reasons.clone()).unwrap_or_default(),
            amount: allocation.amount,
        }
    });
    let clipped = quote.effects.iter().filter_map(|effect| match effect {
        Effect::MarginClipped { position: at, desired, granted } if *at == position => {
            Some(Why::Clipped { desired: *desired, granted: *granted })
        }
        _ => None,
    });
    from_cards.chain(clipped).collect()
}

#[must_use]
pub fn totals(counter: &Counter) -> Totals {
    let items = counter.lines.iter().map(|line| u64::from(line.quantity)).sum();
    match counter.quote.as_ref().filter(|_| counter.is_settled()) {
        Some(quote) => Totals { subtotal: quote.subtotal, discount: quote.discount, total: quote.total, items },
        None => {
            let subtotal = counter.lines.iter().map(|line| line.price.times(line.quantity)).sum();
            Totals { subtotal, discount: Amount::ZERO, total: subtotal, items }
        }
    }
}
