//! A k-d tree over distinct weighted points: boxes halved at the median of their widest side. Rows are kept leaf after
//! leaf, so that a leaf is read in one go.

/// Points of a leaf.
const LEAF: usize = 16;

pub(super) struct KdTree {
    pub nodes: Vec<Node>,
    /// Of node after node: the least and the greatest of each column.
    boxes: Vec<f64>,
    /// The points in the tree's order, one after the other.
    pub points: Vec<f64>,
    /// Which of the given points stands here.
    pub order: Vec<u32>,
    pub width: usize,
}

/// Points from `from` to under `to`, in the tree's order; its children, if it has any.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub from: usize,
    pub to: usize,
    pub children: Option<(usize, usize)>,
}

impl KdTree {
    /// `flat` has `width` columns.
    pub(super) fn over(flat: &[f64], width: usize) -> Self {
        let count = flat.len() / width.max(1);
        let mut tree = Self {
            nodes: Vec::new(),
            boxes: Vec::new(),
            points: Vec::with_capacity(flat.len()),
            order: (0..count as u32).collect(),
            width,
        };
        if count > 0 {
            let mut order = std::mem::take(&mut tree.order);
            tree.grow(flat, &mut order, 0);
            tree.order = order;
        }
        for &n in &tree.order {
            tree.points.extend_from_slice(&flat[n as usize * width..(n as usize + 1) * width]);
        }
        tree
    }

    /// Halving ends after as many levels as the count has bits, so the depth is bounded whatever the points are.
    fn grow(&mut self, flat: &[f64], order: &mut [u32], from: usize) -> usize {
        let width = self.width;
        let node = self.nodes.len();
        self.nodes.push(Node { from, to: from + order.len(), children: None });
        let at = |n: u32, column: usize| flat[n as usize * width + column];
        for column in 0..width {
            let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
            for &n in order.iter() {
                least = least.min(at(n, column));
                greatest = greatest.max(at(n, column));
            }
            self.boxes.extend([least, greatest]);
        }
        if order.len() > LEAF {
            let side = |column: usize| self.side(node, column);
            let widest = (0..width).fold(0, |widest, column| if side(column) > side(widest) { column } else { widest });
            let half = order.len() / 2;
            order.select_nth_unstable_by(half, |&a, &b| at(a, widest).total_cmp(&at(b, widest)).then(a.cmp(&b)));
            let (low, high) = order.split_at_mut(half);
            let low = self.grow(flat, low, from);
            let high = self.grow(flat, high, from + half);
            self.nodes[node].children = Some((low, high));
        }
        node
    }

    fn side(&self, node: usize, column: usize) -> f64 {
        let [least, greatest] = self.bounds(node, column);
        greatest - least
    }

    fn bounds(&self, node: usize, column: usize) -> [f64; 2] {
        let at = (node * self.width + column) * 2;
        [self.boxes[at], self.boxes[at + 1]]
    }

    pub(super) fn point(&self, place: usize) -> &[f64] {
        &self.points[place * self.width..(place + 1) * self.width]
    }

    /// The squares of the least and of the greatest distance from a point to anything in the node's box.
    pub(super) fn reach(&self, node: usize, point: &[f64]) -> (f64, f64) {
        let (mut least, mut greatest) = (0.0, 0.0);
        for (column, x) in point.iter().enumerate() {
            let [low, high] = self.bounds(node, column);
            let outside = (low - x).max(x - high).max(0.0);
            let across = (x - low).max(high - x);
            least += outside * outside;
            greatest += across * across;
        }
        (least, greatest)
    }

    /// The squares of the least and of the greatest distance between things in two nodes' boxes.
    pub(super) fn apart(&self, one: usize, other: usize) -> (f64, f64) {
        let (mut least, mut greatest) = (0.0, 0.0);
        for column in 0..self.width {
            let ([a, b], [c, d]) = (self.bounds(one, column), self.bounds(other, column));
            let between = (c - b).max(a - d).max(0.0);
            let across = (d - a).max(b - c);
            least += between * between;
            greatest += across * across;
        }
        (least, greatest)
    }
}
