//! The fitted value: everything that places a customer, and what the fit found. Serialisable, versioned, immutable.

use std::ops::ControlFlow;

use domain::segment::Drift;
use domain::{SegmentMethod, SegmentName};
use serde::{Deserialize, Serialize};

use crate::clustering::Dbscan;
use crate::components::{Components, Leading};
use crate::describe::{Seen, crowds, describe};
use crate::drift::{Spread, stability_index};
use crate::features::{self, BEHAVIOUR, Scale};
use crate::niches::{self, Niches};
use crate::prospects::{Origin, Prospects};
use crate::{Decision, Facts, FitError, Progress, Rules, cluster, identity, stability};

/// The form of the serialised model. One without identities (form 1) is read, and numbered as it stands; one without components
/// (form 2) looks at shares as they are; one of form 3 knows no density; others are not read.
const FORMAT: u16 = 4;
/// Segments of customers drawn again must agree with those of all so far (adjusted Rand index), where any number of them does.
const STABLE: f64 = 0.8;
/// A segment whose centre moved further, in standard deviations of the new fit, is another one.
const ANOTHER: f64 = 1.5;
/// Farther than this is as good as no way at all.
const FAR: f64 = 1e6;
/// One that moved further is called by what it is now.
const RENAMED: f64 = 0.75;

/// What a fit learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Model {
    stored: Stored,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stored {
    format: u16,
    categories: Vec<String>,
    /// Of the categories; without them their shares are looked at one by one.
    #[serde(default)]
    components: Option<Components>,
    scales: Vec<Scale>,
    centroids: Vec<Vec<f64>>,
    segments: Vec<Segment>,
    report: Report,
    /// The identity that the next new segment gets: none is used twice.
    #[serde(default)]
    next_id: u32,
    /// How the customers' behaviour was spread; of a model from before this was kept there is none.
    #[serde(default)]
    spreads: Vec<Spread>,
    /// Where density divides: what places customers in the place of the centroids, which then only say where segments are.
    #[serde(default)]
    dense: Option<Dense>,
    #[serde(default)]
    prospects: Option<Prospects>,
}

/// Niches as segments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dense {
    pub found: Dbscan,
    /// The segment of each niche, by place; what is none of them is in the last.
    pub segment_of: Vec<u16>,
}

/// One segment as the fit saw it. Money is in minor units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// What it is over all fits: a segment that is found again keeps it, and one that is new gets one that was never used.
    #[serde(default)]
    pub id: u32,
    pub name: SegmentName,
    pub size: u64,
    /// Medians of the members.
    pub recency_days: f64,
    pub frequency: f64,
    pub monetary: f64,
    pub average_order: f64,
    /// Sum of the members' spend.
    pub revenue: f64,
}

/// How good the fit is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Customers with a purchase.
    pub samples: u64,
    /// Mean silhouette of the chosen number of segments.
    pub silhouette: f64,
    /// The mean silhouette of every number of segments that was tried.
    pub tried: Vec<(u16, f64)>,
    /// How far each of these is found again among customers drawn again: the mean adjusted Rand index, 1 is always.
    #[serde(default)]
    pub stability: Vec<(u16, f64)>,
    /// Segments that were found again of the fit before.
    #[serde(default)]
    pub kept: u16,
    /// How far these customers are from those of the fit before; none where that is not known.
    #[serde(default)]
    pub drift: Option<Drift>,
    /// Mean squared distance to the own centroid, in scaled units.
    pub inertia: f64,
    #[serde(default)]
    pub method: SegmentMethod,
    /// What density sees of the same customers, where K-Means divides them; none where they are too few, or it was not looked at.
    #[serde(default)]
    pub niches: Option<Niches>,
    /// How K-Means would divide them, where density does.
    #[serde(default)]
    pub divided: Option<Divided>,
}

/// Segments as K-Means would have them, beside those that density found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Divided {
    /// In order of revenue.
    pub segments: Vec<Segment>,
    pub silhouette: f64,
    /// How far both agree about those who are in a niche: adjusted Rand index, 1 is the same, 0 as by chance.
    pub agreement: f64,
}

