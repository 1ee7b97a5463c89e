//! The floors that travel with the grants. A grant is signed over the shelf's hash, so nobody can put a lower floor to it.
//!
//! Why floors by product, and not one rate that is safe for all: one product without a known cost, or with a thin margin,
//! would take every discount of the basket to nothing. The floor, not the cost, leaves the shop.

use std::collections::HashMap;

use contract::offline::{Shelf, ShelfProduct};
use domain::{Currency, MarginFloor, Product, floor_price};
use sha2::{Digest, Sha256};

use crate::canonical::{self, hex};

/// The shelf of these products: those that may be discounted, in order of sku.
#[must_use]
pub fn shelf(products: &[Product], floor: MarginFloor, currency: Currency) -> Shelf {
    let offered = products.iter().filter(|product| product.offerable);
    let mut products: Vec<ShelfProduct> = offered
        .filter_map(|product| {
            let floor = floor_price(product.cost, floor)?;
            (floor < product.price).then(|| ShelfProduct {
                sku: product.sku.to_string(),
                category: product.category.to_string(),
                price: product.price,
                floor,
            })
        })
        .collect();
    products.sort_by(|a, b| a.sku.as_bytes().cmp(b.sku.as_bytes()));
    let mut shelf = Shelf { hash: String::new(), currency, products };
    shelf.hash = hash(&shelf);
    shelf
}

#[must_use]
pub fn hash(shelf: &Shelf) -> String {
    hex(&Sha256::digest(canonical::shelf(shelf)))
}

/// A shelf that is what its hash says, ready to be looked into.
#[derive(Clone, Debug)]
pub struct ShelfIndex {
    hash: String,
    products: HashMap<String, ShelfProduct>,
}

impl ShelfIndex {
    /// `None` when the shelf is not what its hash says.
    #[must_use]
    pub fn of(shelf: Shelf) -> Option<Self> {
        (hash(&shelf) == shelf.hash).then(|| Self {
            hash: shelf.hash,
            products: shelf.products.into_iter().map(|product| (product.sku.clone(), product)).collect(),
        })
    }

    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    #[must_use]
    pub fn product(&self, sku: &str) -> Option<&ShelfProduct> {
        self.products.get(sku)
    }
}
