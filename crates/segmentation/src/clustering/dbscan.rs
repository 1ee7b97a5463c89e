//! DBSCAN (Ester, Kriegel, Sander, Xu 1996): who has at least so many others within reach is a core of a cluster, who is
//! within reach of a core belongs to it, and the rest stand apart.
//!
//! Exact, and without ever listing a neighbourhood. Equal rows are one point of their weight. Counting ends as soon as a
//! point is known to be a core. Cores are joined box against box over a k-d tree: boxes that are one cluster already, too
//! far from each other, or within reach as a whole are not opened. So the cost hardly grows with the neighbourhoods.
//!
//! Clusters are numbered, and rows at the border of several go to one, as in scikit-learn: by the first core of each, and to
//! the first of them.

use linfa::ParamGuard;
use linfa::dataset::DatasetBase;
use linfa::traits::{Fit, PredictInplace, Transformer};
use ndarray::{Array1, ArrayBase, Data, Ix2};
use serde::{Deserialize, Serialize};

use super::kd_tree::KdTree;
use super::{ClusterError, Rows, squared};

/// How clusters are found; [`ParamGuard::check`] makes it usable.
#[derive(Clone, Debug, PartialEq)]
pub struct DbscanParams(DbscanRules);

/// Checked [`DbscanParams`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DbscanRules {
    reach: f64,
    min_points: usize,
}

impl DbscanParams {
    /// A core has at least `min_points` rows no farther than `reach`, itself among them.
    #[must_use]
    pub fn new(reach: f64, min_points: usize) -> Self {
        Self(DbscanRules { reach, min_points })
    }

    /// # Errors
    /// [`ClusterError::Params`] when a number makes no sense.
    pub fn check(self) -> Result<DbscanRules, ClusterError> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl ParamGuard for DbscanParams {
    type Checked = DbscanRules;
    type Error = ClusterError;

    fn check_ref(&self) -> Result<&DbscanRules, ClusterError> {
        if !self.0.reach.is_finite() || self.0.reach <= 0.0 {
            return Err(ClusterError::Params("a reach is finite and above zero"));
        }
        if self.0.min_points == 0 {
            return Err(ClusterError::Params("a core has at least one point: itself"));
        }
        Ok(&self.0)
    }

    fn check(self) -> Result<DbscanRules, ClusterError> {
        self.check()
    }
}

/// What a fit found: the cluster of each row, and the cores, by which newcomers are placed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Dbscan {
    stored: Stored,
    cores: std::sync::Arc<KdTree>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stored {
    rules: DbscanRules,
    width: usize,
    labels: Vec<Option<u32>>,
    clusters: u32,
    /// One after the other, and the cluster of each.
    cores: Vec<f64>,
    of_cores: Vec<u32>,
}

/// What comes from outside is checked once, so that nothing after it can be out of bounds.
impl TryFrom<Stored> for Dbscan {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let known = |cluster: &u32| *cluster < stored.clusters;
        if stored.cores.len() != stored.of_cores.len().saturating_mul(stored.width) {
            return Err("cores and their clusters are not as many".to_owned());
        }
        if !stored.of_cores.iter().all(known) || !stored.labels.iter().flatten().all(known) {
            return Err("a cluster that was not found".to_owned());
        }
        if stored.cores.iter().any(|x| !x.is_finite()) || !stored.rules.reach.is_finite() {
            return Err("numbers that are not finite".to_owned());
        }
        Ok(Self::over(stored))
    }
}

impl From<Dbscan> for Stored {
    fn from(dbscan: Dbscan) -> Self {
        dbscan.stored
    }
}

impl PartialEq for Dbscan {
    fn eq(&self, other: &Self) -> bool {
        self.stored == other.stored
    }
}

impl std::fmt::Debug for Dbscan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dbscan({} clusters, {} cores)", self.stored.clusters, self.stored.of_cores.len())
    }
}

impl Dbscan {
    fn over(stored: Stored) -> Self {
        let cores = std::sync::Arc::new(KdTree::over(&stored.cores, stored.width));
        Self { stored, cores }
    }

    /// What places newcomers: the same without the rows that it was learned from.
    #[must_use]
    pub fn without_labels(mut self) -> Self {
        self.stored.labels = Vec::new();
        self
    }

