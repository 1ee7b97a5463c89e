//! The answer to a quote as the bytes that a till reads, written from the settlement itself: a quote is asked for with every
//! scan, and a [`Session`](contract::till::Session) of texts in between cost more than deciding it. The contract stays
//! `Session`: debug builds, and so all tests, compare every answer with it.

use std::ops::Range;

use contract::till::{Source, TillCaller};
use domain::{Amount, Locale, SessionId, SessionState};
use promotions::{Part, Settlement};
use serde::Serialize;
use store::StoreError;
use uuid::Uuid;

use super::answer::{self, Ended};
use super::counter::OpenSession;
use super::sheets::SHEETS;
use crate::snapshot::{Snapshot, told};

/// What a line takes, and one of its allocations, and one effect: about, so that the answer is written into one piece of
/// memory.
const LINE: usize = 240;
const ALLOCATION: usize = 100;
const EFFECT: usize = 150;

/// The JSON of [`answer::session`], byte for byte.
pub(super) fn json(
    id: SessionId,
    open: &OpenSession,
    settled: &Settlement,
    shop: &Snapshot,
    caller: &TillCaller,
    explain: Option<Locale>,
) -> Result<Vec<u8>, StoreError> {
    if explain.is_some() {
        let session = super::as_session(id, open, settled, shop, caller, explain)?;
        return serde_json::to_vec(&session).map_err(|why| StoreError::corrupt("answer", why));
    }
    let mut told = Json::on(SHEETS.take(size(settled)), settled);
    told.session(id, open, settled, shop, caller, None).map_err(|why| StoreError::corrupt("answer", why))?;
    debug_assert_eq!(
        serde_json::to_string(&answer::session(id, open, &settled.decision(), shop, caller)).ok().as_deref(),
        std::str::from_utf8(&told.out).ok(),
        "what a till reads is the contract's session"
    );
    Ok(told.out)
}

/// Those that got something.
fn paid(parts: &[Part]) -> impl Iterator<Item = &Part> {
    parts.iter().filter(|part| part.granted > Amount::ZERO)
}

/// The JSON of [`answer::closed`], byte for byte.
pub(super) fn closed_json(
    id: SessionId,
    open: &OpenSession,
    settled: &Settlement,
    shop: &Snapshot,
    caller: &TillCaller,
    ended: &Ended<'_>,
) -> Result<String, StoreError> {
    let mut told = Json::on(Vec::with_capacity(size(settled)), settled);
    told.session(id, open, settled, shop, caller, Some(ended)).map_err(|why| StoreError::corrupt("answer", why))?;
    let told = String::from_utf8(told.out).map_err(|why| StoreError::corrupt("answer", why))?;
    debug_assert_eq!(
        serde_json::to_string(&answer::closed(answer::session(id, open, &settled.decision(), shop, caller), ended))
            .ok()
            .as_ref(),
        Some(&told),
        "what a till reads is the contract's session"
    );
    Ok(told)
}

fn size(settled: &Settlement) -> usize {
    let parts: usize = settled.by_line().map(|(_, parts)| parts.len()).sum();
    512 + LINE * settled.lines.len() + (ALLOCATION + EFFECT) * parts + EFFECT * settled.others.len()
}

struct Json {
    out: Vec<u8>,
    /// Where each source was written first, as either is told: a few of them pay for everything.
    sources: Vec<[Range<usize>; 2]>,
}

/// What a source gave of a line, and the effect of that: each with what stands before and after the source.
#[derive(Clone, Copy)]
enum Gift {
    Allocation,
    Effect,
}

impl Gift {
    const fn around(self) -> (&'static str, &'static str) {
        match self {
            Self::Allocation => ("{", ",\"amount\":"),
            Self::Effect => (",", ",\"desired\":"),
        }
    }
}

impl Json {
    fn on(out: Vec<u8>, settled: &Settlement) -> Self {
        Self { out, sources: vec![[0..0, 0..0]; settled.sources.len()] }
    }

