//! Messages into the contract's words, and back. What is matched here is matched whole: a new word of the contract does not
//! compile until it has its place in the .proto.

use chrono::{DateTime, FixedOffset, Utc};
use contract::Refusal;
use contract::till::{self, CloseRequest, LineRequest, QuoteMode, ReturnLine, ReturnRequest, SessionRequest};
use domain::{Amount, CardScope, CodeKind, Currency, Locale, SessionId, SessionState};
use till_proto as proto;

use super::mode;

type Timestamp = till_proto::Timestamp;

/// Texts of the shop have no U+0000, because PostgreSQL cannot keep it.
pub(super) fn text(pointer: &str, text: String) -> Result<String, Refusal> {
    if text.contains('\0') {
        let detail = "A text may not contain the character U+0000.";
        return Err(Refusal::unacceptable("invalid-text", detail).at(pointer, "invalid-text", detail));
    }
    Ok(text)
}

pub(super) fn session_id(text: &str) -> Result<SessionId, Refusal> {
    let detail = "A session's id is a UUID that the till makes.";
    text.parse().map_err(|_| Refusal::malformed("invalid-session-id", detail))
}

/// In which language something is to be said; English where nothing is.
pub(super) fn language(pointer: &str, tag: &str) -> Result<Locale, Refusal> {
    if tag.is_empty() {
        return Ok(Locale::En);
    }
    Locale::from_tag(tag).ok_or_else(|| invalid(pointer, "A language is en or ru."))
}

fn invalid(pointer: &str, detail: impl Into<String>) -> Refusal {
    Refusal::unacceptable("invalid-body", "The request does not have the shape that this call takes.")
        .at(pointer, "invalid", detail)
}

pub(super) fn put_session(
    request: proto::PutSessionRequest,
) -> Result<(SessionId, SessionRequest, QuoteMode), Refusal> {
    let id = session_id(&request.session_id)?;
    let card_id = match &request.card_id {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| invalid("/card_id", "A card's id is a UUID."))?),
    };
    let currency: Currency = request.currency.parse().map_err(|why| invalid("/currency", format!("{why}")))?;
    let coupon_codes = request.coupon_codes.into_iter().enumerate();
    let lines = request.lines.into_iter().enumerate();
    let now = request.now.map(|now| time("/now", now)).transpose()?;
    let mode = mode(request.dry, now)?;
    let asked = SessionRequest {
        customer_code: request.customer_code.map(|code| text("/customer_code", code)).transpose()?,
        card_id,
        coupon_codes: coupon_codes
            .map(|(place, code)| text(&format!("/coupon_codes/{place}"), code))
            .collect::<Result<_, _>>()?,
        currency,
        lines: lines
            .map(|(place, line)| {
                Ok(LineRequest {
                    sku: text(&format!("/lines/{place}/sku"), line.sku)?,
                    quantity: line.quantity,
                    unit_price: line.unit_price.map(Amount),
                })
            })
            .collect::<Result<_, Refusal>>()?,
        explain: request.explain.map(|tag| language("/explain", &tag)).transpose()?,
    };
    Ok((id, asked, mode))
}

pub(super) fn close(request: proto::CloseSessionRequest) -> Result<(SessionId, CloseRequest), Refusal> {
    let paid_at: Option<DateTime<FixedOffset>> =
        request.paid_at.map(|at| time("/paid_at", at)).transpose()?.map(|at| at.fixed_offset());
    let asked = CloseRequest {
        receipt_number: text("/receipt_number", request.receipt_number)?,
        paid: Amount(request.paid),
        paid_at,
    };
    Ok((session_id(&request.session_id)?, asked))
}

pub(super) fn returning(request: proto::ReturnLinesRequest) -> Result<(SessionId, ReturnRequest), Refusal> {
    let lines = request.lines.iter().enumerate().map(|(place, line)| {
        let position = u16::try_from(line.position).map_err(|_| {
            invalid(&format!("/lines/{place}/position"), "A position is that of a line of the session.")
        })?;
        Ok(ReturnLine { position, quantity: line.quantity })
    });
    let lines = lines.collect::<Result<_, Refusal>>()?;
    Ok((session_id(&request.session_id)?, ReturnRequest { lines, reason: text("/reason", request.reason)? }))
}