    /// Columns of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.stored.width
    }

    /// The cluster of each row; `None` for those that stand apart.
    #[must_use]
    pub fn labels(&self) -> &[Option<u32>] {
        &self.stored.labels
    }

    #[must_use]
    pub fn clusters(&self) -> u32 {
        self.stored.clusters
    }

    /// Distinct rows that are cores.
    #[must_use]
    pub fn cores(&self) -> usize {
        self.stored.of_cores.len()
    }

    /// The cluster of the closest core within reach; `None` for a row that stands apart, has other columns, or is not
    /// finite.
    #[must_use]
    pub fn assign(&self, row: &[f64]) -> Option<u32> {
        if row.len() != self.cores.width || row.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let mut best = (self.stored.rules.reach * self.stored.rules.reach, None);
        self.closest(0, row, &mut best);
        best.1.map(|core| self.stored.of_cores[core as usize])
    }

    fn closest(&self, node: usize, row: &[f64], best: &mut (f64, Option<u32>)) {
        let Some(&at) = self.cores.nodes.get(node) else { return };
        match at.children {
            Some((low, high)) => {
                let (to_low, to_high) = (self.cores.reach(low, row).0, self.cores.reach(high, row).0);
                let nearer_first =
                    if to_low <= to_high { [(low, to_low), (high, to_high)] } else { [(high, to_high), (low, to_low)] };
                for (child, distance) in nearer_first {
                    if distance <= best.0 {
                        self.closest(child, row, best);
                    }
                }
            }
            None => {
                for place in at.from..at.to {
                    let distance = squared(self.cores.point(place), row);
                    let core = self.cores.order[place];
                    // Of equally close cores the first one of the fit.
                    if distance < best.0 || (distance <= best.0 && best.1.is_none_or(|found| core < found)) {
                        *best = (distance, Some(core));
                    }
                }
            }
        }
    }
}

impl<D: Data<Elem = f64>, T> Fit<ArrayBase<D, Ix2>, T, ClusterError> for DbscanRules {
    type Object = Dbscan;

    /// # Errors
    /// [`ClusterError::NotFinite`].
    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Dbscan, ClusterError> {
        find(self, &Rows::of(&dataset.records)?)
    }
}

impl DbscanRules {
    /// The same of rows that stand one after the other.
    ///
    /// # Errors
    /// [`ClusterError::NotFinite`].
    pub fn fit_rows(&self, flat: Vec<f64>, width: usize) -> Result<Dbscan, ClusterError> {
        find(self, &Rows::new(flat, width)?)
    }
}

impl<D: Data<Elem = f64>> Transformer<&ArrayBase<D, Ix2>, Result<Array1<Option<usize>>, ClusterError>> for DbscanRules {
    /// The cluster of each row, in linfa's form.
    fn transform(&self, records: &ArrayBase<D, Ix2>) -> Result<Array1<Option<usize>>, ClusterError> {
        let found = find(self, &Rows::of(records)?)?;
        Ok(found.stored.labels.iter().map(|label| label.map(|label| label as usize)).collect())
    }
}

impl<D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<Option<usize>>> for Dbscan {
    fn predict_inplace<'a>(&'a self, records: &'a ArrayBase<D, Ix2>, targets: &mut Array1<Option<usize>>) {
        for (row, target) in records.rows().into_iter().zip(targets.iter_mut()) {
            *target = self.assign(&row.to_vec()).map(|label| label as usize);
        }
    }

    fn default_target(&self, records: &ArrayBase<D, Ix2>) -> Array1<Option<usize>> {
        Array1::from_elem(records.nrows(), None)
    }
}

/// Distinct rows: what they are, how many rows each is, and which one a row is.
struct Distinct {
    flat: Vec<f64>,
    weights: Vec<usize>,
    of_row: Vec<u32>,
}

impl Distinct {
    fn of(rows: &Rows) -> Self {
        let mut sorted: Vec<u32> = (0..rows.count as u32).collect();
        let order = |a: &[f64], b: &[f64]| {
            let unlike = a.iter().zip(b).find(|(x, y)| x != y);
            unlike.map_or(std::cmp::Ordering::Equal, |(x, y)| x.total_cmp(y))
        };
        sorted.sort_unstable_by(|&a, &b| order(rows.row(a as usize), rows.row(b as usize)).then(a.cmp(&b)));
        let mut distinct = Self { flat: Vec::new(), weights: Vec::new(), of_row: vec![0; rows.count] };
        for &n in &sorted {
            let row = rows.row(n as usize);
            let last = distinct.flat.len().saturating_sub(rows.width);
            if distinct.weights.is_empty() || order(&distinct.flat[last..], row).is_ne() {
                distinct.flat.extend_from_slice(row);
                distinct.weights.push(0);
            }
            let place = distinct.weights.len() - 1;
            distinct.weights[place] += 1;
            distinct.of_row[n as usize] = place as u32;
        }
        distinct
    }
}