/// Learns segments from customers. Those without a purchase are newcomers and teach nothing.
///
/// # Errors
/// [`FitError::TooFew`] under the rules' `min_samples` customers with a purchase.
pub fn fit(samples: &[Facts], rules: &Rules, seed: u64) -> Result<Model, FitError> {
    refit(samples, rules, seed, None, &mut |_, _| ControlFlow::Continue(()))
}

/// Learns segments anew, and finds those of the fit before again: each keeps its identity, and its name as long as it did not
/// move far and the customers around it are not others (drift): so who is called something else behaves otherwise.
///
/// # Errors
/// As [`fit`], and [`FitError::Cancelled`] when `progress` breaks.
pub fn refit(
    samples: &[Facts],
    rules: &Rules,
    seed: u64,
    before: Option<&Model>,
    progress: Progress<'_>,
) -> Result<Model, FitError> {
    let params = &rules.0;
    let mut samples: Vec<Facts> = samples.iter().filter(|s| s.frequency > 0).map(features::canonical).collect();
    if samples.len() < params.min_samples {
        return Err(FitError::TooFew { found: samples.len(), needed: params.min_samples });
    }
    samples.sort_by(features::order);
    let categories = features::strongest(&samples, params.top_categories);
    let composition: Vec<Vec<f64>> = samples.iter().map(|s| features::shares(s, &categories).collect()).collect();
    let components = Components::of(&composition);
    drop(composition);
    let mut rows: Vec<Vec<f64>> = samples.iter().map(|s| features::raw(s, &categories, components.as_ref())).collect();
    let weights = features::weights(categories.len(), components.as_ref());
    let width = weights.len();
    let scales = features::scales(&rows, &weights);
    let spreads = Spread::of(&rows);
    let drift = before.and_then(|before| drift(before, &samples, &rows));
    rows.iter_mut().for_each(|row| scale(row, &scales));

    let Choice { centroids, silhouette, tried, stability } = choose(&rows, width, rules, seed, progress)?;
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); centroids.len()];
    let mut segment_of = Vec::with_capacity(rows.len());
    let mut inertia = 0.0;
    for (i, row) in rows.iter().enumerate() {
        let own = cluster::nearest(&centroids, row);
        members[own].push(i);
        segment_of.push(own);
        inertia += row.iter().zip(&centroids[own]).map(|(x, c)| (x - c).powi(2)).sum::<f64>();
    }
    let inertia = inertia / rows.len() as f64;
    let seen = Seen { samples: &samples, rows: &rows, categories: &categories, titles: &params.titles };
    let placed = niches::place(&rows, width)?;
    let agreement = placed.as_ref().map_or(0.0, |placed| placed.agreement(&segment_of));
    let crowded = placed.as_ref().map_or(0.0, |placed| {
        let of = |row: usize| placed.of[row].map(|niche| niche as usize);
        cluster::silhouette(&rows, placed.count as usize, of, params.silhouette_sample)
    });
    let kmeans = describe(&seen, &members);
    let mut report = Report {
        samples: samples.len() as u64,
        silhouette,
        tried,
        stability,
        kept: 0,
        drift,
        inertia,
        method: params.method,
        niches: None,
        divided: None,
    };
    let (centroids, segments, dense) = match params.method {
        SegmentMethod::KMeans => {
            let told = |groups: &[Vec<usize>]| describe(&seen, groups).segments;
            report.niches = placed.map(|placed| Niches::of(&placed, agreement, crowded, &told));
            (kmeans.order.iter().map(|place| centroids[*place].clone()).collect(), kmeans.segments, None)
        }
        SegmentMethod::Dbscan => {
            let placed = placed.filter(|placed| placed.count > 0).ok_or(FitError::NoNiches)?;
            report.divided = Some(Divided { segments: kmeans.segments, silhouette, agreement });
            report.silhouette = crowded;
            let (centroids, segments, dense) = crowds(&seen, placed);
            (centroids, segments, Some(dense))
        }
    };
    let mut stored = Stored {
        format: FORMAT,
        categories,
        components,
        scales,
        centroids,
        segments,
        report,
        next_id: 1,
        spreads,
        dense,
        prospects: None,
    };
    recognise(&mut stored, before.map(|before| &before.stored));
    Ok(Model { stored })
}

