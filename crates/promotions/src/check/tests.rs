//! Every kind of refusal, with its pointer.

use serde_json::{Value, json};

use crate::Params;

const ID: &str = "01890a5d-ac96-774b-bcce-000000000001";

/// A good rule set of one campaign.
fn good() -> Value {
    json!({"campaigns": [{"id": ID, "name": {"en": "A", "ru": "А"}, "window": {"until": "2030-01-01T00:00:00"},
        "rules": [{"name": "r", "when": {"all": []}, "then": [{"percentage": {"rate_bp": 1000}}]}]}]})
}

fn problems(params: Value) -> Vec<(String, &'static str)> {
    let params: Params = serde_json::from_value(params).unwrap();
    match params.check() {
        Ok(_) => Vec::new(),
        Err(problems) => {
            assert!(problems.0.iter().all(|problem| problem.detail.ends_with(['.', '!'])), "{problems}");
            problems.0.into_iter().map(|problem| (problem.pointer, problem.key)).collect()
        }
    }
}

/// What is refused when the good rule set has this in this place of its campaign.
fn with(pointer: &str, value: Value) -> Vec<(String, &'static str)> {
    let mut params = good();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = params["campaigns"][0].pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        object => object[key] = value,
    }
    problems(params)
}

fn one(pointer: &str, key: &'static str) -> Vec<(String, &'static str)> {
    vec![(format!("/campaigns/0{pointer}"), key)]
}

#[test]
fn a_good_rule_set_is_taken() {
    assert_eq!(problems(good()), []);
    assert_eq!(problems(json!({})), []);
}

#[test]
fn names_and_groups() {
    assert_eq!(with("/name", json!({"en": " ", "ru": "А"})), one("/name/en", "name-invalid"));
    assert_eq!(with("/name", json!({"en": "A", "ru": "\n"})), one("/name/ru", "name-invalid"));
    assert_eq!(with("/group", json!("x".repeat(201))), one("/group", "name-invalid"));
    assert_eq!(with("/rules/0/name", json!("")), one("/rules/0/name", "name-invalid"));
    let mut twice = good();
    twice["campaigns"] = json!([twice["campaigns"][0], twice["campaigns"][0]]);
    assert_eq!(problems(twice), [("/campaigns/1/id".into(), "duplicate")]);
    let mut groups = good();
    groups["groups"] =
        json!([{"name": "all", "mode": "best"}, {"name": "all", "mode": "first"}, {"name": "b", "mode": "all"}]);
    assert_eq!(problems(groups), [("/groups/1/name".into(), "duplicate"), ("/groups/2/name".into(), "unknown-group")]);
    assert_eq!(problems(json!({"card": {"max_rate_bp": 10001}})), [("/card/max_rate_bp".into(), "rate-above-whole")]);
}

#[test]
fn windows_and_schedules() {
    let backwards = json!({"from": "2027-01-01T00:00:00", "until": "2027-01-01T00:00:00"});
    assert_eq!(with("/window", backwards), one("/window/until", "contradiction"));
    assert_eq!(with("/window", json!({"until": "2200-01-01T00:00:00"})), one("/window/until", "time-out-of-bounds"));
    assert_eq!(with("/window", json!({"from": "2026-01-01T00:00:00.5"})), one("/window/from", "time-too-fine"));
    assert_eq!(with("/schedule", json!({"weekdays": ["Mon", "Tue", "Mon"]})), one("/schedule/weekdays/2", "duplicate"));
    let fine = json!({"hours": {"from": "08:00:00.1", "to": "09:00:00"}});
    assert_eq!(with("/schedule", fine), one("/schedule/hours/from", "time-too-fine"));
}

#[test]
fn limits() {
    let budget = |limit: i64, per: Value| json!({"action": "discount", "limit": limit, "per": per});
    assert_eq!(with("/budgets", json!([budget(0, json!([]))])), one("/budgets/0/limit", "amount-out-of-bounds"));
    assert_eq!(with("/budgets", json!([budget(1, json!(["store", "store"]))])), one("/budgets/0/per", "duplicate"));
    let same = json!([budget(1, json!(["store", "customer"])), budget(2, json!(["customer", "store"]))]);
    assert_eq!(with("/budgets", same), one("/budgets/1", "contradiction"));
    assert_eq!(with("/coupon", json!({"per_code": 0})), one("/coupon/per_code", "count-out-of-bounds"));
    assert_eq!(with("/max_per_line", json!(0)), one("/max_per_line", "amount-out-of-bounds"));
    assert_eq!(with("/max_per_session", json!(-5)), one("/max_per_session", "amount-out-of-bounds"));
}