fn find(rules: &DbscanRules, rows: &Rows) -> Result<Dbscan, ClusterError> {
    if rows.count > u32::MAX as usize {
        return Err(ClusterError::Params("at most four billion rows"));
    }
    if rows.width == 0 || rows.count == 0 {
        let labels = vec![None; rows.count];
        let (cores, of_cores) = (Vec::new(), Vec::new());
        let stored = Stored { rules: rules.clone(), width: rows.width, labels, clusters: 0, cores, of_cores };
        return Ok(Dbscan::over(stored));
    }
    let distinct = Distinct::of(rows);
    let tree = KdTree::over(&distinct.flat, rows.width);
    let weights: Vec<usize> = tree.order.iter().map(|&point| distinct.weights[point as usize]).collect();
    let mut search = Search { tree: &tree, reach: rules.reach * rules.reach, cores: Vec::new(), sums: Vec::new() };
    search.sums = std::iter::once(0)
        .chain(weights.iter().scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        }))
        .collect();
    let places = weights.len();
    search.cores = (0..places).map(|place| search.is_core(place, rules.min_points)).collect();
    let mut groups = Groups::of(&search);
    groups.join(0, 0);

    // The number of each cluster, by the first row of the given order that is a core of it.
    let mut place_of = vec![0_u32; places];
    for (place, &point) in tree.order.iter().enumerate() {
        place_of[point as usize] = place as u32;
    }
    let mut numbers: Vec<Option<u32>> = vec![None; places];
    let mut clusters = 0;
    let (mut cores, mut of_cores) = (Vec::new(), Vec::new());
    let mut labels: Vec<Option<u32>> = vec![None; rows.count];
    let mut known = vec![false; places];
    for n in 0..rows.count {
        let place = place_of[distinct.of_row[n] as usize] as usize;
        if !search.cores[place] {
            continue;
        }
        let group = groups.root(place);
        let number = *numbers[group].get_or_insert_with(|| {
            clusters += 1;
            clusters - 1
        });
        labels[n] = Some(number);
        if !std::mem::replace(&mut known[place], true) {
            cores.extend_from_slice(rows.row(n));
            of_cores.push(number);
        }
    }
    // Who is no core belongs to the first cluster with a core within reach.
    let mut border: Vec<Option<Option<u32>>> = vec![None; places];
    for n in 0..rows.count {
        let place = place_of[distinct.of_row[n] as usize] as usize;
        if !search.cores[place] {
            labels[n] = *border[place].get_or_insert_with(|| {
                let mut first = None;
                search.cores_within(0, tree.point(place), &mut |core| {
                    let number = numbers[groups.root(core)];
                    first = match (first, number) {
                        (Some(a), Some(b)) => Some(u32::min(a, b)),
                        (a, b) => a.or(b),
                    };
                });
                first
            });
        }
    }
    Ok(Dbscan::over(Stored { rules: rules.clone(), width: rows.width, labels, clusters, cores, of_cores }))
}

struct Search<'a> {
    tree: &'a KdTree,
    /// Squared.
    reach: f64,
    /// By the tree's order.
    cores: Vec<bool>,
    /// Weights of the points before each place, in the tree's order.
    sums: Vec<usize>,
}

impl Search<'_> {
    fn weight(&self, from: usize, to: usize) -> usize {
        self.sums[to] - self.sums[from]
    }

    fn is_core(&self, place: usize, needed: usize) -> bool {
        let mut found = 0;
        self.count(0, place, needed, &mut found);
        found >= needed
    }

    /// Counts until there are enough.
    fn count(&self, node: usize, place: usize, needed: usize, found: &mut usize) {
        let (at, point) = (self.tree.nodes[node], self.tree.point(place));
        let (least, greatest) = self.tree.reach(node, point);
        if least > self.reach {
            return;
        }
        if greatest <= self.reach {
            *found += self.weight(at.from, at.to);
            return;
        }
        match at.children {
            // Where the point itself is there are most likely others.
            Some((low, high)) => {
                let near_first = if place < self.tree.nodes[high].from { [low, high] } else { [high, low] };
                for child in near_first {
                    self.count(child, place, needed, found);
                    if *found >= needed {
                        return;
                    }
                }
            }
            None => {
                for other in at.from..at.to {
                    if squared(self.tree.point(other), point) <= self.reach {
                        *found += self.weight(other, other + 1);
                    }
                }
            }
        }
    }

    fn cores_within(&self, node: usize, point: &[f64], each: &mut impl FnMut(usize)) {
        let at = self.tree.nodes[node];
        if self.tree.reach(node, point).0 > self.reach {
            return;
        }
        match at.children {
            Some((low, high)) => {
                self.cores_within(low, point, each);
                self.cores_within(high, point, each);
            }
            None => {
                for other in (at.from..at.to).filter(|&other| self.cores[other]) {
                    if squared(self.tree.point(other), point) <= self.reach {
                        each(other);
                    }
                }
            }
        }
    }
}