/// How far customers, with their features unscaled, are from those that a model was learned from.
fn drift(before: &Model, samples: &[Facts], rows: &[Vec<f64>]) -> Option<Drift> {
    let known = &before.stored;
    let [recency, frequency, monetary, average_order] = known.spreads.as_slice() else { return None };
    let mut now = vec![0.0; known.segments.len()];
    for facts in samples {
        if let Some(place) = usize::from(before.assign(facts).segment).checked_sub(1) {
            now[place] += 1.0 / samples.len() as f64;
        }
    }
    let all: u64 = known.segments.iter().map(|segment| segment.size).sum();
    let then: Vec<f64> = known.segments.iter().map(|segment| segment.size as f64 / all.max(1) as f64).collect();
    let of = |spread: &Spread, place: usize| spread.drift_of(rows.iter().map(|row| row[place]));
    Some(Drift {
        recency: of(recency, 0),
        frequency: of(frequency, 1),
        monetary: of(monetary, 2),
        average_order: of(average_order, 3),
        segments: stability_index(&then, &now),
    })
}

/// Gives every segment its identity: that of the segment before which it is by the assignment that moves all of them least,
/// if it is near enough, else a new one.
fn recognise(stored: &mut Stored, before: Option<&Stored>) {
    let none = Vec::new();
    let old = before.map_or(&none, |before| &before.centroids);
    let costs: Vec<Vec<f64>> = (0..stored.centroids.len())
        .map(|new| (0..old.len()).map(|n| apart(stored, new, before, n)).collect())
        .collect();
    let assigned = identity::assign(&costs);
    stored.next_id = before.map_or(1, |before| before.next_id.max(1));
    // Names say where a segment stands among all: among other customers it may stand elsewhere.
    let same_crowd = stored.report.drift.is_none_or(|drift| drift.worst() < Drift::ALARM);
    let mut names: Vec<Option<SegmentName>> = Vec::with_capacity(assigned.len());
    for (new, old) in assigned.into_iter().enumerate() {
        let found = old.filter(|old| costs[new][*old] <= ANOTHER).and_then(|n| Some((n, before?.segments.get(n)?)));
        let segment = &mut stored.segments[new];
        match found {
            Some((n, known)) => {
                segment.id = known.id;
                stored.report.kept += 1;
                names.push((same_crowd && costs[new][n] <= RENAMED).then(|| known.name.clone()));
            }
            None => {
                segment.id = stored.next_id;
                stored.next_id = stored.next_id.saturating_add(1);
                names.push(None);
            }
        }
    }
    // The old names stay; a new one that is taken is told apart by its rank.
    let mut taken: Vec<SegmentName> = names.iter().flatten().cloned().collect();
    for (segment, name) in stored.segments.iter_mut().zip(names) {
        match name {
            Some(name) => segment.name = name,
            None => {
                while taken.contains(&segment.name) {
                    let SegmentName::Profile { rank, .. } = &mut segment.name else { break };
                    *rank = rank.saturating_add(1);
                }
                taken.push(segment.name.clone());
            }
        }
    }
}

