//! History simulation: what a draft would have cost, and whom it would have served, had it been in force while everybody
//! bought what they bought. No change of demand is assumed: what a discount sells beyond that is not in here.
//!
//! Every sale is priced twice, by the rules in force and with the draft, from what was booked: prices, costs, time, store,
//! customer. Visits are counted on the way; the segment is today's. Cards are left out, and what came back later counts as sold.

mod fold;
mod jobs;

use chrono::TimeDelta;
use contract::Refusal;
use contract::simulation::{SimulationReport, SimulationRequest};
use domain::{Rate, SegmentModelId, StoreId};
use promotions::Rules;
use serde_json::{Value, json};
use store::StoreError;
use store::history::Span;
use uuid::Uuid;

use self::fold::{Fold, Passing, Setting};
use crate::Shop;
use crate::campaigns::compiled;

pub use self::jobs::Jobs;

/// Ten years.
const MOST_WEEKS: u32 = 520;

/// How far a simulation is, and whether it is still wanted.
pub trait Watch: Send + Sync {
    /// `false`: nobody wants to know any more.
    fn goes_on(&self, done: u64, of: u64) -> bool;
}

impl Shop {
    /// Replays history against a draft. Reads on a connection of its own and changes nothing.
    ///
    /// # Errors
    /// `invalid-rules` with pointers as publishing has them, `invalid-simulation`, `nothing-sold`, `simulation-cancelled`.
    pub async fn simulate(&self, request: &SimulationRequest, watch: &dyn Watch) -> Result<SimulationReport, Refusal> {
        let ready = self.ready_simulation(request).await?;
        self.replay_history(request, ready, watch).await
    }

    /// What is to be compared, when the draft could be published.
    pub(crate) async fn ready_simulation(&self, request: &SimulationRequest) -> Result<Ready, Refusal> {
        check(request)?;
        let in_force = async {
            let revision = self.store.rules_revision().await?;
            self.rules_of(revision).await
        };
        let without = in_force.await.map_err(|error| self.failed(&error))?;
        let with = compiled(drafted(&without, &request.draft)?)?;
        Ok(Ready { without, with })
    }

    pub(crate) async fn replay_history(
        &self,
        request: &SimulationRequest,
        Ready { without, with }: Ready,
        watch: &dyn Watch,
    ) -> Result<SimulationReport, Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let shop = self.snapshot().await?;
        let until = match request.until {
            Some(until) => until,
            None => {
                self.store.last_sale_at().await.map_err(failed)?.ok_or_else(nothing_sold)? + TimeDelta::microseconds(1)
            }
        };
        let from = until
            .checked_sub_signed(TimeDelta::weeks(i64::from(request.weeks)))
            .ok_or_else(|| invalid("/until", "This is before all time."))?;
        let span = Span { from, until };
        let (mut history, of) = self.store.history(span).await.map_err(failed)?;
        if of == 0 {
            return Err(nothing_sold());
        }
        let goods = shop.goods().map(|product| (product.sku.clone(), (product.category.clone(), product.offerable)));
        let setting = Setting {
            span,
            currency: shop.settings.currency,
            floor: shop.settings.floor,
            goods: goods.collect(),
            coupon_share_bp: request.coupon_share_bp,
        };
        let mut fold = Fold::new(setting, without, with);
        let mut done = 0;
        loop {
            if !watch.goes_on(done, of) {
                return Err(Refusal::conflict("simulation-cancelled", "The simulation was cancelled before its end."));
            }
            let sales = history.next().await.map_err(failed)?;
            if sales.is_empty() {
                break;
            }
            done += sales.len() as u64;
            for (id, customer) in history.customers(&fold.strangers(&sales)).await.map_err(failed)? {
                let model = customer.segment_model.map(SegmentModelId);
                let segment = self.segment_name(model, customer.segment_index).await.map_err(failed)?;
                fold.meet(
                    id,
                    Passing {
                        segment,
                        // Who was imported is as old as their first receipt at least.
                        registered_at: customer.registered_at.min(from),
                        birthday: customer.birthday,
                        visits: customer.visits,
                        last_purchase_at: customer.last_purchase_at,
                    },
                );
            }
            let shop = shop.clone();
            // Not on a thread that tills are served by.
            let folded = tokio::task::spawn_blocking(move || {
                for sale in &sales {
                    fold.sale(sale, shop.zone_of(sale.store.unwrap_or(StoreId(Uuid::nil()))));
                }
                fold
            });
            fold =
                folded.await.map_err(|_| Refusal::conflict("simulation-cancelled", "The simulation was stopped."))?;
        }
        watch.goes_on(of, of);
        Ok(fold.report())
    }
}

/// The rules in force, and those with the draft.
#[derive(Debug)]
pub(crate) struct Ready {
    without: Rules,
    with: Rules,
}

/// The rule set that the draft makes: itself, or the rules in force with this one campaign.
fn drafted(in_force: &Rules, draft: &Value) -> Result<Value, Refusal> {
    if draft.get("campaigns").is_some() {
        return Ok(draft.clone());
    }
    if draft.get("rules").is_none() {
        return Err(invalid("/draft", "A draft is one campaign, or a rule set: {\"campaigns\": [...]}."));
    }
    let corrupt = |why: serde_json::Error| invalid("/draft", &why.to_string());
    let mut rules = serde_json::to_value(in_force.params()).map_err(corrupt)?;
    if !rules.is_object() {
        rules = json!({});
    }
    if !rules["campaigns"].is_array() {
        rules["campaigns"] = json!([]);
    }
    if let Some(campaigns) = rules["campaigns"].as_array_mut() {
        campaigns.retain(|campaign| campaign["id"] != draft["id"]);
        campaigns.push(draft.clone());
    }
    Ok(rules)
}

fn check(request: &SimulationRequest) -> Result<(), Refusal> {
    if !(1..=MOST_WEEKS).contains(&request.weeks) {
        return Err(invalid("/weeks", &format!("A simulation goes back 1 to {MOST_WEEKS} weeks.")));
    }
    if Rate(u32::from(request.coupon_share_bp)) > Rate::WHOLE {
        return Err(invalid("/coupon_share_bp", "A share is 0 to 10000 basis points."));
    }
    Ok(())
}

fn invalid(pointer: &str, detail: &str) -> Refusal {
    Refusal::unacceptable("invalid-simulation", "This cannot be simulated: see `errors`.").at(
        pointer,
        "invalid-simulation",
        detail,
    )
}

fn nothing_sold() -> Refusal {
    Refusal::unacceptable("nothing-sold", "Nothing was sold in these weeks: import receipts first, or go further back.")
}

#[cfg(test)]
mod tests;
