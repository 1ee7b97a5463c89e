//! Marketing: the segments with what they bring, and what the discounts left of the margin.

use std::collections::BTreeMap;

use async_trait::async_trait;
use contract::marketing::{
    BoughtTogether, FitProgress, FitStage, GroupRow, LeadingComponent, LifetimeAccuracy, ModelSummary, OtherDivision,
    ProspectsSummary, Registered, SegmentDashboard, SegmentHabits, SegmentRow, SegmentWorth, WayIn,
};
use contract::staff::StaffCaller;
use contract::{MarketingApi, Refusal};
use domain::segment::Division;
use domain::{Amount, Locale, Rate, SegmentMethod, SegmentModelId, SegmentName};
use store::marketing::SegmentFigures;

use crate::Shop;
use crate::lifetime::Forecast;
use crate::segment::Stage;

/// Categories that a row shows.
const STRONGEST: usize = 3;
/// A mean of directions shorter than this says nothing.
const GATHERED: f64 = 0.15;

#[async_trait]
impl MarketingApi for Shop {
    async fn segments(&self, caller: &StaffCaller, locale: Locale) -> Result<SegmentDashboard, Refusal> {
        allowed(caller)?;
        let settings = self.settings().await?;
        let model = self.model_in_use().await.map_err(|e| self.failed(&e))?;
        let id = model.as_ref().map(|(stored, _)| SegmentModelId(stored.id));
        let forecast = self.foretold(id).await.map_err(|e| self.failed(&e))?;
        let figures = self.store.segment_figures(id, self.clock.now(), locale).await.map_err(|e| self.failed(&e))?;
        let titles = self.store.category_titles(locale).await.map_err(|e| self.failed(&e))?;
        let division = self.store.division().await.map_err(|e| self.failed(&e))?;
        let ways_in = self.store.ways_in().await.map_err(|e| self.failed(&e))?;
        let invited = self.store.invited().await.map_err(|e| self.failed(&e))?;
        let rows: Vec<SegmentRow> = figures
            .iter()
            .map(|figures| {
                let index = u16::try_from(figures.segment).unwrap_or(0);
                let worth = forecast.as_ref().and_then(|forecast| worth(forecast, figures.segment));
                let name = model.as_ref().map_or(SegmentName::Newcomers, |(_, model)| model.name(index));
                SegmentRow { worth, ..row(name, figures) }
            })
            .collect();
        Ok(SegmentDashboard {
            currency: settings.currency,
            division,
            fit_refused: self.fitting.refused(),
            fitting: self.fitting.told().map(|(stage, done, of)| FitProgress {
                stage: match stage {
                    Stage::Reading => FitStage::Reading,
                    Stage::Learning => FitStage::Learning,
                    Stage::Placing => FitStage::Placing,
                },
                done,
                of,
            }),
            model: model.map(|(stored, model)| ModelSummary {
                version: u32::try_from(stored.version).unwrap_or(0),
                fitted_at: stored.fitted_at,
                samples: model.report().samples,
                method: model.report().method,
                silhouette: model.report().silhouette,
                stability: stability(&model),
                drift: model.report().drift,
                leading: model.leading().into_iter().map(|component| leading(component, &titles)).collect(),
                beside: beside(model.report()),
                prospects: model
                    .prospects()
                    .map(|prospects| ProspectsSummary { customers: prospects.customers, times: prospects.gain.exp() }),
            }),
            customers: rows.iter().map(|row| row.size).sum(),
            revenue: rows.iter().map(|row| row.revenue).sum(),
            discount: figures.iter().map(|f| Amount(f.discount)).sum(),
            rows,
            lifetime: forecast.and_then(|forecast| forecast.accuracy).map(|accuracy| LifetimeAccuracy {
                weeks: accuracy.weeks,
                error: accuracy.error,
                error_of_rates: accuracy.error_of_rates,
            }),
            ways_in: ways_in
                .into_iter()
                .map(|way| WayIn {
                    store: way.name,
                    path: format!("/join?store={}", way.store),
                    registered: registered((way.registered, way.bought)),
                })
                .collect(),
            invited: registered(invited),
        })
    }

    async fn together(&self, caller: &StaffCaller, locale: Locale) -> Result<Option<BoughtTogether>, Refusal> {
        allowed(caller)?;
        self.bought_together(locale).await.map_err(|error| self.failed(&error))
    }

    async fn divide(&self, caller: &StaffCaller, division: Division) -> Result<(), Refusal> {
        allowed(caller)?;
        self.set_division(division).await?;
        tracing::info!(staff = %caller.staff, ?division, "how customers are divided was changed");
        Ok(())
    }

    async fn begin_fit(&self, caller: &StaffCaller) -> Result<(), Refusal> {
        allowed(caller)?;
        if self.fitting.told().is_some() {
            return Ok(());
        }
        let shop = self.clone();
        tokio::spawn(async move {
            match crate::segment::fit(&shop).await {
                Ok(report) => tracing::info!(version = report.version, moved = report.moved, "segments fitted"),
                Err(refusal) => tracing::info!(key = refusal.key, "no fit: {}", refusal.detail),
            }
        });
        Ok(())
    }

    async fn stop_fit(&self, caller: &StaffCaller) -> Result<(), Refusal> {
        allowed(caller)?;
        self.fitting.stop();
        Ok(())
    }
}

fn allowed(caller: &StaffCaller) -> Result<(), Refusal> {
    if caller.role.may_see_segments() { Ok(()) } else { Err(Refusal::forbidden("The segments are for marketing.")) }
}