/// How far a segment is from one of the fit before, in standard deviations of the new fit. Features are compared by what they
/// are, categories by their ids: the two fits scale differently, and may look at other categories along other components.
fn apart(new: &Stored, centroid: usize, before: Option<&Stored>, other: usize) -> f64 {
    let Some(before) = before else { return FAR };
    // Who is like nobody is no crowd, wherever their middle is.
    match [&new.segments[centroid].name, &before.segments[other].name].map(|name| *name == SegmentName::Apart) {
        [true, true] => return 0.0,
        [false, false] => {}
        _ => return FAR,
    }
    let (now, then) = (new.unscaled(centroid), before.unscaled(other));
    let mut moved: Vec<f64> = (0..BEHAVIOUR).map(|place| now[place] - then[place]).collect();
    let (shares, known) = (new.shares_of(&now), before.shares_of(&then));
    let differences: Vec<f64> = new
        .categories
        .iter()
        .zip(shares)
        // A category that the old fit did not look at says nothing of how far its segments moved.
        .map(|(id, share)| before.categories.iter().position(|old| old == id).map_or(0.0, |old| share - known[old]))
        .collect();
    match &new.components {
        Some(components) => moved.extend(components.along(&differences)),
        None => moved.extend(differences),
    }
    let sum: f64 = moved.iter().zip(&new.scales).map(|(x, scale)| (x * scale.factor).powi(2)).sum();
    sum.sqrt().min(FAR)
}

impl Stored {
    /// A centroid's features as they are.
    fn unscaled(&self, centroid: usize) -> Vec<f64> {
        let raw =
            |(x, scale): (&f64, &Scale)| if scale.factor > 0.0 { x / scale.factor + scale.mean } else { scale.mean };
        self.centroids[centroid].iter().zip(&self.scales).map(raw).collect()
    }

    /// The shares of the categories that such features say.
    fn shares_of(&self, unscaled: &[f64]) -> Vec<f64> {
        let composition = &unscaled[BEHAVIOUR..];
        self.components.as_ref().map_or_else(|| composition.to_vec(), |components| components.shares(composition))
    }
}

/// The segments that were chosen, and what was tried.
struct Choice {
    centroids: Vec<Vec<f64>>,
    silhouette: f64,
    tried: Vec<(u16, f64)>,
    stability: Vec<(u16, f64)>,
}

/// Tries every number of segments. Of those that customers drawn again show as well the best silhouette counts, of equal ones
/// the fewest; where no number is stable, the one that is most.
fn choose(
    rows: &[Vec<f64>],
    width: usize,
    rules: &Rules,
    seed: u64,
    progress: Progress<'_>,
) -> Result<Choice, FitError> {
    let distinct = distinct(rows);
    let (few, many) = rules.0.segments;
    let (few, many) = (few.min(distinct), many.min(distinct));
    let (mut found, mut tried, mut stability) = (Vec::new(), Vec::new(), Vec::new());
    let steps = (many + 1 - few) as u64;
    for k in few..=many {
        if progress((k - few) as u64, steps).is_break() {
            return Err(FitError::Cancelled);
        }
        let centroids = cluster::k_means(rows, width, k, rules.0.runs, seed)?;
        let of = |row: usize| Some(cluster::nearest(&centroids, &rows[row]));
        let quality = cluster::silhouette(rows, centroids.len(), of, rules.0.silhouette_sample);
        // With one number to choose from there is nothing to choose.
        let stable = if few == many { 1.0 } else { stability::stability(rows, width, &centroids, seed)? };
        let name = u16::try_from(k).unwrap_or(u16::MAX);
        tried.push((name, quality));
        if few != many {
            stability.push((name, stable));
        }
        found.push((centroids, quality, stable));
    }
    if progress(steps, steps).is_break() {
        return Err(FitError::Cancelled);
    }
    let any = found.iter().any(|(.., stable)| *stable >= STABLE);
    let mut best: Option<(Vec<Vec<f64>>, f64, f64)> = None;
    for (centroids, quality, stable) in found {
        let worth = match (any, stable >= STABLE) {
            (true, true) => quality,
            (true, false) => f64::NEG_INFINITY,
            (false, _) => stable,
        };
        if best.as_ref().is_none_or(|(.., known)| worth > *known) {
            best = Some((centroids, quality, worth));
        }
    }
    let (centroids, silhouette, _) = best.ok_or(FitError::Params("no number of segments to try"))?;
    Ok(Choice { centroids, silhouette, tried, stability })
}

