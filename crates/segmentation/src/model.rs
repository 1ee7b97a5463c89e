//! The fitted value: everything that places a customer, and what the fit found. Serialisable, versioned, immutable.

use domain::SegmentName;
use serde::{Deserialize, Serialize};

use crate::features::{self, BEHAVIOUR, Scale};
use crate::naming::{self, Profile, Whole, quantile};
use crate::{Decision, Facts, FitError, Rules, cluster};

/// The form of the serialised model. Another form is another number, and is not read.
const FORMAT: u16 = 1;

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
    scales: Vec<Scale>,
    centroids: Vec<Vec<f64>>,
    segments: Vec<Segment>,
    report: Report,
}

/// One segment as the fit saw it. Money is in minor units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
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
    /// Mean squared distance to the own centroid, in scaled units.
    pub inertia: f64,
}

/// Learns segments from customers. Those without a purchase are newcomers and teach nothing.
///
/// # Errors
/// [`FitError::TooFew`] under the rules' `min_samples` customers with a purchase.
pub fn fit(samples: &[Facts], rules: &Rules, seed: u64) -> Result<Model, FitError> {
    let params = &rules.0;
    let mut samples: Vec<Facts> = samples.iter().filter(|s| s.frequency > 0).map(features::canonical).collect();
    if samples.len() < params.min_samples {
        return Err(FitError::TooFew { found: samples.len(), needed: params.min_samples });
    }
    samples.sort_by(features::order);
    let categories = features::strongest(&samples, params.top_categories);
    let width = BEHAVIOUR + categories.len();
    let mut rows: Vec<Vec<f64>> = samples.iter().map(|s| features::raw(s, &categories).collect()).collect();
    let scales = features::scales(&rows, width);
    rows.iter_mut().for_each(|row| scale(row, &scales));

    let (centroids, tried) = choose(&rows, width, rules, seed)?;
    let silhouette = tried.iter().map(|t| t.1).fold(f64::NEG_INFINITY, f64::max).max(-1.0);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); centroids.len()];
    let mut inertia = 0.0;
    for (i, row) in rows.iter().enumerate() {
        let own = cluster::nearest(&centroids, row);
        members[own].push(i);
        inertia += row.iter().zip(&centroids[own]).map(|(x, c)| (x - c).powi(2)).sum::<f64>();
    }
    let inertia = inertia / rows.len() as f64;
    let (centroids, segments) = describe(&samples, centroids, &members, &categories, &params.titles);
    let report = Report { samples: samples.len() as u64, silhouette, tried, inertia };
    Ok(Model { stored: Stored { format: FORMAT, categories, scales, centroids, segments, report } })
}

/// Tries every number of segments and keeps the one of the best silhouette; of equal ones the fewest.
#[expect(clippy::type_complexity, reason = "centroids, and the silhouettes that were tried")]
fn choose(
    rows: &[Vec<f64>],
    width: usize,
    rules: &Rules,
    seed: u64,
) -> Result<(Vec<Vec<f64>>, Vec<(u16, f64)>), FitError> {
    let distinct = distinct(rows);
    let (few, many) = rules.0.segments;
    let (few, many) = (few.min(distinct), many.min(distinct));
    let mut best: Option<(f64, Vec<Vec<f64>>)> = None;
    let mut tried = Vec::new();
    for k in few..=many {
        let centroids = cluster::k_means(rows, width, k, rules.0.runs, seed)?;
        let quality = cluster::silhouette(rows, &centroids, rules.0.silhouette_sample);
        tried.push((u16::try_from(k).unwrap_or(u16::MAX), quality));
        if best.as_ref().is_none_or(|(b, _)| quality > *b) {
            best = Some((quality, centroids));
        }
    }
    best.map(|(_, centroids)| (centroids, tried)).ok_or(FitError::Params("no number of segments to try"))
}