#[test]
fn rules_give_something() {
    assert_eq!(with("/rules", json!([])), one("/rules", "empty"));
    assert_eq!(with("/rules/0/then", json!([])), one("/rules/0/then", "empty"));
    let rule = good()["campaigns"][0]["rules"][0].clone();
    assert_eq!(with("/rules", json!(vec![rule; 51])), one("/rules", "too-many"));
    let benefit = json!({"percentage": {"rate_bp": 1}});
    assert_eq!(with("/rules/0/then", json!(vec![benefit; 21])), one("/rules/0/then", "too-many"));
}

fn when(condition: Value) -> Vec<(String, &'static str)> {
    let told = with("/rules/0/when", condition);
    told.into_iter()
        .map(|(pointer, key)| (pointer.strip_prefix("/campaigns/0/rules/0/when").unwrap().to_owned(), key))
        .collect()
}

#[test]
fn conditions_that_cannot_hold() {
    for (condition, pointer, key) in [
        (json!({"any": []}), "/any", "empty"),
        (json!({"customers": []}), "/customers", "empty"),
        (json!({"stores": []}), "/stores", "empty"),
        (json!({"subtotal": {}}), "/subtotal", "range-missing"),
        (json!({"subtotal": {"at_least": 2, "at_most": 1}}), "/subtotal", "contradiction"),
        (json!({"subtotal": {"at_most": -1}}), "/subtotal", "impossible"),
        (json!({"quantity": {"at_least": 2, "at_most": 1}}), "/quantity", "contradiction"),
        (json!({"visits": {}}), "/visits", "range-missing"),
        (
            json!({"days_since_last_purchase": {"at_least": 9, "at_most": 3}}),
            "/days_since_last_purchase",
            "contradiction",
        ),
        (json!({"distinct": {"of": {"skus": ["a", "b"]}, "at_least": 3}}), "/distinct", "impossible"),
        (json!({"segment": {}}), "/segment", "impossible"),
        (json!({"birthday": {"within_days": 183}}), "/birthday/within_days", "always-true"),
        (json!({"coupon_of": ID}), "/coupon_of", "impossible"),
        (json!({"has": {"skus": ["a"], "not": {"skus": ["a"]}}}), "/has/not", "contradiction"),
        (json!({"has": {"min_unit_price": 5, "max_unit_price": 4}}), "/has/max_unit_price", "contradiction"),
        (json!({"not": {"any": []}}), "/not/any", "empty"),
        (json!({"all": ["customer_known", {"not": "customer_known"}]}), "/all/1", "contradiction"),
        (json!({"all": [{"not": "customer_known"}, "first_purchase"]}), "/all/1", "contradiction"),
        (json!({"all": ["first_purchase", {"visits": {"at_least": 1}}]}), "/all/1", "contradiction"),
        (json!({"all": [{"subtotal": {"at_least": 9}}, {"subtotal": {"at_most": 8}}]}), "/all/1", "contradiction"),
        (json!({"all": [{"quantity": {"at_most": 1}}, {"quantity": {"at_least": 2}}]}), "/all/1", "contradiction"),
        (json!({"schedule": {"weekdays": ["Mon", "Mon"]}}), "/schedule/weekdays/1", "duplicate"),
    ] {
        assert_eq!(when(condition), [(pointer.to_owned(), key)]);
    }
    assert_eq!(when(json!({"all": vec![json!({"has": {}}); 101]})), [("/all".to_owned(), "too-many")]);
    let mut deep = json!("card_used");
    for _ in 0..17 {
        deep = json!({ "not": deep });
    }
    assert_eq!(when(deep), [("/not".repeat(17), "too-deep")]);
}

fn then(benefit: Value) -> Vec<(String, &'static str)> {
    let told = with("/rules/0/then/0", benefit);
    let prefix = "/campaigns/0/rules/0/then/0";
    told.into_iter().map(|(pointer, key)| (pointer.strip_prefix(prefix).unwrap().to_owned(), key)).collect()
}