fn time(pointer: &str, at: Timestamp) -> Result<DateTime<Utc>, Refusal> {
    use chrono::Datelike;
    let nanos = u32::try_from(at.nanos).ok();
    nanos
        .and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos))
        .filter(|at| (1970..=9999).contains(&at.year()))
        .ok_or_else(|| invalid(pointer, "A time is of the years 1970 to 9999."))
}

fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0) }
}

fn money(amount: Amount, currency: Currency) -> proto::Money {
    proto::Money { amount: amount.minor(), currency: currency.to_string() }
}

fn customer(customer: till::CustomerSummary) -> proto::Customer {
    let till::CustomerSummary { id, display_name, segment } = customer;
    proto::Customer { id: id.to_string(), display_name, segment }
}

pub(super) fn identified(told: till::Identified) -> proto::Identified {
    let till::Identified { customer: who, code_kind, cards, savings } = told;
    let code_kind = match code_kind {
        CodeKind::Static => proto::CodeKind::Static,
        CodeKind::Rotating => proto::CodeKind::Rotating,
    };
    proto::Identified {
        customer: Some(customer(who)),
        code_kind: code_kind.into(),
        cards: cards.into_iter().map(card).collect(),
        savings: Some(money(savings.amount, savings.currency)),
    }
}

fn card(card: till::CardView) -> proto::Card {
    let till::CardView { id, title, scope, rate_bp, valid_from, valid_until, active, reasons } = card;
    let (kind, reference) = match scope {
        CardScope::Basket => (proto::card_scope::Kind::Basket, String::new()),
        CardScope::Category(id) => (proto::card_scope::Kind::Category, id.to_string()),
        CardScope::Product(sku) => (proto::card_scope::Kind::Product, sku.to_string()),
    };
    proto::Card {
        id: id.to_string(),
        title,
        scope: Some(proto::CardScope { kind: kind.into(), r#ref: reference }),
        rate_bp: rate_bp.0,
        valid_from: Some(timestamp(valid_from)),
        valid_until: Some(timestamp(valid_until)),
        active,
        reasons,
    }
}

pub(super) fn session(told: till::Session) -> proto::Session {
    let till::Session {
        session_id,
        state,
        version,
        currency,
        evaluated_at,
        expires_at,
        customer: who,
        lines,
        subtotal,
        discount,
        total,
        effects,
        degraded,
        receipt_number,
        closed_at,
        segment_changed,
        savings,
        explanation: why,
    } = told;
    let state = match state {
        SessionState::Open => proto::session::State::Open,
        SessionState::Closed => proto::session::State::Closed,
        SessionState::PartiallyReturned => proto::session::State::PartiallyReturned,
        SessionState::Cancelled => proto::session::State::Cancelled,
    };
    proto::Session {
        session_id: session_id.to_string(),
        state: state.into(),
        version,
        currency: currency.to_string(),
        evaluated_at: Some(timestamp(evaluated_at)),
        expires_at: Some(timestamp(expires_at)),
        customer: who.map(customer),
        lines: lines.into_iter().map(line).collect(),
        subtotal: subtotal.minor(),
        discount: discount.minor(),
        total: total.minor(),
        effects: effects.into_iter().map(effect).collect(),
        degraded: degraded.map(|till::Degraded { why }| why),
        receipt_number,
        closed_at: closed_at.map(timestamp),
        segment_changed: segment_changed
            .flatten()
            .map(|till::SegmentChange { from, to, reason }| proto::session::SegmentChange { from, to, reason }),
        savings: savings.map(|savings| money(savings.amount, savings.currency)),
        explanation: why.map(explanation),
    }
}

fn line(line: till::SessionLine) -> proto::session::Line {
    let till::SessionLine {
        position,
        sku,
        name,
        quantity,
        unit_price,
        subtotal,
        discount,
        total,
        allocations,
        returned,
    } = line;
    proto::session::Line {
        position: position.into(),
        sku,
        name,
        quantity,
        unit_price: unit_price.minor(),
        subtotal: subtotal.minor(),
        discount: discount.minor(),
        total: total.minor(),
        allocations: allocations
            .into_iter()
            .map(|till::Allocation { source: by, id, amount }| proto::session::Allocation {
                source: source(by).into(),
                id,
                amount: amount.minor(),
            })
            .collect(),
        returned,
    }
}

fn source(source: till::Source) -> proto::Source {
    match source {
        till::Source::Card => proto::Source::Card,
        till::Source::Campaign => proto::Source::Campaign,
        till::Source::Coupon => proto::Source::Coupon,
    }
}

fn effect(effect: till::Effect) -> proto::Effect {
    use proto::effect::Effect as To;
    use till::Effect as From;
    let effect = match effect {
        From::SetDiscountPerItem { position, source: by, id, desired, granted } => {
            To::SetDiscountPerItem(proto::effect::SetDiscountPerItem {
                position: position.into(),
                source: source(by).into(),
                id,
                desired: desired.minor(),
                granted: granted.minor(),
            })
        }
        From::MarginClipped { position, desired, granted } => To::MarginClipped(proto::effect::MarginClipped {
            position: position.into(),
            desired: desired.minor(),
            granted: granted.minor(),
        }),
        From::BudgetClipped { campaign, desired, granted } => To::BudgetClipped(proto::effect::BudgetClipped {
            campaign,
            desired: desired.minor(),
            granted: granted.minor(),
        }),
        From::HoldoutWithheld { source: by, id } => {
            To::HoldoutWithheld(proto::effect::HoldoutWithheld { source: source(by).into(), id })
        }
        From::AddFreeItem { campaign, sku, quantity } => {
            To::AddFreeItem(proto::effect::AddFreeItem { campaign, sku, quantity })
        }
        From::AcceptCoupon { code, campaign } => To::AcceptCoupon(proto::effect::AcceptCoupon { code, campaign }),
        From::RejectCoupon { code, reason } => {
            To::RejectCoupon(proto::effect::RejectCoupon { code, reason: rejection(reason).to_owned() })
        }
        From::RollbackDiscount { position, source: by, id, amount } => {
            To::RollbackDiscount(proto::effect::RollbackDiscount {
                position: position.into(),
                source: source(by).into(),
                id,
                amount: amount.minor(),
            })
        }
        From::RollbackCoupon { code } => To::RollbackCoupon(proto::effect::RollbackCoupon { code }),
    };
    proto::Effect { effect: Some(effect) }
}

fn rejection(reason: till::CouponRejection) -> &'static str {
    use till::CouponRejection as Why;
    match reason {
        Why::CouponNotFound => "coupon_not_found",
        Why::CouponExpired => "coupon_expired",
        Why::CouponNotStarted => "coupon_not_started",
        Why::CouponLimitReached => "coupon_limit_reached",
        Why::ProfileLimitReached => "profile_limit_reached",
        Why::CampaignLimitReached => "campaign_limit_reached",
        Why::RecipientDoesNotMatch => "recipient_does_not_match",
        Why::ProfileRequired => "profile_required",
        Why::ConditionNotMet => "condition_not_met",
        Why::NoEffect => "no_effect",
        Why::NotCombinable => "not_combinable",
        Why::ReservedElsewhere => "reserved_elsewhere",
    }
}

pub(super) fn returned(told: till::Returned) -> proto::Returned {
    let till::Returned { return_id, refund, lines, session: after } = told;
    proto::Returned {
        return_id: return_id.to_string(),
        refund: Some(money(refund.amount, refund.currency)),
        lines: lines
            .into_iter()
            .map(|till::ReturnedLine { position, quantity, amount }| proto::returned::Line {
                position: position.into(),
                quantity,
                amount: amount.minor(),
            })
            .collect(),
        session: Some(session(after)),
    }
}

pub(super) fn explanation(told: till::Explanation) -> proto::Explanation {
    let till::Explanation { language, verdicts } = told;
    let verdicts = verdicts.into_iter().map(|verdict| {
        let till::Verdict { source: of, id, name, applied, key, words, granted } = verdict;
        proto::explanation::Verdict {
            source: source(of).into(),
            id,
            name,
            applied,
            key,
            words,
            granted: granted.map(Amount::minor),
        }
    });
    proto::Explanation { language: language.tag().to_owned(), verdicts: verdicts.collect() }
}