/// How many rows differ by more than rounding.
fn distinct(rows: &[Vec<f64>]) -> usize {
    let mut keys: Vec<Vec<i64>> =
        rows.iter().map(|row| row.iter().map(|x| (x * 1e6).round() as i64).collect()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len()
}

/// Names and profiles, in order of revenue: that is the segments' identity within a model.
fn describe(
    samples: &[Facts],
    centroids: Vec<Vec<f64>>,
    members: &[Vec<usize>],
    categories: &[String],
    titles: &std::collections::BTreeMap<String, String>,
) -> (Vec<Vec<f64>>, Vec<Segment>) {
    let mean_shares = |of: &mut dyn Iterator<Item = usize>| {
        let mut sums = vec![0.0; categories.len()];
        let mut count = 0.0_f64;
        for i in of {
            count += 1.0;
            features::shares(&samples[i], categories).zip(&mut sums).for_each(|(share, sum)| *sum += share);
        }
        sums.into_iter().map(|sum| sum / count.max(1.0)).collect::<Vec<f64>>()
    };
    let whole_shares = mean_shares(&mut (0..samples.len()));
    let mut found: Vec<(Vec<f64>, Profile, Segment)> = centroids
        .into_iter()
        .zip(members)
        .filter(|(_, members)| !members.is_empty())
        .map(|(centroid, members)| {
            let median = |of: fn(&Facts) -> f64| {
                let mut values: Vec<f64> = members.iter().map(|&i| of(&samples[i])).collect();
                values.sort_by(f64::total_cmp);
                quantile(&values, 0.5)
            };
            let segment = Segment {
                name: SegmentName::Newcomers,
                size: members.len() as u64,
                recency_days: median(|f| f.recency_days),
                frequency: median(|f| f64::from(f.frequency)),
                monetary: median(|f| f.monetary),
                average_order: median(|f| f.average_order),
                revenue: members.iter().map(|&i| samples[i].monetary).sum(),
            };
            let profile = Profile {
                recency: segment.recency_days,
                frequency: segment.frequency,
                basket: segment.average_order,
                shares: mean_shares(&mut members.iter().copied()),
            };
            (centroid, profile, segment)
        })
        .collect();
    found.sort_by(|a, b| {
        let rest = a.0.iter().zip(&b.0).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
        b.2.revenue.total_cmp(&a.2.revenue).then(rest.unwrap_or(std::cmp::Ordering::Equal))
    });
    let (mut centroids, mut profiles, mut segments) = (Vec::new(), Vec::new(), Vec::new());
    for (centroid, profile, segment) in found {
        centroids.push(centroid);
        profiles.push(profile);
        segments.push(segment);
    }
    let names = naming::name(&profiles, &Whole::of(samples), categories, &whole_shares, titles);
    segments.iter_mut().zip(names).for_each(|(segment, name)| segment.name = name);
    (centroids, segments)
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
        let mut row: Vec<f64> = features::raw(facts, &self.stored.categories).collect();
        scale(&mut row, &self.stored.scales);
        let nearest = cluster::nearest(&self.stored.centroids, &row);
        Decision { segment: u16::try_from(nearest + 1).unwrap_or(0) }
    }

    /// The name of a segment; newcomers for 0 and for an index that the model does not have.
    #[must_use]
    pub fn name(&self, segment: u16) -> SegmentName {
        match usize::from(segment).checked_sub(1).and_then(|i| self.stored.segments.get(i)) {
            Some(segment) => segment.name.clone(),
            None => SegmentName::Newcomers,
        }
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
}

impl From<Model> for Stored {
    fn from(model: Model) -> Self {
        model.stored
    }
}

/// A model from outside is checked once, so that nothing after it can be out of bounds.
impl TryFrom<Stored> for Model {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let width = BEHAVIOUR + stored.categories.len();
        if stored.format != FORMAT {
            return Err(format!("segment model of format {}, and this Kava reads {FORMAT}", stored.format));
        }
        if stored.scales.len() != width || stored.centroids.iter().any(|c| c.len() != width) {
            return Err("segment model whose parts do not fit together".to_owned());
        }
        if stored.segments.len() != stored.centroids.len() {
            return Err("segment model with segments that have no centroid".to_owned());
        }
        if stored.centroids.iter().flatten().any(|x| !x.is_finite()) {
            return Err("segment model with numbers that are not finite".to_owned());
        }
        Ok(Self { stored })
    }
}
