//! `CustomerApi`, one line a story.

use std::net::IpAddr;

use async_trait::async_trait;
use contract::Refusal;
use contract::customer::{
    CameBy, CodeSent, CustomerApi, CustomerCaller, DemoMessage, FeedEntry, Home, Menu, Profile, ProfileEdit,
    SavingsPage, SignedIn,
};
use domain::{Card, CardId, Locale, Phone};
use serde_json::json;

use crate::Shop;
use crate::till::Stop;

/// Messages that the demo's page shows.
const MESSAGES: u16 = 50;

#[async_trait]
impl CustomerApi for Shop {
    async fn request_code(&self, phone: &Phone, from: IpAddr, locale: Locale) -> Result<CodeSent, Refusal> {
        self.send_code(phone, from, locale).await
    }

    async fn sign_in(
        &self,
        phone: &Phone,
        code: &str,
        from: IpAddr,
        locale: Locale,
        came: &CameBy,
    ) -> Result<SignedIn, Refusal> {
        self.sign_customer_in(phone, code, from, locale, came).await
    }

    async fn authenticate(&self, token: &str) -> Result<Option<CustomerCaller>, Refusal> {
        self.customer_of_token(token).await.map_err(|error| self.failed(&error))
    }

    async fn sign_out(&self, token: &str) -> Result<(), Refusal> {
        let Some(hash) = super::token_hash(token) else { return Ok(()) };
        self.store.end_customer_login(&hash).await.map_err(|error| self.failed(&error))
    }

    async fn home(&self, caller: CustomerCaller) -> Result<Home, Refusal> {
        let customer = self.caller(caller).await?;
        let settings = self.settings().await?;
        let segment = self.segment_name(customer.segment_model, customer.segment_index).await;
        let segment = segment.map_err(|error| self.failed(&error))?;
        let cards = self.cards_of(&customer).await?;
        Ok(Home {
            display_name: customer.name,
            static_code: customer.static_code,
            code_handle: customer.code_handle,
            code_secret: customer.code_secret,
            now: self.clock.now(),
            segment,
            cards,
            savings: customer.savings,
            currency: settings.currency,
            visits: customer.visits,
        })
    }

    async fn choose_card(&self, caller: CustomerCaller, card: CardId) -> Result<Vec<Card>, Refusal> {
        self.choose(caller, card).await.map_err(|stop| self.refused(stop))
    }

    async fn feed(&self, caller: CustomerCaller) -> Result<Vec<FeedEntry>, Refusal> {
        let customer = self.caller(caller).await?;
        // Cards that are due are news as well.
        self.cards_of(&customer).await?;
        self.news_of(customer.id).await.map_err(|error| self.failed(&error))
    }

    async fn savings(&self, caller: CustomerCaller) -> Result<SavingsPage, Refusal> {
        let customer = self.caller(caller).await?;
        let settings = self.settings().await?;
        let purchases = self.savings_of(customer.id).await.map_err(|error| self.failed(&error))?;
        Ok(SavingsPage { saved: customer.savings, currency: settings.currency, purchases })
    }

    async fn profile(&self, caller: CustomerCaller) -> Result<Profile, Refusal> {
        super::profile::shown(self.caller(caller).await?)
    }

    async fn edit_profile(&self, caller: CustomerCaller, edit: ProfileEdit) -> Result<Profile, Refusal> {
        self.change_profile(caller, edit).await.map_err(|stop| self.refused(stop))
    }

    async fn delete_account(&self, caller: CustomerCaller) -> Result<(), Refusal> {
        self.forget_customer(caller.customer).await
    }

    async fn menu(
        &self,
        caller: Option<CustomerCaller>,
        category: Option<&str>,
        page: u32,
        locale: Locale,
    ) -> Result<Menu, Refusal> {
        self.menu_page(caller, category, page, locale).await
    }

    async fn time_zone(&self) -> Result<String, Refusal> {
        Ok(self.zone().await?.name().to_owned())
    }

    async fn demo_messages(&self) -> Result<Vec<DemoMessage>, Refusal> {
        if !self.settings().await?.demo {
            return Err(Refusal::not_found("not-found", "There is nothing here."));
        }
        let messages = self.store.messages(MESSAGES).await.map_err(|error| self.failed(&error))?;
        Ok(messages.into_iter().map(|m| DemoMessage { at: m.at, to: m.to, text: m.text }).collect())
    }
}

impl Shop {
    async fn choose(&self, caller: CustomerCaller, id: CardId) -> Result<Vec<Card>, Stop> {
        let mut tx = self.store.begin().await?;
        let Some(customer) = store::customers::lock(&mut tx, caller.customer).await? else {
            return Err(Refusal::unauthenticated().into());
        };
        let Some(found) = store::cards::find(&mut tx, customer.id, id).await? else {
            return Err(Refusal::not_found("card-not-found", "You have no such card.").into());
        };
        if found.withdrawn || !found.card.is_valid_at(self.clock.now()) {
            let detail = "This card has expired. Look at the new ones.";
            return Err(Refusal::new(contract::Kind::Gone, "card-expired", detail).into());
        }
        if found.card.active {
            return Ok(store::cards::current(&mut tx, customer.id).await?);
        }
        let dealt = store::cards::activate(&mut tx, customer.id, id).await?;
        let payload = json!({ "what": "chosen", "customer_id": customer.id, "card_id": id });
        self.announce_offer(&mut tx, customer.id, payload).await?;
        let cards = store::cards::current(&mut tx, customer.id).await?;
        store::commit(tx).await?;
        self.customer_changed(customer.id);
        self.keep_cards(customer.id, dealt.version, &cards).await;
        Ok(cards)
    }
}