fn registered((customers, bought): (i64, i64)) -> Registered {
    Registered { customers: customers.unsigned_abs(), bought: bought.unsigned_abs() }
}

fn worth(forecast: &Forecast, segment: i16) -> Option<SegmentWorth> {
    let worth = forecast.segments.get(&segment)?;
    let alive = Rate((worth.alive.clamp(0.0, 1.0) * 10_000.0).round() as u32);
    let is_own = forecast.own.contains_key(&segment);
    Some(SegmentWorth { alive, purchases: worth.purchases, value: worth.amount(), is_own })
}

/// Of the number of segments that was taken; of niches it is not known.
fn stability(model: &segmentation::Model) -> Option<f64> {
    if model.report().method != SegmentMethod::KMeans {
        return None;
    }
    let taken = model.segments().len();
    let mut tried = model.report().stability.iter();
    tried.find(|(number, _)| usize::from(*number) == taken).map(|(_, stable)| *stable)
}

/// What the other method makes of the same customers.
fn beside(report: &segmentation::Report) -> Option<OtherDivision> {
    let money = |minor: f64| Amount(minor.round() as i64);
    let row = |group: &segmentation::Segment| GroupRow {
        name: group.name.clone(),
        size: group.size,
        recency_days: group.recency_days,
        frequency: group.frequency,
        average_basket: money(group.average_order),
        revenue: money(group.revenue),
    };
    match (&report.niches, &report.divided) {
        (Some(found), _) => Some(OtherDivision {
            method: SegmentMethod::Dbscan,
            groups: found.niches.iter().map(row).collect(),
            found: found.found,
            apart: found.apart.as_ref().map(row),
            agreement: found.agreement,
            silhouette: found.silhouette,
        }),
        (None, Some(divided)) => Some(OtherDivision {
            method: SegmentMethod::KMeans,
            groups: divided.segments.iter().map(row).collect(),
            found: u32::try_from(divided.segments.len()).unwrap_or(u32::MAX),
            apart: None,
            agreement: divided.agreement,
            silhouette: divided.silhouette,
        }),
        (None, None) => None,
    }
}

fn leading(component: segmentation::Leading, titles: &BTreeMap<String, String>) -> LeadingComponent {
    let named = |ids: Vec<String>| ids.into_iter().map(|id| titles.get(&id).cloned().unwrap_or(id)).collect();
    LeadingComponent {
        explained: Rate((component.explained.clamp(0.0, 1.0) * 10_000.0).round() as u32),
        more: named(component.more),
        less: named(component.less),
    }
}

fn row(name: SegmentName, figures: &SegmentFigures) -> SegmentRow {
    let mut strongest: Vec<(&String, i64)> = figures.composition.iter().map(|(title, spend)| (title, *spend)).collect();
    strongest.retain(|(_, spend)| *spend > 0);
    strongest.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let spend: i64 = strongest.iter().map(|s| s.1).fold(0, i64::saturating_add);
    let money = |median: f64| Amount(median.round() as i64);
    SegmentRow {
        name,
        size: figures.size.unsigned_abs(),
        recency_days: figures.recency_days,
        frequency: figures.frequency,
        monetary: money(figures.monetary),
        average_basket: money(figures.average_basket),
        revenue: Amount(figures.revenue),
        average_discount: share(figures.discount, figures.revenue.saturating_add(figures.discount)),
        margin_after_discount_bp: margin(figures.costed_revenue, figures.cost),
        worth: None,
        habits: SegmentHabits {
            gap_days: figures.gap_days,
            gap_spread_days: figures.gap_spread_days,
            discounted: share(figures.discounted, figures.visits),
            returned: share(figures.returned, figures.revenue.saturating_add(figures.returned)),
            // A visit in an hour lies in its middle.
            hour: around(&figures.hours).map(|hour| (hour + 0.5) % 24.0),
            weekday: around(&figures.weekdays).map(|day| day.round() as u8 % 7),
        },
        composition: strongest.into_iter().take(STRONGEST).map(|(t, s)| (t.clone(), share(s, spend))).collect(),
    }
}

/// Where on a circle of as many places as there are counts these lie: the direction of their mean (Mardia and Jupp 2000,
/// "Directional statistics", 2.2). `None` where they hardly have one: its length is under [`GATHERED`].
fn around(counts: &[i64]) -> Option<f64> {
    let turn = std::f64::consts::TAU / counts.len().max(1) as f64;
    let all: f64 = counts.iter().map(|count| *count as f64).sum();
    let part = |way: fn(f64) -> f64| {
        counts.iter().zip(0..).map(|(n, place)| *n as f64 * way(turn * f64::from(place))).sum::<f64>()
    };
    let (x, y) = (part(f64::cos), part(f64::sin));
    (all > 0.0 && x.hypot(y) >= GATHERED * all).then(|| y.atan2(x).rem_euclid(std::f64::consts::TAU) / turn)
}

/// `part` of `whole`, rounded half up; zero where there is no whole.
fn share(part: i64, whole: i64) -> Rate {
    if part <= 0 || whole <= 0 {
        return Rate::ZERO;
    }
    let bp = (i128::from(part) * 20_000 + i128::from(whole)) / (2 * i128::from(whole));
    Rate(u32::try_from(bp).unwrap_or(u32::MAX))
}

fn margin(revenue: i64, cost: Option<i64>) -> Option<i64> {
    let cost = cost.filter(|_| revenue > 0)?;
    i64::try_from(i128::from(revenue.saturating_sub(cost)) * 10_000 / i128::from(revenue)).ok()
}

#[cfg(test)]
mod tests;
