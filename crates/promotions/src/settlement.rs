//! What becomes of the basket, in numbers: a till that is told its quote needs no more, and a [`Decision`] is spelled out of it.

use domain::Amount;

use crate::basket::position;
use crate::decision::{Allocation, Decision, Effect, LineDecision, Source, Use};

/// A decision of which every source is named once. Twenty lines under ten campaigns have two hundred parts, each of which
/// would name its source twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Who may pay, in the order of application.
    pub sources: Vec<Source>,
    /// In the basket's order.
    pub lines: Vec<SettledLine>,
    /// Of all lines, one line's after the other's.
    pub(crate) parts: Vec<Part>,
    /// What concerns the whole session; then every coupon, in the order presented.
    pub others: Vec<Effect>,
    /// What the caller must reserve now and commit when the session closes.
    pub uses: Vec<Use>,
    pub subtotal: Amount,
    pub discount: Amount,
    pub total: Amount,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettledLine {
    pub subtotal: Amount,
    /// What all sources wanted together; the margin floor cut it where the discount is less.
    pub wanted: Amount,
    pub discount: Amount,
    pub total: Amount,
    /// Where its parts end.
    pub(crate) end: usize,
}

/// What one source wanted of one line, and got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The source's place.
    pub by: usize,
    pub desired: Amount,
    /// Zero where the floor left nothing.
    pub granted: Amount,
}

impl Settlement {
    /// The lines, each with its parts in the order of application.
    pub fn by_line(&self) -> impl Iterator<Item = (SettledLine, &[Part])> {
        let mut from = 0;
        self.lines.iter().map(move |line| {
            let parts = self.parts.get(from..line.end).unwrap_or_default();
            from = line.end;
            (*line, parts)
        })
    }

    /// How many parts there are: what it takes of memory goes by them.
    #[must_use]
    pub fn size(&self) -> usize {
        self.parts.len()
    }

    /// Everything in full.
    #[must_use]
    pub fn decision(&self) -> Decision {
        let mut decision = Decision {
            lines: Vec::with_capacity(self.lines.len()),
            effects: Vec::with_capacity(self.parts.len() + self.lines.len() + self.others.len()),
            uses: self.uses.clone(),
            subtotal: self.subtotal,
            discount: self.discount,
            total: self.total,
        };
        for (place, (line, parts)) in self.by_line().enumerate() {
            let position = position(place);
            let mut allocations = Vec::with_capacity(parts.len());
            for &Part { by, desired, granted } in parts.iter().filter(|part| part.granted > Amount::ZERO) {
                let source = &self.sources[by];
                allocations.push(Allocation { source: source.clone(), amount: granted });
                decision.effects.push(Effect::Discount { position, source: source.clone(), desired, granted });
            }
            if line.discount < line.wanted {
                let (desired, granted) = (line.wanted, line.discount);
                decision.effects.push(Effect::MarginClipped { position, desired, granted });
            }
            let SettledLine { subtotal, discount, total, .. } = line;
            decision.lines.push(LineDecision { subtotal, discount, total, allocations });
        }
        decision.effects.extend(self.others.iter().cloned());
        decision
    }
}
