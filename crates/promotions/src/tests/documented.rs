//! docs/campaigns.md: every example is taken as it stands.

use super::*;

const PAGE: &str = include_str!("../../../../docs/campaigns.md");

#[test]
fn every_example_of_the_documentation_is_taken() {
    let examples: Vec<&str> = PAGE.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let mut kinds = std::collections::BTreeSet::new();
    for example in &examples {
        let value: Value = serde_json::from_str(example).unwrap();
        let params = if value.get("campaigns").is_some() {
            serde_json::from_value(value).unwrap()
        } else if value.is_array() {
            kinds.extend(value.as_array().unwrap().iter().flat_map(|one| one.as_object().unwrap().keys().cloned()));
            params(vec![campaign(1, json!({}), json!({"rules": [{"name": "documented", "then": value}]}))])
        } else {
            params(vec![when(1, value, json!({"amount_off": {"amount": 1}}))])
        };
        if let Err(problems) = params.check() {
            panic!("{problems}\n{example}");
        }
    }
    let every = [
        "amount_off",
        "amount_off_each",
        "bundle",
        "buy_x_get_y",
        "cheapest",
        "fixed_price",
        "free_item",
        "most_expensive",
        "percentage",
        "tiers",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), every);
}
