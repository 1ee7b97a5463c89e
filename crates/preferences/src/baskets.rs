use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// What was bought together, with every item as a number and every number with its name.
///
/// Items are numbered in the order of their names, and an item counts once in a basket; so the same purchases give the
/// same numbers in whatever order they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baskets<T> {
    names: Vec<T>,
    /// The items of all baskets that have any, one basket after the other, rising within each.
    items: Vec<u32>,
    /// Where each basket of `items` ends.
    ends: Vec<u32>,
    /// How many baskets have nothing in them.
    empty: u32,
}

/// Whether a basket without items is one of those that a support is a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    Count,
    Skip,
}

/// More baskets, or more items in all of them, than 32 bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {} baskets, or items in them", u32::MAX)]
pub struct TooLarge;

impl<T: Eq + Hash + Ord> Baskets<T> {
    /// From lines of sales: basket and item, in any order. `empty` is how many more baskets there are, with nothing in
    /// them.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub fn from_pairs<B: Eq + Hash>(pairs: impl IntoIterator<Item = (B, T)>, empty: u32) -> Result<Self, TooLarge> {
        let mut baskets = HashMap::new();
        let mut dictionary = Dictionary(HashMap::new());
        let mut lines: Vec<(u32, u32)> = Vec::new();
        for (basket, item) in pairs {
            let next = u32::try_from(baskets.len()).map_err(|_| TooLarge)?;
            lines.push((*baskets.entry(basket).or_insert(next), dictionary.number(item)?));
        }
        let (names, numbers) = dictionary.in_order();
        u32::try_from(lines.len()).map_err(|_| TooLarge)?;
        // Lines of one basket come together by counting: where each basket begins, then every line to its place.
        let mut places = vec![0_u32; baskets.len() + 1];
        for (basket, _) in &lines {
            places[*basket as usize + 1] += 1;
        }
        for i in 1..places.len() {
            places[i] += places[i - 1];
        }
        let mut items = vec![0; lines.len()];
        for (basket, item) in lines {
            let place = &mut places[basket as usize];
            items[*place as usize] = numbers[item as usize];
            *place += 1;
        }
        // After that every place is where the next basket begins: the end of its own.
        places.pop();
        Self { names, items, ends: places, empty }.tidy()
    }

    /// From the items of each basket, in any order.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub fn from_lists<L: IntoIterator<Item = T>>(
        lists: impl IntoIterator<Item = L>,
        empty: Empty,
    ) -> Result<Self, TooLarge> {
        let mut dictionary = Dictionary(HashMap::new());
        let (mut items, mut ends, mut without) = (Vec::new(), Vec::new(), 0_u32);
        for list in lists {
            let start = items.len();
            for item in list {
                items.push(dictionary.number(item)?);
            }
            if items.len() > start {
                ends.push(u32::try_from(items.len()).map_err(|_| TooLarge)?);
            } else if empty == Empty::Count {
                without = without.checked_add(1).ok_or(TooLarge)?;
            }
        }
        let (names, numbers) = dictionary.in_order();
        for item in &mut items {
            *item = numbers[*item as usize];
        }
        Self { names, items, ends, empty: without }.tidy()
    }

    /// Sorts each basket and takes out what it names twice.
    fn tidy(mut self) -> Result<Self, TooLarge> {
        let baskets = u32::try_from(self.ends.len()).map_err(|_| TooLarge)?;
        baskets.checked_add(self.empty).ok_or(TooLarge)?;
        let (mut start, mut kept) = (0, 0);
        for end in &mut self.ends {
            self.items[start..*end as usize].sort_unstable();
            let first = kept;
            for i in start..*end as usize {
                if kept == first || self.items[kept - 1] != self.items[i] {
                    self.items[kept] = self.items[i];
                    kept += 1;
                }
            }
            start = *end as usize;
            // It only ever shrinks, and the old end was one.
            *end -= (start - kept) as u32;
        }
        self.items.truncate(kept);
        Ok(self)
    }
}

impl<T> Baskets<T> {
    /// How many baskets there are, with those empty ones that count.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.ends.len() as u32 + self.empty
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of all items; an item's number is its place here.
    #[must_use]
    pub fn names(&self) -> &[T] {
        &self.names
    }

    #[must_use]
    pub fn name(&self, item: u32) -> Option<&T> {
        self.names.get(item as usize)
    }

    /// The number of a name.
    #[must_use]
    pub fn item<Q: Ord + ?Sized>(&self, name: &Q) -> Option<u32>
    where
        T: Borrow<Q>,
    {
        let place = self.names.binary_search_by(|known| known.borrow().cmp(name)).ok()?;
        u32::try_from(place).ok()
    }

    /// What is in each basket that has anything, rising.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = *end as usize;
            let basket = &self.items[start..end];
            start = end;
            basket
        })
    }
}

/// Names, numbered as they first come.
struct Dictionary<T>(HashMap<T, u32>);

impl<T: Eq + Hash + Ord> Dictionary<T> {
    fn number(&mut self, name: T) -> Result<u32, TooLarge> {
        let next = u32::try_from(self.0.len()).map_err(|_| TooLarge)?;
        Ok(*self.0.entry(name).or_insert(next))
    }

    /// The names in order, and for each number as it was given the one in that order.
    fn in_order(self) -> (Vec<T>, Vec<u32>) {
        let mut ordered: Vec<(T, u32)> = self.0.into_iter().collect();
        ordered.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut numbers = vec![0; ordered.len()];
        for ((_, given), number) in ordered.iter().zip(0..) {
            numbers[*given as usize] = number;
        }
        (ordered.into_iter().map(|(name, _)| name).collect(), numbers)
    }
}
