//! The whole way on the real PostgreSQL: offers by chance, training, planning, offers by what was learned; and every way in which
//! that can fail.

use chrono::TimeDelta;
use contract::customer::{CustomerApi, CustomerCaller};
use discount::pilot;
use domain::code::StaticCode;
use domain::{Amount, Card, CardReason, CardScope};
use store::offers::By;
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::customer::tests::scene::Scene;
use crate::policy::training::Outcome;

/// Customers of the planted log, and its weeks until now.
const CUSTOMERS: u64 = 900;
const WEEKS: u32 = 40;

fn id_of(customer: u64) -> Uuid {
    // The half that nobody chose, as of an id that was drawn.
    Uuid::from_u64_pair(0x0190_0000_0000_7000 + customer, 0x8000_0000_0000_0000 + customer)
}

/// Every second answers discounts much, the others not at all.
fn answers(customer: u64) -> bool {
    customer.is_multiple_of(2)
}

impl Scene {
    async fn terms(&self, change: impl FnOnce(Terms) -> Terms) {
        let now = self.shop.store.settings().await.unwrap().unwrap().discounts;
        self.shop.set_discount_terms(&change(now)).await.unwrap();
    }

    async fn mode(&self, mode: Mode) {
        self.terms(|terms| Terms { mode, ..terms }).await;
    }

    async fn cards_of(&self, caller: CustomerCaller) -> Vec<Card> {
        self.shop.home(caller).await.unwrap().cards
    }

    async fn offers_of(&self, customer: CustomerId) -> Vec<store::offers::Offer> {
        let mut tx = self.shop.store.begin().await.unwrap();
        store::offers::of(&mut tx, &[customer.0]).await.unwrap()
    }

    /// A log of a pilot: customers whose offers were drawn anew whenever they bought.
    async fn plant(&self) {
        self.mode(Mode::Pilot).await;
        let settings = self.shop.store.settings().await.unwrap().unwrap();
        let (terms, zone) = (settings.discounts, self.shop.zone().await.unwrap());
        let levels = levels_of(&terms);
        let last = week_of(self.clock.now(), zone);
        let (mut offers, mut bought) = (Vec::new(), Vec::new());
        for customer in 0..CUSTOMERS {
            let mut round = 0;
            let mut draw = |week: u32, offers: &mut Vec<_>, hours: i64| {
                let drawn =
                    pilot::offer(levels.rates().len(), seed_of(&terms), number_of(CustomerId(id_of(customer))), round);
                round += 1;
                let rate = levels.rates()[usize::from(drawn.0)];
                offers.push((
                    id_of(customer),
                    week_begins(week, zone) + TimeDelta::hours(hours),
                    rate.bp() as i32,
                    drawn.1,
                ));
                rate
            };
            let mut rate = draw(last - WEEKS, &mut offers, 1);
            for week in last - WEEKS..last {
                let tenths = f64::from(rate.bp()) / 1_000.0;
                let odds: f64 = -1.2 + if answers(customer) { 1.6 * tenths } else { 0.0 };
                if pilot::by_chance(5, customer, u64::from(week)) < 1.0 / (1.0 + (-odds).exp()) {
                    let gross = 600 + 100 * (customer % 5) as i64;
                    bought.push((
                        id_of(customer),
                        week_begins(week, zone) + TimeDelta::hours(30),
                        gross,
                        rate.of(Amount(gross)).0,
                    ));
                    rate = draw(week, &mut offers, 31);
                }
            }
        }
        sqlx::query(
            "insert into customers (id, static_code, code_handle, code_secret, created_at) \
             select id, code, 1000000 + n, decode(repeat('5a', 32), 'hex'), $2 \
             from unnest($1::uuid[], $3::text[]) with ordinality as new (id, code, n)",
        )
        .bind((0..CUSTOMERS).map(id_of).collect::<Vec<_>>())
        .bind(week_begins(last - WEEKS, zone))
        .bind((0..CUSTOMERS).map(|n| StaticCode::from_seed(7_000_000 + n).as_str().to_owned()).collect::<Vec<_>>())
        .execute(&self.pool)
        .await
        .unwrap();
        sqlx::query(
            "insert into offers (customer_id, at, policy, rate_bp, drawn_at, propensity) select id, at, 'pilot', bp, at, p \
             from unnest($1::uuid[], $2::timestamptz[], $3::int[], $4::float8[]) as new (id, at, bp, p)",
        )
        .bind(offers.iter().map(|one| one.0).collect::<Vec<_>>())
        .bind(offers.iter().map(|one| one.1).collect::<Vec<_>>())
        .bind(offers.iter().map(|one| one.2).collect::<Vec<_>>())
        .bind(offers.iter().map(|one| one.3).collect::<Vec<_>>())
        .execute(&self.pool)
        .await
        .unwrap();
        sqlx::query(
            "with sold as (insert into receipts (source, store_id, till_id, number, customer_id, kind, at, lines, subtotal, \
                 discount, total) select 'till', $5, $6, 'P' || n, id, 'sale', at, 1, gross, off, gross - off \
                 from unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[]) with ordinality \
                 as new (id, at, gross, off, n) returning id, subtotal, discount) \
             insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, discount, unit_cost, allocations) \
             select id, 0, 'latte', 1, subtotal, discount, subtotal * 3 / 10, \
                 case when discount > 0 then jsonb_build_array(jsonb_build_object('source', 'card', 'amount', discount)) end \
             from sold",
        )
        .bind(bought.iter().map(|one| one.0).collect::<Vec<_>>())
        .bind(bought.iter().map(|one| one.1).collect::<Vec<_>>())
        .bind(bought.iter().map(|one| one.2).collect::<Vec<_>>())
        .bind(bought.iter().map(|one| one.3).collect::<Vec<_>>())
        .bind(self.till.store.0)
        .bind(self.till.till.0)
        .execute(&self.pool)
        .await
        .unwrap();
        let mut tx = self.shop.store.begin().await.unwrap();
        store::segments::refresh(&mut tx, store::segments::Whose::Everybody).await.unwrap();
        store::commit(tx).await.unwrap();
    }

