//! Why not: a session's quote is made again from what it was made from, and every campaign, the card and every coupon gets
//! its verdict (law 6).

use contract::till::{Explanation, Source, TillCaller, Verdict};
use domain::{Currency, Locale, SessionId};
use promotions::{Facts, Outcome, Rules, Subject};

use super::basis::Basis;
use super::counter::Session as Found;
use super::{Stop, session_not_found};
use crate::Shop;

impl Shop {
    pub(super) async fn explain_session(
        &self,
        caller: &TillCaller,
        id: SessionId,
        language: Locale,
    ) -> Result<Explanation, Stop> {
        let currency = self.snapshot().await?.settings.currency;
        match self.at_counter(id).await? {
            Found::Open(held) => {
                let open = held.open().filter(|open| open.store == caller.store).ok_or_else(session_not_found)?;
                Ok(explanation(&open.basis.facts, &open.rules, language, currency))
            }
            Found::New(held) => {
                self.leave_if_unknown(held);
                Err(session_not_found().into())
            }
            Found::Ended(held, stored) => {
                self.leave_if_unknown(held);
                if stored.store != caller.store {
                    return Err(session_not_found().into());
                }
                let basis = Basis::read(&stored.basis)?;
                let rules = self.rules_of(stored.revision).await?;
                Ok(explanation(&basis.facts, &rules, language, currency))
            }
        }
    }
}

pub(super) fn explanation(facts: &Facts, rules: &Rules, language: Locale, currency: Currency) -> Explanation {
    let verdicts = promotions::explain(facts, rules).verdicts.into_iter().map(|verdict| {
        let (source, id, name) = match verdict.subject {
            Subject::Campaign(id) => (
                Source::Campaign,
                id.to_string(),
                rules.campaign(id).map(|campaign| campaign.name.words(language).to_owned()),
            ),
            Subject::Card(id) => (Source::Card, id.to_string(), None),
            Subject::Coupon(code) => (Source::Coupon, code, None),
        };
        Verdict {
            source,
            id,
            name,
            applied: matches!(verdict.outcome, Outcome::Applied { .. }),
            key: verdict.outcome.key().to_owned(),
            words: verdict.outcome.words(language, currency),
            granted: match verdict.outcome {
                Outcome::Applied { granted } => Some(granted),
                Outcome::Offered | Outcome::Not(_) => None,
            },
        }
    });
    Explanation { language, verdicts: verdicts.collect() }
}
