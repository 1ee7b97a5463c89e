//! The replay itself: sale after sale in the order of time, under two rule sets, each with budgets of its own. Pure.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use contract::simulation::{SimulatedCampaign, SimulatedSums, SimulatedWeek, SimulationReport, Winner, Winners};
use domain::{Amount, CampaignId, CategoryId, Currency, CustomerId, Locale, MarginFloor, SegmentName, Sku, StoreId};
use promotions::{Coupon, Decision, Effect, Facts, Line, Room, Rules, Source, Standing, Tz};
use store::history::{PastSale, Span};
use uuid::Uuid;

/// So many of each kind of winner are told.
const WINNERS: usize = 10;
const WHOLE: u64 = 10_000;

/// What holds for the whole replay.
#[derive(Debug)]
pub(super) struct Setting {
    pub span: Span,
    pub currency: Currency,
    pub floor: MarginFloor,
    /// Of goods: category, and whether they may be offered.
    pub goods: HashMap<Sku, (CategoryId, bool)>,
    pub coupon_share_bp: u16,
}

/// A customer on their way through history.
#[derive(Clone, Debug)]
pub(super) struct Passing {
    pub segment: SegmentName,
    pub registered_at: DateTime<Utc>,
    pub birthday: Option<(u8, u8)>,
    pub visits: u32,
    pub last_purchase_at: Option<DateTime<Utc>>,
}

/// A rule set under which history is replayed.
#[derive(Debug)]
struct Run {
    rules: Rules,
    /// What was taken of each limited account.
    used: HashMap<String, i64>,
    sums: SimulatedSums,
    campaigns: HashMap<CampaignId, SimulatedCampaign>,
}

#[derive(Debug)]
pub(super) struct Fold {
    setting: Setting,
    customers: HashMap<CustomerId, Passing>,
    without: Run,
    with: Run,
    report: SimulationReport,
    weeks: BTreeMap<i64, SimulatedWeek>,
    gains: Gains,
}

#[derive(Debug, Default)]
struct Gains {
    customers: HashMap<CustomerId, i64>,
    segments: HashMap<String, i64>,
    products: HashMap<Sku, i64>,
    stores: HashMap<StoreId, i64>,
}

impl Fold {
    pub(super) fn new(setting: Setting, without: Rules, with: Rules) -> Self {
        let report = SimulationReport {
            currency: setting.currency,
            from: setting.span.from,
            until: setting.span.until,
            sales: 0,
            subtotal: Amount::ZERO,
            discount_then: Amount::ZERO,
            sales_without_cost: 0,
            without_draft: SimulatedSums::default(),
            with_draft: SimulatedSums::default(),
            campaigns: Vec::new(),
            weeks: Vec::new(),
            winners: Winners::default(),
        };
        Self {
            setting,
            customers: HashMap::new(),
            without: Run::new(without),
            with: Run::new(with),
            report,
            weeks: BTreeMap::new(),
            gains: Gains::default(),
        }
    }