/// How many rows differ by more than rounding.
fn distinct(rows: &[Vec<f64>]) -> usize {
    let mut keys: Vec<Vec<i64>> =
        rows.iter().map(|row| row.iter().map(|x| (x * 1e6).round() as i64).collect()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len()
}

/// Beyond so many deviations everything is alike: a handful who paid nothing must not become a segment of their own.
const FURTHEST: f64 = 2.5;

fn scale(row: &mut [f64], scales: &[Scale]) {
    row.iter_mut().zip(scales).for_each(|(x, s)| *x = ((*x - s.mean) * s.factor).clamp(-FURTHEST, FURTHEST));
}

impl Model {
    /// Places one customer. Who has not bought is a newcomer.
    #[must_use]
    pub fn assign(&self, facts: &Facts) -> Decision {
        if facts.frequency == 0 || self.stored.centroids.is_empty() {
            return Decision { segment: 0 };
        }
        let mut row = features::raw(facts, &self.stored.categories, self.stored.components.as_ref());
        scale(&mut row, &self.stored.scales);
        let place = match &self.stored.dense {
            None => cluster::nearest(&self.stored.centroids, &row),
            Some(dense) => {
                let niche = dense.found.assign(&row).and_then(|niche| dense.segment_of.get(niche as usize));
                niche.map_or(self.stored.segments.len() - 1, |place| usize::from(*place))
            }
        };
        Decision { segment: u16::try_from(place + 1).unwrap_or(0) }
    }

    /// Learns what newcomers are likely to become from customers who were placed by this very model: where each came from, and their
    /// segment. Nothing is learned where that says nothing ([`Prospects`]). The order of the customers should be none.
    #[must_use]
    pub fn with_prospects(mut self, customers: &[(Origin, Decision)]) -> Self {
        let placed = customers
            .iter()
            .filter_map(|(origin, decision)| Some((origin.clone(), usize::from(decision.segment).checked_sub(1)?)));
        self.stored.prospects = Prospects::learn(&placed.collect::<Vec<_>>(), self.stored.segments.len());
        self
    }

    /// Places somebody who has not bought yet by where they came from: an index after those of the segments, or 0 where that says
    /// nothing.
    #[must_use]
    pub fn expect(&self, origin: &Origin) -> Decision {
        let segments = &self.stored.segments;
        let likely = self.stored.prospects.as_ref().and_then(|prospects| prospects.likeliest(origin));
        let called = likely.map(|place| prospect(&segments[place].name)).filter(|name| *name != SegmentName::Newcomers);
        // Of segments that newcomers are not told apart by, the first.
        let place = called.and_then(|name| segments.iter().position(|segment| prospect(&segment.name) == name));
        Decision { segment: place.and_then(|place| u16::try_from(1 + segments.len() + place).ok()).unwrap_or(0) }
    }

    /// The name of a segment, and after them of who is likely to come to each; newcomers for 0 and for an index that the model does
    /// not have.
    #[must_use]
    pub fn name(&self, segment: u16) -> SegmentName {
        let segments = &self.stored.segments;
        let Some(place) = usize::from(segment).checked_sub(1) else { return SegmentName::Newcomers };
        match (segments.get(place), place.checked_sub(segments.len()).and_then(|place| segments.get(place))) {
            (Some(segment), _) => segment.name.clone(),
            (None, Some(likely)) => prospect(&likely.name),
            (None, None) => SegmentName::Newcomers,
        }
    }

    /// What newcomers are expected by, where that says anything.
    #[must_use]
    pub fn prospects(&self) -> Option<&Prospects> {
        self.stored.prospects.as_ref()
    }

    /// The segments from index 1 on, in order of revenue.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.stored.segments
    }

    #[must_use]
    pub fn report(&self) -> &Report {
        &self.stored.report
    }

    /// What tells orders apart, strongest first.
    #[must_use]
    pub fn leading(&self) -> Vec<Leading> {
        self.stored.components.as_ref().map(|known| known.leading(&self.stored.categories)).unwrap_or_default()
    }
}

/// What somebody is called who is likely to come to a segment of this name.
fn prospect(name: &SegmentName) -> SegmentName {
    match name {
        SegmentName::Profile { habit, basket, .. } => SegmentName::Prospects { habit: *habit, basket: *basket },
        _ => SegmentName::Newcomers,
    }
}