    fn session(
        &mut self,
        id: SessionId,
        open: &OpenSession,
        settled: &Settlement,
        shop: &Snapshot,
        caller: &TillCaller,
        ended: Option<&Ended<'_>>,
    ) -> serde_json::Result<()> {
        let basis = &open.basis;
        self.raw("{\"session_id\":").id(id.0);
        self.raw(",\"state\":").value(&ended.map_or(SessionState::Open, |_| SessionState::Closed))?;
        let version = open.version.saturating_add(u32::from(ended.is_some()));
        self.raw(",\"version\":").number(i64::from(version));
        self.raw(",\"currency\":").value(&shop.settings.currency)?;
        self.raw(",\"evaluated_at\":").value(&open.evaluated_at)?;
        self.raw(",\"expires_at\":").value(&open.expires_at)?;
        self.raw(",\"customer\":");
        match &basis.facts.customer {
            Some(customer) => {
                self.raw("{\"id\":").id(customer.id.0);
                self.raw(",\"display_name\":").text(&basis.display_name)?;
                self.raw(",\"segment\":").text(&customer.segment.personal_words(caller.locale))?;
                self.raw("}");
            }
            None => {
                self.raw("null");
            }
        }
        self.raw(",\"lines\":[");
        for (place, (line, (decided, parts))) in basis.facts.lines.iter().zip(settled.by_line()).enumerate() {
            self.raw(if place == 0 { "{\"position\":" } else { ",{\"position\":" });
            self.number(i64::from(u16::try_from(place).unwrap_or(u16::MAX)));
            self.raw(",");
            match shop.product(line.sku.as_str()) {
                Some(shelved) => self.raw(shelved.told(caller.locale)),
                // It is not sold any more.
                None => self.raw(&told(line.sku.as_str(), line.sku.as_str())),
            };
            self.raw(",\"quantity\":").number(i64::from(line.quantity));
            self.raw(",\"unit_price\":").amount(line.unit_price);
            self.sums(decided.subtotal, decided.discount, decided.total);
            self.raw(",\"allocations\":[");
            for (place, part) in paid(parts).enumerate() {
                self.raw(if place == 0 { "" } else { "," }).source(part.by, Gift::Allocation, settled)?;
                self.amount(part.granted).raw("}");
            }
            self.raw("]}");
        }
        self.raw("]");
        self.sums(settled.subtotal, settled.discount, settled.total);
        self.raw(",\"effects\":[");
        self.effects(settled)?;
        self.raw("],\"degraded\":");
        match &basis.degraded {
            Some(why) => {
                self.raw("{\"why\":").text(why)?;
                self.raw("}");
            }
            None => {
                self.raw("null");
            }
        }
        if let Some(ended) = ended {
            self.raw(",\"receipt_number\":").text(ended.receipt_number)?;
            self.raw(",\"closed_at\":").value(&ended.at)?;
            self.raw(",\"segment_changed\":").value(&ended.segment_changed)?;
            if let Some(savings) = &ended.savings {
                self.raw(",\"savings\":").value(savings)?;
            }
        }
        self.raw("}");
        Ok(())
    }

    fn sums(&mut self, subtotal: Amount, discount: Amount, total: Amount) {
        self.raw(",\"subtotal\":").amount(subtotal);
        self.raw(",\"discount\":").amount(discount);
        self.raw(",\"total\":").amount(total);
    }

    /// The two kinds that a basket has many of line by line, and the others the long way.
    fn effects(&mut self, settled: &Settlement) -> serde_json::Result<()> {
        let mut comma = "";
        for (position, (line, parts)) in (0..).zip(settled.by_line()) {
            for part in paid(parts) {
                self.raw(comma).raw("{\"type\":\"set_discount_per_item\",\"position\":").number(position);
                self.source(part.by, Gift::Effect, settled)?;
                self.wish(part.desired, part.granted);
                comma = ",";
            }
            if line.discount < line.wanted {
                self.raw(comma).raw("{\"type\":\"margin_clipped\",\"position\":").number(position);
                self.raw(",\"desired\":").wish(line.wanted, line.discount);
                comma = ",";
            }
        }
        for effect in &settled.others {
            self.raw(comma).value(&answer::effect(effect))?;
            comma = ",";
        }
        Ok(())
    }

    fn wish(&mut self, desired: Amount, granted: Amount) {
        self.amount(desired).raw(",\"granted\":").amount(granted).raw("}");
    }

    fn source(&mut self, place: usize, gift: Gift, settled: &Settlement) -> serde_json::Result<()> {
        let written = self.sources[place][gift as usize].clone();
        if !written.is_empty() {
            self.out.extend_from_within(written);
            return Ok(());
        }
        let from = self.out.len();
        let (before, after) = gift.around();
        self.raw(before);
        match &settled.sources[place] {
            promotions::Source::Card(id) => {
                self.raw("\"source\":\"card\",\"id\":").id(id.0);
            }
            promotions::Source::Campaign(id) => {
                self.raw("\"source\":\"campaign\",\"id\":").id(id.0);
            }
            promotions::Source::Coupon { code, .. } => {
                self.raw("\"source\":").value(&Source::Coupon)?;
                self.raw(",\"id\":").text(code)?;
            }
        }
        self.raw(after);
        self.sources[place][gift as usize] = from..self.out.len();
        Ok(())
    }

    // Inlined, so that a text known here is copied by its length, without a call.
    #[inline(always)]
    fn raw(&mut self, json: &str) -> &mut Self {
        self.out.extend_from_slice(json.as_bytes());
        self
    }

    fn id(&mut self, id: Uuid) -> &mut Self {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        self.raw("\"");
        self.out.extend_from_slice(id.hyphenated().encode_lower(&mut text).as_bytes());
        self.raw("\"")
    }

    fn amount(&mut self, amount: Amount) -> &mut Self {
        self.number(amount.0)
    }

    fn number(&mut self, number: i64) -> &mut Self {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self
    }

    fn text(&mut self, text: &str) -> serde_json::Result<()> {
        self.value(text)
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> serde_json::Result<()> {
        serde_json::to_writer(&mut self.out, value)
    }
}
