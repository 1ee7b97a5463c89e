//! Groups of customers -> segments with a profile and a name.

use std::collections::BTreeMap;

use domain::SegmentName;

use crate::Facts;
use crate::features;
use crate::model::{Dense, Segment};
use crate::naming::{self, Profile, Whole, quantile};
use crate::niches::{self, Placed};

/// The customers of a fit, with their features scaled.
pub(crate) struct Seen<'a> {
    pub samples: &'a [Facts],
    pub rows: &'a [Vec<f64>],
    pub categories: &'a [String],
    pub titles: &'a BTreeMap<String, String>,
}

impl Seen<'_> {
    fn mean_shares(&self, of: impl Iterator<Item = usize>) -> Vec<f64> {
        let mut sums = vec![0.0; self.categories.len()];
        let mut count = 0.0_f64;
        for i in of {
            count += 1.0;
            let shares = features::shares(&self.samples[i], self.categories);
            shares.zip(&mut sums).for_each(|(share, sum)| *sum += share);
        }
        sums.into_iter().map(|sum| sum / count.max(1.0)).collect()
    }

    /// The mean of rows; where there are none, the middle of everybody.
    fn centre(&self, members: &[usize]) -> Vec<f64> {
        let mut centre = vec![0.0; self.rows.first().map_or(0, Vec::len)];
        for row in members {
            centre.iter_mut().zip(&self.rows[*row]).for_each(|(sum, x)| *sum += x / members.len() as f64);
        }
        centre
    }

    fn revenue(&self, members: &[usize]) -> f64 {
        members.iter().map(|&i| self.samples[i].monetary).sum()
    }
}

/// Groups of customers as segments, and which group each was.
pub(crate) struct Described {
    pub order: Vec<usize>,
    pub segments: Vec<Segment>,
}

/// Names and profiles without empty groups, in order of revenue: that is the segments' identity within a model.
pub(crate) fn describe(seen: &Seen, groups: &[Vec<usize>]) -> Described {
    let mut found: Vec<(usize, Vec<f64>, Profile, Segment)> = groups
        .iter()
        .enumerate()
        .filter(|(_, members)| !members.is_empty())
        .map(|(group, members)| {
            let median = |of: fn(&Facts) -> f64| {
                let mut values: Vec<f64> = members.iter().map(|&i| of(&seen.samples[i])).collect();
                values.sort_by(f64::total_cmp);
                quantile(&values, 0.5)
            };
            let segment = Segment {
                id: 0,
                name: SegmentName::Newcomers,
                size: members.len() as u64,
                recency_days: median(|f| f.recency_days),
                frequency: median(|f| f64::from(f.frequency)),
                monetary: median(|f| f.monetary),
                average_order: median(|f| f.average_order),
                revenue: seen.revenue(members),
            };
            let profile = Profile {
                recency: segment.recency_days,
                frequency: segment.frequency,
                basket: segment.average_order,
                shares: seen.mean_shares(members.iter().copied()),
            };
            (group, seen.centre(members), profile, segment)
        })
        .collect();
    found.sort_by(|a, b| {
        let rest = a.1.iter().zip(&b.1).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
        b.3.revenue.total_cmp(&a.3.revenue).then(rest.unwrap_or(std::cmp::Ordering::Equal))
    });
    let (mut order, mut profiles, mut segments) = (Vec::new(), Vec::new(), Vec::new());
    for (group, _, profile, segment) in found {
        order.push(group);
        profiles.push(profile);
        segments.push(segment);
    }
    let whole = seen.mean_shares(0..seen.samples.len());
    let names = naming::name(&profiles, &Whole::of(seen.samples), seen.categories, &whole, seen.titles);
    segments.iter_mut().zip(names).for_each(|(segment, name)| segment.name = name);
    Described { order, segments }
}

/// The niches that bring most as segments, and last of all everybody else: who stands apart, and who is in a lesser niche. With
/// where each is, and what places customers in them.
pub(crate) fn crowds(seen: &Seen, placed: Placed) -> (Vec<Vec<f64>>, Vec<Segment>, Dense) {
    let (niches, mut apart) = placed.members();
    let mut most: Vec<(usize, f64)> = niches.iter().map(|members| seen.revenue(members)).enumerate().collect();
    most.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    most.truncate(niches::TOLD);
    let groups: Vec<Vec<usize>> = most.iter().map(|(niche, _)| niches[*niche].clone()).collect();
    let Described { order, mut segments } = describe(seen, &groups);
    let mut segment_of = vec![u16::try_from(segments.len()).unwrap_or(u16::MAX); niches.len()];
    for (place, group) in (0..).zip(&order) {
        segment_of[most[*group].0] = place;
    }
    for (niche, members) in niches.iter().enumerate() {
        if usize::from(segment_of[niche]) == segments.len() {
            apart.extend(members);
        }
    }
    let mut centroids: Vec<Vec<f64>> = order.iter().map(|group| seen.centre(&groups[*group])).collect();
    centroids.push(seen.centre(&apart));
    let nobody = Segment {
        id: 0,
        name: SegmentName::Apart,
        size: 0,
        recency_days: 0.0,
        frequency: 0.0,
        monetary: 0.0,
        average_order: 0.0,
        revenue: 0.0,
    };
    let last = describe(seen, &[apart]).segments.pop().unwrap_or(nobody);
    segments.push(Segment { name: SegmentName::Apart, ..last });
    (centroids, segments, Dense { found: placed.found, segment_of })
}