    /// Whom of these nobody has told us of yet.
    pub(super) fn strangers(&self, sales: &[PastSale]) -> Vec<CustomerId> {
        let mut ids: Vec<CustomerId> =
            sales.iter().filter_map(|sale| sale.customer).filter(|id| !self.customers.contains_key(id)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    pub(super) fn meet(&mut self, id: CustomerId, customer: Passing) {
        self.customers.insert(id, customer);
    }

    /// The next sale; `zone` is its store's.
    pub(super) fn sale(&mut self, sale: &PastSale, zone: Tz) {
        let mut facts = self.facts(sale, zone);
        facts.coupons = self.with.coupons(sale.id, self.setting.coupon_share_bp);
        let with = self.with.decide(&mut facts);
        facts.coupons = self.without.coupons(sale.id, self.setting.coupon_share_bp);
        let without = self.without.decide(&mut facts);

        let report = &mut self.report;
        report.sales += 1;
        report.subtotal += with.subtotal;
        report.discount_then += sale.lines.iter().map(|line| line.discount).sum::<Amount>();
        let costs: Option<i64> = sale
            .lines
            .iter()
            .map(|line| line.unit_cost.map(|cost| cost.0.saturating_mul(i64::from(line.quantity))))
            .try_fold(0_i64, |sum, cost| Some(sum.saturating_add(cost?)));
        match costs {
            Some(cost) => {
                self.with.sums.margin += with.total - Amount(cost);
                self.without.sums.margin += without.total - Amount(cost);
            }
            None => report.sales_without_cost += 1,
        }
        let week = (sale.at - self.setting.span.from).num_weeks();
        let from = self.setting.span.from + TimeDelta::weeks(week);
        let week = self.weeks.entry(week).or_insert(SimulatedWeek {
            from,
            sales: 0,
            without_draft: Amount::ZERO,
            with_draft: Amount::ZERO,
        });
        week.sales += 1;
        week.without_draft += without.discount;
        week.with_draft += with.discount;
        self.gained(sale, &facts, &with, &without);
        if let Some(customer) = sale.customer.and_then(|id| self.customers.get_mut(&id)) {
            customer.visits = customer.visits.saturating_add(1);
            customer.last_purchase_at = Some(sale.at);
        }
    }

    fn facts(&self, sale: &PastSale, zone: Tz) -> Facts {
        let unknown = (CategoryId::new(String::new()), true);
        let lines = sale.lines.iter().map(|line| {
            let (category, offerable) = self.setting.goods.get(&line.sku).unwrap_or(&unknown);
            Line {
                sku: line.sku.clone(),
                category: category.clone(),
                unit_price: line.unit_price,
                cost: line.unit_cost,
                quantity: line.quantity,
                offerable: *offerable,
            }
        });
        let customer = sale.customer.and_then(|id| self.customers.get(&id).map(|passing| (id, passing)));
        Facts {
            at: sale.at,
            // A receipt that was imported has no store: one that no campaign names.
            store: sale.store.unwrap_or(StoreId(Uuid::nil())),
            zone,
            lines: lines.collect(),
            customer: customer.map(|(id, passing)| promotions::Customer {
                id,
                segment: passing.segment.clone(),
                visits: passing.visits,
                registered_at: passing.registered_at,
                birthday: passing.birthday,
                last_purchase_at: passing.last_purchase_at,
            }),
            card: None,
            coupons: Vec::new(),
            rooms: Vec::new(),
            holdout: false,
            floor: self.setting.floor,
        }
    }

    fn gained(&mut self, sale: &PastSale, facts: &Facts, with: &Decision, without: &Decision) {
        let gain = with.discount.0 - without.discount.0;
        for ((line, with), without) in sale.lines.iter().zip(&with.lines).zip(&without.lines) {
            let gain = with.discount.0 - without.discount.0;
            if gain != 0 {
                *self.gains.products.entry(line.sku.clone()).or_default() += gain;
            }
        }
        if gain == 0 {
            return;
        }
        if let Some(customer) = &facts.customer {
            *self.gains.customers.entry(customer.id).or_default() += gain;
            *self.gains.segments.entry(customer.segment.words(Locale::En)).or_default() += gain;
        }
        if let Some(store) = sale.store {
            *self.gains.stores.entry(store).or_default() += gain;
        }
    }

    pub(super) fn report(self) -> SimulationReport {
        let mut campaigns: Vec<SimulatedCampaign> = self.with.campaigns.into_values().collect();
        campaigns.sort_by(|a, b| b.discount.cmp(&a.discount).then(a.id.cmp(&b.id)));
        SimulationReport {
            without_draft: self.without.sums,
            with_draft: self.with.sums,
            campaigns,
            weeks: self.weeks.into_values().collect(),
            winners: Winners {
                customers: most(self.gains.customers),
                segments: most(self.gains.segments),
                products: most(self.gains.products),
                stores: most(self.gains.stores),
            },
            ..self.report
        }
    }
}

impl Run {
    fn new(rules: Rules) -> Self {
        let campaigns = rules
            .params()
            .campaigns
            .iter()
            .map(|campaign| {
                let seen = SimulatedCampaign {
                    id: campaign.id,
                    name: campaign.name.en.clone(),
                    sales: 0,
                    discount: Amount::ZERO,
                    budget_clipped: Amount::ZERO,
                    exhausted_at: None,
                };
                (campaign.id, seen)
            })
            .collect();
        Self { rules, used: HashMap::new(), sums: SimulatedSums::default(), campaigns }
    }

    /// A code of its own for each campaign that this sale is taken to have one of.
    fn coupons(&self, sale: i64, share_bp: u16) -> Vec<Coupon> {
        let chosen = self.rules.params().campaigns.iter().filter(|campaign| {
            campaign.enabled && campaign.coupon.is_some() && drawn(sale, campaign.id) < u64::from(share_bp)
        });
        chosen
            .map(|campaign| Coupon {
                code: format!("SALE{sale}"),
                standing: Standing::Good { campaign: campaign.id, recipient: None, from: None, until: None },
            })
            .take(1)
            .collect()
    }

    fn decide(&mut self, facts: &mut Facts) -> Decision {
        let accounts = self.rules.accounts(facts);
        facts.rooms = accounts
            .into_iter()
            .map(|account| {
                let used = self.used.get(&account.key).copied().unwrap_or(0);
                Room { left: account.limit.saturating_sub(used), elsewhere: 0, key: account.key }
            })
            .collect();
        let decision = promotions::evaluate(facts, &self.rules);
        self.count(&decision, facts.at);
        decision
    }

    fn count(&mut self, decision: &Decision, at: DateTime<Utc>) {
        for used in &decision.uses {
            let sum = self.used.entry(used.key.clone()).or_default();
            *sum = sum.saturating_add(used.amount);
            if *sum >= used.limit
                && let Some(campaign) = chains(&used.key).and_then(|id| self.campaigns.get_mut(&id))
            {
                campaign.exhausted_at.get_or_insert(at);
            }
        }
        self.sums.sales += u64::from(!decision.discount.is_zero());
        self.sums.discount += decision.discount;
        for effect in &decision.effects {
            match effect {
                Effect::MarginClipped { desired, granted, .. } => self.sums.floor_clipped += *desired - *granted,
                Effect::BudgetClipped { campaign, desired, granted, .. } => {
                    self.sums.budget_clipped += *desired - *granted;
                    if let Some(campaign) = self.campaigns.get_mut(campaign) {
                        campaign.budget_clipped += *desired - *granted;
                    }
                }
                _ => {}
            }
        }
        let mut given: BTreeMap<CampaignId, Amount> = BTreeMap::new();
        for part in decision.lines.iter().flat_map(|line| &line.allocations) {
            if let Source::Campaign(id) | Source::Coupon { campaign: id, .. } = &part.source {
                *given.entry(*id).or_default() += part.amount;
            }
        }
        for (id, amount) in given {
            if let Some(campaign) = self.campaigns.get_mut(&id) {
                campaign.sales += 1;
                campaign.discount += amount;
            }
        }
    }
}

/// The campaign whose budget this account is, where it is not one customer's or one code's.
fn chains(key: &str) -> Option<CampaignId> {
    let (id, rest) = key.split_once('/')?;
    let is_chains = (rest.starts_with("discount") || rest.starts_with("redemptions")) && !rest.contains("/customer=");
    if is_chains { id.parse().ok() } else { None }
}

/// A number below [`WHOLE`] that follows from the sale and the campaign (SplitMix64).
fn drawn(sale: i64, campaign: CampaignId) -> u64 {
    let (high, low) = campaign.0.as_u64_pair();
    let mut z = high ^ low.rotate_left(32) ^ sale.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) % WHOLE
}

fn most<T: ToString + Ord>(gains: HashMap<T, i64>) -> Vec<Winner> {
    let mut all: Vec<(T, i64)> = gains.into_iter().filter(|(_, gain)| *gain > 0).collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    all.into_iter().take(WINNERS).map(|(id, gain)| Winner { id: id.to_string(), gains: Amount(gain) }).collect()
}