    async fn planted_cards(&self, customer: u64) -> Vec<Card> {
        let id = CustomerId(id_of(customer));
        let customer = self.shop.store.customer(id).await.unwrap().unwrap();
        self.shop.cards_of(&customer).await.unwrap()
    }
}

fn basket_rate(cards: &[Card]) -> Rate {
    cards.iter().find(|card| card.scope == CardScope::Basket).map_or(Rate::ZERO, |card| card.rate)
}

#[tokio::test]
async fn a_pilot_draws_with_every_purchase_and_never_by_waiting() {
    let scene = Scene::set().await;
    scene.mode(Mode::Pilot).await;
    let (mut drawn, mut kept) = ([0; 16], 0);
    for guest in 1..=8 {
        let caller = scene.guest(guest).await;
        let mut rate = basket_rate(&scene.cards_of(caller).await);
        for step in 0..6 {
            // Weeks go by, cards run out: what there is stays what it is.
            scene.wait(TimeDelta::days(20));
            assert_eq!(basket_rate(&scene.cards_of(caller).await), rate, "guest {guest}, step {step}");
            kept += 1;
            scene.buy(caller, &[("latte", 1)], &format!("{guest}-{step}")).await;
            scene.wait(TimeDelta::minutes(1));
            let cards = scene.cards_of(caller).await;
            rate = basket_rate(&cards);
            drawn[(rate.bp() / 250) as usize] += 1;
            assert!(cards.iter().all(|card| card.reasons.contains(&CardReason::Chance)));
            assert!(cards.is_empty() || cards.len() == 3);
        }
        let offers = scene.offers_of(caller.customer).await;
        assert!(offers.iter().all(|offer| offer.by == By::Pilot && (offer.propensity - 0.48).abs() < 0.48));
        // A renewal keeps the probability of what it renews.
        for pair in offers.windows(2) {
            assert!(pair[0].rate != pair[1].rate || pair[0].propensity == pair[1].propensity);
        }
    }
    assert!(drawn[0] > 10 && drawn[6] > 10 && kept == 48, "{drawn:?}");
}