impl From<Model> for Stored {
    fn from(model: Model) -> Self {
        model.stored
    }
}

/// A model from outside is checked once, so that nothing after it can be out of bounds.
impl TryFrom<Stored> for Model {
    type Error = String;

    fn try_from(mut stored: Stored) -> Result<Self, String> {
        let composition = stored.components.as_ref().map_or(stored.categories.len(), Components::count);
        let width = BEHAVIOUR + composition;
        if stored.format == 2 || stored.format == 3 {
            stored.format = FORMAT;
        }
        if stored.format == 1 {
            stored.format = FORMAT;
            stored.segments.iter_mut().zip(1..).for_each(|(segment, id)| segment.id = id);
            stored.next_id = u32::try_from(stored.segments.len()).unwrap_or(u32::MAX).saturating_add(1);
        }
        if stored.format != FORMAT {
            return Err(format!("segment model of format {}, and this Kava reads {FORMAT}", stored.format));
        }
        let fits = |components: &Components| components.fits(stored.categories.len());
        if !stored.components.as_ref().is_none_or(fits)
            || stored.scales.len() != width
            || stored.centroids.iter().any(|c| c.len() != width)
        {
            return Err("segment model whose parts do not fit together".to_owned());
        }
        if stored.segments.len() != stored.centroids.len() {
            return Err("segment model with segments that have no centroid".to_owned());
        }
        let segments = stored.segments.len();
        let leads = |dense: &Dense| {
            dense.found.width() == width
                && dense.segment_of.len() == dense.found.clusters() as usize
                && dense.segment_of.iter().all(|place| usize::from(*place) < segments)
        };
        if !stored.dense.as_ref().is_none_or(leads) || stored.dense.is_some() && segments == 0 {
            return Err("segment model whose niches lead to no segment".to_owned());
        }
        if !stored.prospects.as_ref().is_none_or(|prospects| prospects.is_sound(segments)) {
            return Err("segment model whose prospects are not of its segments".to_owned());
        }
        if !stored.spreads.iter().all(Spread::is_sound) {
            return Err("segment model with a spread that makes no sense".to_owned());
        }
        if stored.centroids.iter().flatten().any(|x| !x.is_finite()) {
            return Err("segment model with numbers that are not finite".to_owned());
        }
        Ok(Self { stored })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{planted, rules};

    /// A model of before there were components looked at the shares themselves. It is read, places customers as it did, and the
    /// next fit finds its segments again.
    #[test]
    fn a_model_without_components_is_read_and_its_segments_are_found_again() {
        let customers: Vec<Facts> = planted(40).into_iter().map(|customer| customer.1).collect();
        let model = fit(&customers, &rules(), 7).unwrap();
        assert!(model.stored.components.is_some());
        let mut old = model.stored.clone();
        for place in 0..old.centroids.len() {
            let shares = old.shares_of(&old.unscaled(place));
            old.centroids[place].splice(BEHAVIOUR.., shares);
        }
        old.scales.truncate(BEHAVIOUR);
        old.scales.resize(BEHAVIOUR + old.categories.len(), Scale { mean: 0.0, factor: 1.0 });
        old.segments.iter_mut().zip([7, 8, 9]).for_each(|(segment, id)| segment.id = id);
        (old.next_id, old.components, old.format) = (10, None, 2);
        let mut json = serde_json::to_value(&old).unwrap();
        json.as_object_mut().unwrap().remove("components");
        let old: Model = serde_json::from_value(json).unwrap();
        for facts in &customers {
            assert_eq!(old.assign(facts), model.assign(facts));
        }
        let new = refit(&customers, &rules(), 3, Some(&old), &mut |_, _| ControlFlow::Continue(())).unwrap();
        let mut ids: Vec<u32> = new.segments().iter().map(|segment| segment.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, [7, 8, 9]);
        let told = new.leading();
        let named: Vec<&String> = told[0].more.iter().chain(&told[0].less).collect();
        assert!(told[0].explained > 0.4 && named.len() >= 2, "{told:?}");
    }
}