#[test]
fn benefits_out_of_bounds() {
    for (benefit, pointer, key) in [
        (json!({"percentage": {"rate_bp": 0}}), "/percentage/rate_bp", "rate-is-nothing"),
        (json!({"percentage": {"rate_bp": 10001}}), "/percentage/rate_bp", "rate-above-whole"),
        (json!({"amount_off": {"amount": 0}}), "/amount_off/amount", "amount-out-of-bounds"),
        (json!({"amount_off_each": {"amount": 1_000_000_001}}), "/amount_off_each/amount", "amount-out-of-bounds"),
        (json!({"fixed_price": {"price": -1}}), "/fixed_price/price", "amount-out-of-bounds"),
        (json!({"bundle": {"slots": [], "price": 1}}), "/bundle/slots", "empty"),
        (json!({"bundle": {"slots": vec![json!({"quantity": 1}); 7], "price": 1}}), "/bundle/slots", "too-many"),
        (
            json!({"bundle": {"slots": [{"quantity": 0}], "price": 1}}),
            "/bundle/slots/0/quantity",
            "count-out-of-bounds",
        ),
        (
            json!({"bundle": {"slots": [{"quantity": 1}], "price": 1, "at_most": 0}}),
            "/bundle/at_most",
            "count-out-of-bounds",
        ),
        (
            json!({"buy_x_get_y": {"buy": {"quantity": 1}, "get": {"quantity": 10000}, "rate_bp": 1}}),
            "/buy_x_get_y/get/quantity",
            "count-out-of-bounds",
        ),
        (
            json!({"buy_x_get_y": {"buy": {"quantity": 1}, "get": {"quantity": 1}, "rate_bp": 0}}),
            "/buy_x_get_y/rate_bp",
            "rate-is-nothing",
        ),
        (json!({"cheapest": {"units": 2, "of_every": 2, "rate_bp": 1}}), "/cheapest/of_every", "contradiction"),
        (json!({"most_expensive": {"units": 0, "rate_bp": 1}}), "/most_expensive/units", "count-out-of-bounds"),
        (json!({"tiers": {"by": "amount", "steps": []}}), "/tiers/steps", "empty"),
        (
            json!({"tiers": {"by": "amount", "steps": [{"from": 5, "off": {"amount": 1}}, {"from": 5, "off": {"amount": 2}}]}}),
            "/tiers/steps/1/from",
            "contradiction",
        ),
        (
            json!({"tiers": {"by": "quantity", "steps": [{"from": 5, "off": {"rate_bp": 0}}]}}),
            "/tiers/steps/0/off/rate_bp",
            "rate-is-nothing",
        ),
        (json!({"free_item": {"sku": "a", "quantity": 0}}), "/free_item/quantity", "count-out-of-bounds"),
    ] {
        assert_eq!(then(benefit), [(pointer.to_owned(), key)]);
    }
}

#[test]
fn whole_prices_are_not_given_away_for_ever() {
    let free = |more: Value| {
        let mut params = good();
        params["campaigns"][0]["window"] = json!({});
        params["campaigns"][0]["rules"][0]["then"][0] = json!({"percentage": {"rate_bp": 10000}});
        for (key, value) in more.as_object().unwrap() {
            params["campaigns"][0][key] = value.clone();
        }
        problems(params)
    };
    let unbounded = one("/rules/0/then/0/percentage/rate_bp", "unbounded");
    assert_eq!(free(json!({})), unbounded);
    assert_eq!(free(json!({"coupon": {"period": "day"}})), unbounded);
    for end in [
        json!({"window": {"until": "2030-01-01T00:00:00"}}),
        json!({"max_per_line": 1}),
        json!({"max_per_session": 1}),
        json!({"budgets": [{"action": "discount", "limit": 1}]}),
        json!({"coupon": {"per_code": 1}}),
    ] {
        assert_eq!(free(end), []);
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let mut params = good();
    params["campaigns"][0]["name"]["en"] = json!("");
    params["campaigns"][0]["rules"][0]["when"] = json!({"any": []});
    params["campaigns"][0]["rules"][0]["then"][0] = json!({"percentage": {"rate_bp": 0}});
    params["card"] = json!({"max_rate_bp": 20000});
    assert_eq!(problems(params).len(), 4);
}

#[test]
fn an_unknown_field_is_an_error_with_its_name() {
    for (pointer, value) in [
        ("/priorty", json!(1)),
        ("/window/form", json!("2026-01-01T00:00:00")),
        ("/rules/0/then/0/percentage/rate", json!(5)),
    ] {
        let mut params = good();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        params["campaigns"][0].pointer_mut(parent).unwrap()[key] = value;
        let why = serde_json::from_value::<Params>(params).unwrap_err().to_string();
        assert!(why.contains(&format!("unknown field `{key}`")), "{why}");
    }
}