/// Law 8 over the whole shop: whatever becomes of mode, share held out and model, who did not buy gets no more.
#[tokio::test]
async fn who_waits_gets_no_more_whatever_the_shop_does_meanwhile() {
    let scene = Scene::set().await;
    scene.terms(|terms| Terms { mode: Mode::Pilot, held_out: Rate(3_000), ..terms }).await;
    let mut callers = Vec::new();
    for guest in 1..=12 {
        let caller = scene.guest(guest).await;
        let rate = basket_rate(&scene.cards_of(caller).await);
        callers.push((caller, rate));
    }
    let nothing = callers.iter().filter(|(_, rate)| *rate == Rate::ZERO).count();
    assert!((2..12).contains(&nothing), "{nothing} of 12 have nothing");
    for (mode, held_out) in
        [(Mode::Learned, 3_000), (Mode::Rule, 3_000), (Mode::Pilot, 0), (Mode::Rule, 0), (Mode::Learned, 0)]
    {
        scene.terms(|terms| Terms { mode, held_out: Rate(held_out), ..terms }).await;
        scene.wait(TimeDelta::days(20));
        for (caller, rate) in &mut callers {
            let now = basket_rate(&scene.cards_of(*caller).await);
            assert!(now <= *rate, "{mode:?}, {held_out}: {rate:?} became {now:?} by waiting");
            *rate = now;
        }
    }
    // The next purchase ends it, in any mode.
    scene.mode(Mode::Rule).await;
    for (place, (caller, _)) in callers.iter().enumerate() {
        scene.buy(*caller, &[("latte", 1)], &format!("n{place}")).await;
        scene.wait(TimeDelta::minutes(1));
        assert!(basket_rate(&scene.cards_of(*caller).await) > Rate::ZERO, "{place}");
    }
}