/// Which cores are of one cluster: disjoint sets (Tarjan), and of each node of the tree what is known of its cores.
struct Groups<'a> {
    search: &'a Search<'a>,
    parents: Vec<u32>,
    nodes: Vec<Known>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It has no core.
    Empty,
    /// All of its cores are of the cluster of this one.
    One(u32),
    Mixed,
}

impl<'a> Groups<'a> {
    fn of(search: &'a Search<'a>) -> Self {
        let nodes = search
            .tree
            .nodes
            .iter()
            .map(|node| {
                let mut cores = (node.from..node.to).filter(|&place| search.cores[place]);
                match (cores.next(), cores.next()) {
                    (None, _) => Known::Empty,
                    (Some(only), None) => Known::One(only as u32),
                    _ => Known::Mixed,
                }
            })
            .collect();
        Self { search, parents: (0..search.cores.len() as u32).collect(), nodes }
    }

    fn root(&mut self, place: usize) -> usize {
        let mut at = place;
        while self.parents[at] as usize != at {
            let above = self.parents[self.parents[at] as usize];
            self.parents[at] = above;
            at = above as usize;
        }
        at
    }

    fn unite(&mut self, one: usize, other: usize) {
        let (a, b) = (self.root(one), self.root(other));
        self.parents[a.max(b)] = a.min(b) as u32;
    }

    /// Looks again at a node whose parts were joined.
    fn learn(&mut self, node: usize) {
        if self.nodes[node] != Known::Mixed {
            return;
        }
        let at = self.search.tree.nodes[node];
        self.nodes[node] = match at.children {
            Some((low, high)) => match (self.nodes[low], self.nodes[high]) {
                (Known::Empty, known) | (known, Known::Empty) => known,
                (Known::One(a), Known::One(b)) if self.root(a as usize) == self.root(b as usize) => Known::One(a),
                _ => Known::Mixed,
            },
            None => {
                let mut cores =
                    (at.from..at.to).filter(|&place| self.search.cores[place]).collect::<Vec<_>>().into_iter();
                let first = cores.next();
                let root = first.map(|first| self.root(first));
                match first {
                    Some(first) if cores.all(|core| Some(self.root(core)) == root) => Known::One(first as u32),
                    _ => Known::Mixed,
                }
            }
        };
    }

    /// Joins the cores of two nodes, or of one with itself.
    fn join(&mut self, one: usize, other: usize) {
        if self.nodes[one] == Known::Empty || self.nodes[other] == Known::Empty {
            return;
        }
        if let (Known::One(a), Known::One(b)) = (self.nodes[one], self.nodes[other])
            && self.root(a as usize) == self.root(b as usize)
        {
            return;
        }
        let (least, greatest) = self.search.tree.apart(one, other);
        if least > self.search.reach {
            return;
        }
        if greatest <= self.search.reach {
            self.unite_all(one, other);
            return;
        }
        let (a, b) = (self.search.tree.nodes[one], self.search.tree.nodes[other]);
        match (a.children, b.children) {
            (Some((low, high)), _) if one == other => {
                self.join(low, low);
                self.join(high, high);
                self.join(low, high);
            }
            (Some((low, high)), None) => {
                self.join(low, other);
                self.join(high, other);
            }
            (Some((low, high)), Some(_)) if a.to - a.from >= b.to - b.from => {
                self.join(low, other);
                self.join(high, other);
            }
            (_, Some((low, high))) => {
                self.join(one, low);
                self.join(one, high);
            }
            (None, None) => self.join_points(one, other),
        }
        self.learn(one);
        self.learn(other);
    }

    /// All cores of both are within reach of each other.
    fn unite_all(&mut self, one: usize, other: usize) {
        let mut first = None;
        for node in [one, other] {
            let at = self.search.tree.nodes[node];
            match self.nodes[node] {
                Known::One(core) => match first {
                    Some(first) => self.unite(first, core as usize),
                    None => first = Some(core as usize),
                },
                _ => {
                    for place in at.from..at.to {
                        if self.search.cores[place] {
                            match first {
                                Some(first) => self.unite(first, place),
                                None => first = Some(place),
                            }
                        }
                    }
                }
            }
        }
        if let Some(first) = first {
            self.nodes[one] = Known::One(first as u32);
            self.nodes[other] = Known::One(first as u32);
        }
    }

    fn join_points(&mut self, one: usize, other: usize) {
        let search = self.search;
        let (a, b) = (search.tree.nodes[one], search.tree.nodes[other]);
        for core in (a.from..a.to).filter(|&place| search.cores[place]) {
            let from = if one == other { core + 1 } else { b.from };
            for near in (from..b.to).filter(|&place| search.cores[place]) {
                if squared(search.tree.point(core), search.tree.point(near)) <= search.reach
                    && self.root(core) != self.root(near)
                {
                    self.unite(core, near);
                }
            }
        }
    }
}
