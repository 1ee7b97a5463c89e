//! Published results.

use std::io::Read;
use std::path::PathBuf;

use super::{on, share};
use crate::*;

fn data(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{} is needed: {error}", path.display()));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut text).unwrap();
    text
}

fn groceries() -> Baskets<String> {
    let text = data("groceries.csv.gz");
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let rows: Vec<(u32, String)> = reader.deserialize().map(|row| row.unwrap()).collect();
    Baskets::from_pairs(rows, 0).unwrap()
}

fn sets(baskets: &Baskets<String>, support: MinSupport) -> Vec<ItemSet> {
    frequent(baskets, support, Bounds::default(), &mut on).unwrap()
}

fn params(num: u32, den: u32, rhs: Rhs) -> Params {
    Params { min_confidence: Ratio::new(num, den).unwrap(), rhs, ..Params::default() }
}

#[test]
fn groceries_are_as_published() {
    let baskets = groceries();
    assert_eq!((baskets.len(), baskets.names().len()), (9_835, 169));
    for (support, expected) in [(share(5, 1_000), 1_001), (share(6, 1_000), 747), (share(1, 100), 333)] {
        assert_eq!(sets(&baskets, support).len(), expected);
    }
    let found = sets(&baskets, share(1, 1_000));
    assert_eq!(found.len(), 13_492);
    let count = |sets: &[ItemSet], params: &Params| rules(sets, baskets.len(), params).unwrap().len();
    for (num, rhs, expected) in [(8, Rhs::Single, 410), (8, Rhs::Any, 413), (6, Rhs::Single, 2_918)] {
        assert_eq!(count(&found, &params(num, 10, rhs)), expected, "confidence {num}/10, {rhs:?}");
    }
    assert_eq!(count(&found, &params(1, 2, Rhs::Single)), 5_668);
    assert_eq!(count(&sets(&baskets, share(6, 1_000)), &params(1, 4, Rhs::Single)), 463);
    assert_eq!(count(&sets(&baskets, share(1, 100)), &params(1, 2, Rhs::Single)), 15);
}