#[tokio::test]
async fn a_shop_learns_and_plans_by_itself_when_it_is_due() {
    let scene = Scene::set().await;
    let shop = &scene.shop;
    assert!(!shop.learn_when_due(true).await.unwrap(), "the rule learns nothing");
    scene.mode(Mode::Pilot).await;
    assert!(!shop.learn_when_due(true).await.unwrap(), "there is too little");
    assert!(shop.training().refused().unwrap().1.is("too-little-to-learn"));
    scene.plant().await;
    assert!(!shop.learn_when_due(true).await.unwrap(), "not tried again the same night");
    scene.wait(REFUSED_FOR);
    assert!(!shop.learn_when_due(false).await.unwrap(), "the first one waits for its night");
    assert!(shop.learn_when_due(true).await.unwrap());
    let planned = async || shop.store.response_models().await.unwrap()[0].planned_at.unwrap();
    let first = planned().await;
    assert!(!shop.learn_when_due(false).await.unwrap() && planned().await == first, "done is done");
    scene.wait(PLAN_EVERY);
    assert!(shop.learn_when_due(false).await.unwrap() && planned().await > first);
    scene.wait(TRAIN_EVERY);
    assert!(shop.learn_when_due(false).await.unwrap());
    assert_eq!(shop.store.response_models().await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_offer_stands_for_a_week_whatever_is_bought() {
    let scene = Scene::set().await;
    scene.mode(Mode::Pilot).await;
    for guest in 1..=6 {
        let caller = scene.guest(guest).await;
        scene.cards_of(caller).await;
        for day in 0..6 {
            scene.buy(caller, &[("latte", 1)], &format!("{guest}-{day}")).await;
            scene.wait(TimeDelta::hours(20));
            scene.cards_of(caller).await;
        }
        let offers = scene.offers_of(caller.customer).await;
        assert!(offers.len() >= 6, "cards are made anew with every purchase: {offers:?}");
        let same = |offer: &store::offers::Offer| {
            (offer.rate, offer.drawn_at, offer.propensity) == (offers[0].rate, offers[0].drawn_at, offers[0].propensity)
        };
        assert!(offers.iter().all(same), "{offers:?}");
        scene.wait(TimeDelta::days(3));
        scene.buy(caller, &[("latte", 1)], &format!("{guest}-x")).await;
        scene.wait(TimeDelta::minutes(1));
        scene.cards_of(caller).await;
        let drawn = scene.offers_of(caller.customer).await.pop().unwrap();
        assert!(drawn.drawn_at > offers[0].drawn_at && drawn.drawn_at == drawn.at, "{drawn:?}");
    }
}

#[tokio::test]
async fn whoever_had_the_rules_cards_keeps_them_until_they_buy() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    let before = basket_rate(&scene.cards_of(caller).await);
    scene.mode(Mode::Pilot).await;
    scene.wait(TimeDelta::days(30));
    assert_eq!(basket_rate(&scene.cards_of(caller).await), before);
    assert!(scene.offers_of(caller.customer).await.iter().all(|offer| offer.by == By::Rule));
    scene.buy(caller, &[("latte", 1)], "1").await;
    scene.wait(TimeDelta::minutes(1));
    scene.cards_of(caller).await;
    assert_eq!(scene.offers_of(caller.customer).await.last().unwrap().by, By::Pilot);
}

#[tokio::test]
async fn who_is_held_out_has_no_cards_and_the_till_says_so() {
    let scene = Scene::set().await;
    scene.terms(|terms| Terms { held_out: Rate(5_000), ..terms }).await;
    let terms = scene.shop.discount_terms().await.unwrap();
    let (mut held_out, mut offered) = (0, 0);
    for guest in 1..=16 {
        let caller = scene.guest(guest).await;
        let cards = scene.cards_of(caller).await;
        let is_out = is_held_out(&terms, caller.customer);
        assert_eq!(cards.is_empty(), is_out);
        *(if is_out { &mut held_out } else { &mut offered }) += 1;
        let session = scene.buy(caller, &[("latte", 1)], &format!("h{guest}")).await;
        assert_eq!(session.discount == Amount::ZERO, is_out);
        for _ in 0..3 {
            // Looking again, and waiting, makes no second offer and brings nothing.
            scene.wait(TimeDelta::days(5));
            assert_eq!(scene.cards_of(caller).await.is_empty(), is_out);
        }
        if is_out {
            let offers = scene.offers_of(caller.customer).await;
            assert!(offers.iter().all(|offer| offer.by == By::HeldOut && offer.rate == Rate::ZERO));
            assert!(offers.len() <= 3, "{offers:?}");
        }
    }
    assert!(held_out > 2 && offered > 2, "{held_out} {offered}");
    // A larger share holds out more, and nobody comes free by it.
    let before: Vec<bool> =
        (0..500).map(|n| is_held_out(&Terms { held_out: Rate(400), ..terms }, CustomerId(id_of(n)))).collect();
    let after: Vec<bool> =
        (0..500).map(|n| is_held_out(&Terms { held_out: Rate(900), ..terms }, CustomerId(id_of(n)))).collect();
    assert!(before.iter().zip(&after).all(|(before, after)| !before || *after));
    assert!(after.iter().filter(|out| **out).count() > before.iter().filter(|out| **out).count());
    // And the seed is drawn once.
    scene.mode(Mode::Pilot).await;
    assert_eq!(scene.shop.discount_terms().await.unwrap().seed, terms.seed);
}

#[tokio::test]
async fn what_is_learned_from_a_pilot_decides_and_is_rolled_back_by_one_command() {
    let scene = Scene::set().await;
    scene.mode(Mode::Pilot).await;
    assert!(scene.shop.train(&|_| ()).await.unwrap_err().is("too-little-to-learn"));
    scene.plant().await;
    let told = std::sync::Mutex::new(Vec::new());
    let (version, report) = scene.shop.train(&|done| told.lock().unwrap().push(done)).await.unwrap();
    assert_eq!(version, 1);
    assert!(report.judges > 100 && report.weeks_by_chance > 1_000, "{report:?}");
    assert!(report.log_likelihood < 0.0 && report.better_by.is_none());
    for bin in report.calibration.iter().filter(|bin| bin.weeks > 400) {
        assert!((bin.foretold - bin.came).abs() < 0.07, "{report:?}");
    }
    let gain = report.gain.unwrap();
    assert!(gain.robust.estimate > 0.0 && gain.effective > 1_000.0, "{gain:?}");
    assert_eq!(scene.shop.training().told(), None, "nothing runs any more");
    // A first model decides only where the log says that it pays.
    let wanted = if gain.verdict == discount::evaluation::Verdict::Better { Outcome::InUse } else { Outcome::Shadow };
    assert_eq!(report.outcome, wanted, "{gain:?}");
    scene.shop.set_model_state(1, State::InUse).await.unwrap();

    scene.mode(Mode::Learned).await;
    // Their last purchase came after their last offer's purchase: they are offered what was learned when they look.
    let mut sums = [(0_u32, 0_u32); 2];
    for customer in 0..120 {
        let before = scene.offers_of(CustomerId(id_of(customer))).await.last().unwrap().rate;
        let cards = scene.planted_cards(customer).await;
        assert!(basket_rate(&cards) <= before, "nobody bought: waiting brings nothing");
        // They buy, and get what they are worth.
        sqlx::query(
            "insert into receipts (source, store_id, till_id, number, customer_id, kind, at, lines, subtotal, discount, total) \
             values ('till', $1, $2, $3, $4, 'sale', $5, 0, 700, 0, 700)",
        )
        .bind(scene.till.store.0)
        .bind(scene.till.till.0)
        .bind(format!("L{customer}"))
        .bind(id_of(customer))
        .bind(scene.clock.now())
        .execute(&scene.pool)
        .await
        .unwrap();
        sqlx::query("update customers set last_purchase_at = $2, offers_version = offers_version + 1 where id = $1")
            .bind(id_of(customer))
            .bind(scene.clock.now())
            .execute(&scene.pool)
            .await
            .unwrap();
        let cards = scene.planted_cards(customer).await;
        let sum = &mut sums[usize::from(answers(customer))];
        *sum = (sum.0 + basket_rate(&cards).bp(), sum.1 + 1);
        let offers = scene.offers_of(CustomerId(id_of(customer))).await;
        let newest = offers.last().unwrap();
        assert_eq!((newest.by, newest.model, &newest.stands_in), (By::Learned, Some(1), &None));
        if let Some(basket) = cards.first() {
            let tells =
                |reason: &CardReason| matches!(reason, CardReason::Weeks { .. } | CardReason::AverageBasket { .. });
            assert!(basket.reasons.iter().any(tells), "{basket:?}");
            for reason in &basket.reasons {
                if let CardReason::Weeks { came, of } = reason {
                    assert!(came <= of && *of >= WEEKS, "{reason:?}");
                }
            }
        }
    }
    let mean = |(sum, count): (u32, u32)| f64::from(sum) / f64::from(count);
    assert!(mean(sums[1]) > 1.5 * mean(sums[0]), "who answers gets more: {sums:?}");

    // A second model is judged against the first. Another one takes its place, and one command takes that back.
    let (second, report) = scene.shop.train(&|_| ()).await.unwrap();
    assert!(report.better_by.is_some() && report.outcome == Outcome::InUse, "{report:?}");
    let states = async || -> Vec<(i32, String)> {
        let models = scene.shop.store.response_models().await.unwrap();
        models.into_iter().map(|model| (model.version, model.state)).collect()
    };
    assert_eq!(states().await, [(second, "in_use".to_owned()), (1, "retired".to_owned())]);
    assert_eq!(scene.shop.roll_back_model().await.unwrap(), 1);
    assert_eq!(states().await, [(second, "retired".to_owned()), (1, "in_use".to_owned())]);
    assert!(scene.shop.set_model_state(77, State::InUse).await.unwrap_err().is("model-not-found"));
    scene.run("update response_models set model = '{}' where version = 2").await;
    assert!(scene.shop.set_model_state(2, State::InUse).await.unwrap_err().is("model-broken"));
    assert_eq!(states().await[1].1, "in_use", "what failed changed nothing");
}

#[tokio::test]
async fn a_budget_makes_offers_dearer_and_ends_them_when_it_is_spent() {
    let scene = Scene::set().await;
    scene.plant().await;
    scene.shop.train(&|_| ()).await.unwrap();
    scene.shop.set_model_state(1, State::InUse).await.unwrap();
    let free = scene.shop.plan(State::InUse).await.unwrap();
    assert_eq!((free.price, free.budget), (0.0, None));
    assert!(free.cost > 0 && free.gain > 0.0 && free.customers == CUSTOMERS, "{free:?}");
    // A quarter of it a period of 13 weeks, of which two are looked at.
    scene.terms(|terms| Terms { budget: Some(Amount(free.cost / 4)), ..terms }).await;
    let tight = scene.shop.plan(State::InUse).await.unwrap();
    assert!(tight.price > 0.0 && tight.cost < free.cost, "{tight:?}");
    scene.terms(|terms| Terms { budget: Some(Amount::ZERO), mode: Mode::Learned, ..terms }).await;
    let nothing = scene.shop.plan(State::InUse).await.unwrap();
    assert_eq!(nothing.cost, 0, "{nothing:?}");
    scene.wait(TimeDelta::days(15));
    assert!(scene.planted_cards(1).await.is_empty(), "what ran out is not renewed");
}

#[tokio::test]
async fn a_model_that_cannot_decide_leaves_the_segments_level_and_is_flagged() {
    let scene = Scene::set().await;
    scene.mode(Mode::Learned).await;
    let mut guest = 0;
    let mut stands_in = async |why: &str| {
        guest += 1;
        let caller = scene.guest(guest).await;
        let cards = scene.cards_of(caller).await;
        assert_eq!(basket_rate(&cards), Rate(1_000), "{why}: the level of newcomers");
        let flag = CardReason::StandIn { why: why.to_owned() };
        assert!(cards.len() == 3 && cards.iter().all(|card| card.reasons.contains(&flag)), "{why}: {cards:?}");
        let newest = scene.offers_of(caller.customer).await.pop().unwrap();
        assert_eq!((newest.by, newest.stands_in.as_deref()), (By::Rule, Some(why)));
        let session = scene.buy(caller, &[("latte", 1)], &format!("f{guest}")).await;
        assert_eq!(session.degraded.unwrap().why, why);
        assert!(session.discount > Amount::ZERO, "{why}: the sale goes on with the card");
    };
    stands_in("model-missing").await;
    scene.plant().await;
    scene.mode(Mode::Learned).await;
    scene.shop.train(&|_| ()).await.unwrap();
    scene.shop.set_model_state(1, State::InUse).await.unwrap();
    // One that decides first: nothing is flagged.
    let whole = scene.guest(99).await;
    let cards = scene.cards_of(whole).await;
    assert_eq!(scene.offers_of(whole.customer).await.pop().unwrap().by, By::Learned, "{cards:?}");
    // What stands in the database may be anything.
    scene.run("create table whole as select * from response_models").await;
    let restore = "update response_models m set model = w.model, plan = w.plan, planned_at = w.planned_at + interval '1 second' \
         from whole w where w.version = m.version";
    for (broken, why) in [
        ("update response_models set model = '{}', planned_at = planned_at + interval '2 seconds'", "model-broken"),
        (
            "update response_models set model = '[1, \"x\"]', planned_at = planned_at + interval '3 seconds'",
            "model-broken",
        ),
        (
            "update response_models set model = jsonb_set(model, '{gross}', '1e300'), planned_at = planned_at + interval '4 seconds'",
            "model-broken",
        ),
        (
            "update response_models set model = jsonb_set(model, '{kinds,b,0}', '-5'), planned_at = planned_at + interval '5 seconds'",
            "model-broken",
        ),
        (
            "update response_models set plan = jsonb_set(plan, '{plan,futures,visits}', '[]'), \
             planned_at = planned_at + interval '6 seconds'",
            "model-broken",
        ),
        (
            "update response_models set plan = jsonb_set(plan, '{plan,price}', '-1'), planned_at = planned_at + interval '7 seconds'",
            "model-broken",
        ),
        ("update response_models set plan = null, planned_at = null", "model-not-planned"),
        ("delete from response_models", "model-missing"),
    ] {
        scene.run(broken).await;
        stands_in(why).await;
        scene.run(restore).await;
    }
    scene.run("insert into response_models select * from whole").await;
    scene.wait(PLAN_LASTS + TimeDelta::seconds(1));
    stands_in("model-stale").await;
    scene.shop.plan(State::InUse).await.unwrap();
    scene.wait(TimeDelta::seconds(1));
    let again = scene.guest(98).await;
    scene.cards_of(again).await;
    assert_eq!(scene.offers_of(again.customer).await.pop().unwrap().by, By::Learned, "planned anew, it decides again");
    scene.wait(MODEL_LASTS);
    scene.shop.plan(State::InUse).await.unwrap();
    stands_in("model-stale").await;
}

/// Who holds a customer's lock needs no second connection: with two of them, and many at once, everybody is served.
#[tokio::test]
async fn many_at_once_are_served_over_two_connections() {
    let scene = Scene::set().await;
    scene.plant().await;
    scene.shop.train(&|_| ()).await.unwrap();
    scene.shop.set_model_state(1, State::InUse).await.unwrap();
    scene.terms(|terms| Terms { mode: Mode::Learned, budget: Some(Amount(100_000_000)), ..terms }).await;
    let narrow = scene.with_connections(2).await;
    let start = std::sync::Arc::new(tokio::sync::Barrier::new(16));
    let tasks: Vec<_> = (0..16)
        .map(|guest| {
            let (narrow, start) = (narrow.clone(), start.clone());
            tokio::spawn(async move {
                let id = CustomerId(id_of(guest));
                let customer = narrow.store.customer(id).await.unwrap().unwrap();
                start.wait().await;
                narrow.cards_of(&customer).await.unwrap();
            })
        })
        .collect();
    let served = async {
        for task in tasks {
            task.await.unwrap();
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(8), served)
        .await
        .expect("nobody waits for a second connection");
}

/// The least holds for chance as well, and a model is judged by the ends that there were.
#[tokio::test]
async fn a_pilot_offers_nobody_less_than_the_least() {
    let scene = Scene::set().await;
    scene.terms(|terms| Terms { mode: Mode::Pilot, least: Rate(500), ..terms }).await;
    let mut drawn = [0; 2];
    for guest in 1..=12 {
        let caller = scene.guest(guest).await;
        let rate = basket_rate(&scene.cards_of(caller).await);
        assert!((Rate(500)..=Rate(1_500)).contains(&rate), "{rate:?}");
        drawn[usize::from(rate > Rate(500))] += 1;
        assert!(scene.offers_of(caller.customer).await.iter().all(|offer| offer.rate >= Rate(500)));
    }
    assert!(drawn[0] > 0 && drawn[1] > 0, "{drawn:?}");
}

#[tokio::test]
async fn a_shadow_is_asked_and_not_heard() {
    let scene = Scene::set().await;
    scene.plant().await;
    scene.shop.train(&|_| ()).await.unwrap();
    scene.shop.set_model_state(1, State::Shadow).await.unwrap();
    scene.mode(Mode::Rule).await;
    let caller = scene.guest(1).await;
    assert_eq!(basket_rate(&scene.cards_of(caller).await), Rate(1_000));
    let offer = scene.offers_of(caller.customer).await.pop().unwrap();
    assert_eq!(offer.by, By::Rule);
    assert!(matches!(offer.shadow, Some((1, _))), "{offer:?}");
}

#[tokio::test]
async fn a_training_that_is_stopped_changes_nothing() {
    let scene = Scene::set().await;
    scene.plant().await;
    let shop = &scene.shop;
    let stop = |_: f64| shop.training().stop();
    assert!(shop.train(&stop).await.unwrap_err().is("training-stopped"));
    assert!(shop.store.response_models().await.unwrap().is_empty());
    assert_eq!(shop.training().told(), None);
    shop.train(&|_| ()).await.unwrap();
}

/// By hand: two customers are held out of four; each buys for 1000 at a cost of 300 in the period, and the two who are not get 100 off.
#[tokio::test]
async fn what_offers_brought_is_margin_against_who_is_held_out() {
    let scene = Scene::set().await;
    scene.terms(|terms| Terms { held_out: Rate(5_000), ..terms }).await;
    let now = scene.shop.measure_offers().await.unwrap();
    assert_eq!((now.offered, now.held_out, now.effect), (0, 0, None));
    scene
        .run(
            "insert into customers (id, static_code, code_handle, code_secret, created_at) \
             select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'B' || n, 2000000 + n, '', '2020-01-01' \
             from generate_series(1, 400) n",
        )
        .await;
    let terms = scene.shop.discount_terms().await.unwrap();
    let ids: Vec<Uuid> = (1..=400).map(|n| Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n)).collect();
    let off: Vec<i64> = ids.iter().map(|id| if is_held_out(&terms, CustomerId(*id)) { 0 } else { 100 }).collect();
    sqlx::query(
        "with sold as (insert into receipts (source, number, customer_id, kind, at, lines, subtotal, discount, total) \
             select 'import', 'B' || n, id, 'sale', $3, 1, 1000, off, 1000 - off \
             from unnest($1::uuid[], $2::bigint[]) with ordinality as new (id, off, n) returning id, discount) \
         insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, discount, unit_cost) \
         select id, 0, 'latte', 2, 500, discount, 150 from sold",
    )
    .bind(&ids)
    .bind(&off)
    .bind(scene.clock.now())
    .execute(&scene.pool)
    .await
    .unwrap();
    scene.wait(TimeDelta::minutes(1));
    let told = scene.shop.measure_offers().await.unwrap();
    assert_eq!(told.offered + told.held_out, 400);
    assert_eq!(told.held_out, off.iter().filter(|off| **off == 0).count());
    assert_eq!((told.margin_offered, told.margin_held_out), (600.0, 700.0));
    let effect = told.effect.unwrap();
    assert!((effect.estimate + 100.0).abs() < 1e-9 && effect.high - effect.low < 1e-6, "it cost 100 each: {effect:?}");
    assert!(told.parting.unwrap() > 0.001);
    // What comes back is taken off again, and what was cancelled never was.
    scene.run("update receipts set cancelled_at = now() where number like 'B%'").await;
    let told = scene.shop.measure_offers().await.unwrap();
    assert_eq!((told.margin_offered, told.margin_held_out), (0.0, 0.0));
}

/// Every figure of marketing's page, by hand.
#[tokio::test]
async fn the_figures_of_the_page_are_what_they_are_said_to_be() {
    use contract::OffersApi;
    use contract::offers::{ModelState, OfferMode};
    use contract::staff::StaffCaller;

    let scene = Scene::set().await;
    let caller = |role| StaffCaller {
        staff: domain::StaffId(Uuid::from_u128(1)),
        name: "Mira".into(),
        role,
        till: None,
        place: String::new(),
    };
    let marketer = caller(domain::Role::Marketer);
    assert!(scene.shop.offers(&caller(domain::Role::Cashier)).await.unwrap_err().is("forbidden"));
    // Three offers: 10 %, 5 %, and one of 7.5 % for a model that could not decide; one of long ago.
    scene
        .run(
            "with guest as (insert into customers (id, static_code, code_handle, code_secret, created_at) \
                 values (gen_random_uuid(), 'F1', 4000000, '', '2020-01-01') returning id) \
             insert into offers (customer_id, at, policy, rate_bp, drawn_at, propensity, stands_in) \
             select id, at::timestamptz, 'rule', bp, at::timestamptz, 1, why from guest, (values \
                 ('2026-11-20', 1000, null), ('2026-11-19', 500, null), ('2026-11-18', 750, 'model-stale'), \
                 ('2026-01-01', 1500, null)) as made (at, bp, why)",
        )
        .await;
    // Cards took off 100 and 30; 50 are a campaign's, 70 of a purchase that was cancelled, 90 of another period.
    scene
        .run(
            "with sold as (insert into receipts (source, number, customer_id, kind, at, lines, subtotal, discount, total, cancelled_at) \
                 select 'import', 'F' || n, (select id from customers where static_code = 'F1'), 'sale', at::timestamptz, 1, 1000, \
                     0, 1000, gone::timestamptz \
                 from (values (1, '2026-11-20', null), (2, '2026-11-20', null), (3, '2026-11-20', '2026-11-21'), \
                     (4, '2024-01-01', null)) as s (n, at, gone) returning id, number) \
             insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, unit_cost, allocations) \
             select id, 0, 'latte', 1, 1000, 300, case number \
                 when 'F1' then '[{\"source\": \"card\", \"amount\": 100}, {\"source\": \"campaign\", \"amount\": 50}]'::jsonb \
                 when 'F2' then '[{\"source\": \"card\", \"amount\": 30}]'::jsonb \
                 when 'F3' then '[{\"source\": \"card\", \"amount\": 70}]'::jsonb \
                 else '[{\"source\": \"card\", \"amount\": 90}]'::jsonb end from sold",
        )
        .await;
    // 100 weeks foretold at 0.2 where 0.25 came, 300 at 0.5 where 0.48 came: (100 x 0.05 + 300 x 0.02) / 400.
    let report = serde_json::json!({
        "fit": {"customers": 80, "visits": 900, "log_likelihood": -0.5, "kinds": 3},
        "judges": 20, "weeks": 400, "weeks_by_chance": 300, "log_likelihood": -0.5, "better_by": null,
        "calibration": [{"weeks": 100, "foretold": 0.2, "came": 0.25}, {"weeks": 300, "foretold": 0.5, "came": 0.48}],
        "gain": null, "outcome": "shadow",
    });
    sqlx::query(
        "insert into response_models (id, version, trained_at, state, model, report) \
         values (gen_random_uuid(), 1, now(), 'shadow', '{}', $1), (gen_random_uuid(), 2, now(), 'retired', '{}', '{}')",
    )
    .bind(report)
    .execute(&scene.pool)
    .await
    .unwrap();
    let shown = scene.shop.offers(&marketer).await.unwrap();
    assert_eq!(shown.spent, Amount(130));
    let [made] = shown.made.as_slice() else { panic!("{:?}", shown.made) };
    assert_eq!((made.by, made.offers, made.mean), (Some(OfferMode::Rule), 3, Rate(750)));
    assert_eq!(shown.stood_in, 1);
    let [model] = shown.models.as_slice() else { panic!("a report that is none is not shown: {:?}", shown.models) };
    assert_eq!((model.version, model.state, model.customers, model.judges), (1, ModelState::Shadow, 80, 20));
    assert!((model.miscalibration - 0.0275).abs() < 1e-12, "{model:?}");
    assert!(shown.plan.is_none() && shown.training.is_none() && shown.brought.effect.is_none());
    // 13 weeks from a Monday of Minsk on; now is in the period.
    let now = scene.clock.now();
    assert!(shown.from <= now && now < shown.until);
    assert_eq!((shown.until - shown.from).num_weeks(), 13);
    // 1000 less 300, twice: what the lines say was taken off is nothing.
    assert_eq!((shown.brought.offered, shown.brought.margin_offered), (1, Amount(1_400)));
}
