//! The menu, with what the caller's active card takes off.

use contract::Refusal;
use contract::customer::{CustomerCaller, Menu, MenuCategory, MenuProduct};
use domain::Locale;

use crate::Shop;
use crate::cards::taken_off;

const A_PAGE: u32 = 24;

impl Shop {
    /// `page` counts from 1; one that is not there is the nearest that is. Without a category it is the first.
    pub(super) async fn menu_page(
        &self,
        caller: Option<CustomerCaller>,
        category: Option<&str>,
        page: u32,
        locale: Locale,
    ) -> Result<Menu, Refusal> {
        let settings = self.settings().await?;
        let categories = self.store.menu_categories(locale).await.map_err(|error| self.failed(&error))?;
        let shown = match category {
            None => categories.first(),
            Some(id) => {
                let found = categories.iter().find(|category| category.id == id);
                Some(found.ok_or_else(|| Refusal::not_found("category-not-found", "There is no such category."))?)
            }
        };
        let pages = shown.map_or(1, |category| category.products.div_ceil(A_PAGE).max(1));
        let page = page.clamp(1, pages);
        let items = match shown {
            Some(category) => self
                .store
                .menu_products(&category.id, locale, (page - 1).saturating_mul(A_PAGE), A_PAGE)
                .await
                .map_err(|error| self.failed(&error))?,
            None => Vec::new(),
        };
        let active = match caller {
            Some(caller) => {
                let customer = self.caller(caller).await?;
                self.cards_of(&customer).await?.into_iter().find(|card| card.active)
            }
            None => None,
        };
        let products = items
            .into_iter()
            .map(|item| {
                let off = active.as_ref().map(|card| taken_off(card, &item.product, settings.floor));
                let off = off.filter(|off| !off.is_zero());
                MenuProduct {
                    your_price: off.map(|off| item.product.price - off),
                    sku: item.product.sku.to_string(),
                    name: item.product.name,
                    description: item.description,
                    picture: item.picture,
                    price: item.product.price,
                }
            })
            .collect();
        let category = shown.map(|category| category.id.clone());
        let categories = categories
            .into_iter()
            .map(|category| MenuCategory { id: category.id, title: category.title, products: category.products })
            .collect();
        Ok(Menu { currency: settings.currency, categories, category, products, page, pages })
    }
}
