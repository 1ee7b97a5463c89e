use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use domain::segment::{BasketSize, Drift, Habit, Presence};
use domain::{Locale, SegmentName};
use proptest::prelude::*;

use super::*;

pub(crate) fn rules() -> Rules {
    Params { runs: 3, silhouette_sample: 200, ..Params::default() }.check().unwrap()
}

/// A small generator of its own, so that planted clusters have noise and stay the same for ever.
fn noise(i: usize, salt: u64) -> f64 {
    let mut x = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD1B5_4A32_D192_ED03);
    x ^= x >> 29;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 32;
    (x % 1_000) as f64 / 1_000.0 - 0.5
}

/// Three kinds of customers that anybody would tell apart.
pub(crate) fn planted(each: usize) -> Vec<(usize, Facts)> {
    let kinds = [(3.0, 40, 4_000.0, "coffee"), (60.0, 6, 900.0, "tea"), (200.0, 1, 15_000.0, "machines")];
    (0..each * kinds.len())
        .map(|i| {
            let kind = i % kinds.len();
            let (recency, frequency, order, category) = kinds[kind];
            let frequency = (f64::from(frequency) * (1.0 + 0.2 * noise(i, 1))).round().max(1.0);
            let order = order * (1.0 + 0.2 * noise(i, 2));
            let facts = Facts {
                recency_days: recency * (1.0 + 0.3 * noise(i, 3)),
                frequency: frequency as u32,
                monetary: frequency * order,
                average_order: order,
                composition: vec![(category.to_owned(), 80.0 + noise(i, 4)), ("other".to_owned(), 20.0)],
            };
            (kind, facts)
        })
        .collect()
}

#[test]
fn planted_kinds_are_found_again() {
    let customers = planted(60);
    let facts: Vec<Facts> = customers.iter().map(|c| c.1.clone()).collect();
    let model = fit(&facts, &rules(), 7).unwrap();
    assert_eq!(model.segments().len(), 3);
    assert!(model.report().silhouette > 0.6, "{:?}", model.report());
    let mut of_kind = BTreeMap::new();
    for (kind, facts) in &customers {
        let segment = model.assign(facts).segment;
        assert_eq!(*of_kind.entry(*kind).or_insert(segment), segment, "one kind, one segment");
    }
    assert_eq!(of_kind.values().collect::<HashSet<_>>().len(), 3);
    let name = |kind: usize| model.name(of_kind[&kind]);
    assert!(matches!(
        name(0),
        SegmentName::Profile { presence: Presence::Active, habit: Habit::Frequent, basket: BasketSize::Medium, .. }
    ));
    assert!(matches!(
        name(2),
        SegmentName::Profile { presence: Presence::Lapsed, habit: Habit::Occasional, basket: BasketSize::Large, .. }
    ));
    assert_eq!(of_kind[&0], 1, "who brings the most comes first");
}

#[test]
fn sizes_are_counted_from_the_assignment() {
    let facts: Vec<Facts> = planted(50).into_iter().map(|c| c.1).collect();
    let model = fit(&facts, &rules(), 1).unwrap();
    for (i, segment) in model.segments().iter().enumerate() {
        let counted = facts.iter().filter(|f| usize::from(model.assign(f).segment) == i + 1).count();
        assert_eq!(segment.size, counted as u64);
    }
}

#[test]
fn too_few_customers_are_refused_with_both_numbers() {
    let facts: Vec<Facts> = planted(6).into_iter().map(|c| c.1).collect();
    assert_eq!(fit(&facts, &rules(), 1), Err(FitError::TooFew { found: 18, needed: 20 }));
}

#[test]
fn equal_customers_make_one_segment() {
    let one = Facts { recency_days: 3.0, frequency: 2, monetary: 10.0, average_order: 5.0, composition: vec![] };
    let model = fit(&vec![one.clone(); 30], &rules(), 1).unwrap();
    assert_eq!((model.segments().len(), model.segments()[0].size), (1, 30));
    assert_eq!(model.assign(&one).segment, 1);
    assert_eq!(model.assign(&Facts::default()).segment, 0);
}

#[test]
fn segments_of_the_same_words_are_told_apart_by_what_they_buy() {
    let mut facts = Vec::new();
    for i in 0..120 {
        let category = ["tea", "beans", "cakes"][i % 3];
        facts.push(Facts {
            recency_days: 10.0,
            frequency: 5,
            monetary: 5_000.0,
            average_order: 1_000.0,
            composition: vec![(category.to_owned(), 1.0)],
        });
    }
    let titles = BTreeMap::from([("tea".to_owned(), "Tea".to_owned())]);
    let model = fit(&facts, &Params { titles, runs: 3, ..Params::default() }.check().unwrap(), 3).unwrap();
    let names: Vec<String> = model.segments().iter().map(|s| s.name.words(Locale::En)).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    for leaning in ["mostly Tea", "mostly beans", "mostly cakes"] {
        assert!(names.iter().any(|name| name.to_lowercase().ends_with(&leaning.to_lowercase())), "{names:?}");
    }
}

#[test]
fn params_that_make_no_sense_are_refused() {
    for bad in [
        Params { segments: (0, 3), ..Params::default() },
        Params { segments: (5, 3), ..Params::default() },
        Params { segments: (3, 1_000), ..Params::default() },
        Params { runs: 0, ..Params::default() },
        Params { silhouette_sample: 1, ..Params::default() },
    ] {
        assert!(matches!(bad.check(), Err(FitError::Params(_))));
    }
}

#[test]
fn a_model_of_another_form_is_not_read() {
    let facts: Vec<Facts> = planted(20).into_iter().map(|c| c.1).collect();
    let mut json = serde_json::to_value(fit(&facts, &rules(), 1).unwrap()).unwrap();
    json["format"] = 5.into();
    assert!(serde_json::from_value::<Model>(json.clone()).is_err());
    json["format"] = 3.into();
    json["centroids"][0].as_array_mut().unwrap().pop();
    assert!(serde_json::from_value::<Model>(json).is_err());
}

/// A model of before there were identities gets them as its segments stand, and new ones go on from there.
#[test]
fn a_model_without_identities_is_read_and_numbered() {
    let facts: Vec<Facts> = planted(20).into_iter().map(|c| c.1).collect();
    let mut json = serde_json::to_value(fit(&facts, &rules(), 1).unwrap()).unwrap();
    json["format"] = 1.into();
    json.as_object_mut().unwrap().remove("next_id");
    for segment in json["segments"].as_array_mut().unwrap() {
        segment.as_object_mut().unwrap().remove("id");
    }
    let old: Model = serde_json::from_value(json).unwrap();
    assert_eq!(old.segments().iter().map(|segment| segment.id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(ids(&refitted(&facts, 9, &old).unwrap()), [1, 2, 3]);
}

fn refitted(facts: &[Facts], seed: u64, before: &Model) -> Result<Model, FitError> {
    refit(facts, &rules(), seed, Some(before), &mut |_, _| ControlFlow::Continue(()))
}

#[test]
fn a_fit_tells_how_far_it_is_and_can_be_called_off() {
    let facts: Vec<Facts> = planted(20).into_iter().map(|c| c.1).collect();
    let mut steps = Vec::new();
    let mut tell = |step, of| {
        steps.push((step, of));
        ControlFlow::Continue(())
    };
    refit(&facts, &rules(), 7, None, &mut tell).unwrap();
    assert_eq!(steps, (0..=6).map(|step| (step, 6)).collect::<Vec<_>>(), "three to eight segments are tried");
    for stop in 0..=6 {
        let mut tell = |step, _| if step == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        assert_eq!(refit(&facts, &rules(), 7, None, &mut tell), Err(FitError::Cancelled));
    }
}

/// The identities, in order.
fn ids(model: &Model) -> Vec<u32> {
    let mut ids: Vec<u32> = model.segments().iter().map(|segment| segment.id).collect();
    ids.sort_unstable();
    ids
}

/// What a customer is called, and which segment that is.
fn place(model: &Model, facts: &Facts) -> (u32, SegmentName) {
    let segment = model.assign(facts).segment;
    (model.segments()[usize::from(segment) - 1].id, model.name(segment))
}

#[test]
fn a_refit_on_the_same_customers_moves_nobody() {
    let facts: Vec<Facts> = planted(60).into_iter().map(|c| c.1).collect();
    let mut model = fit(&facts, &rules(), 7).unwrap();
    for seed in 8..12 {
        let again = refitted(&facts, seed, &model).unwrap();
        assert_eq!((ids(&again), again.report().kept), (ids(&model), 3));
        for facts in &facts {
            assert_eq!(place(&again, facts), place(&model, facts));
        }
        model = again;
    }
}

/// Customers drawn again have other medians and other revenues: a few may be called something else, and no segment is new.
#[test]
fn a_refit_on_customers_drawn_again_moves_few() {
    let facts: Vec<Facts> = planted(60).into_iter().map(|c| c.1).collect();
    let model = fit(&facts, &rules(), 7).unwrap();
    for draw in 0..5 {
        let any = |i: usize| ((noise(i, 100 + draw) + 0.5) * facts.len() as f64) as usize;
        let drawn: Vec<Facts> = (0..facts.len()).map(|i| facts[any(i)].clone()).collect();
        let again = refitted(&drawn, 7, &model).unwrap();
        let moved = facts.iter().filter(|facts| place(&again, facts) != place(&model, facts)).count();
        assert!(moved * 50 <= facts.len(), "{moved} of {}", facts.len());
    }
}

#[test]
fn a_segment_that_drifts_keeps_its_identity_and_a_new_one_gets_a_new_one() {
    let customers = planted(60);
    let facts: Vec<Facts> = customers.iter().map(|c| c.1.clone()).collect();
    let model = fit(&facts, &rules(), 7).unwrap();
    let same = refitted(&facts, 7, &model).unwrap().report().drift.unwrap();
    assert!(same.worst() < 1e-9, "{same:?}");
    // Everybody comes a quarter less often.
    let drifted: Vec<Facts> =
        facts.iter().map(|f| Facts { frequency: (f.frequency * 3).div_ceil(4), ..f.clone() }).collect();
    let later = refitted(&drifted, 7, &model).unwrap();
    assert_eq!(ids(&later), ids(&model));
    let drift = later.report().drift.unwrap();
    assert!(drift.frequency > Drift::ALARM && drift.recency < 1e-9, "{drift:?}");
    for (before, after) in facts.iter().zip(&drifted) {
        assert_eq!(place(&later, after).0, place(&model, before).0);
    }
    // The tea drinkers are gone, and somebody altogether different is there.
    let fresh = |i: usize| Facts {
        recency_days: 1.0 + noise(i, 5),
        frequency: 400,
        monetary: 400.0 * 200_000.0,
        average_order: 200_000.0 * (1.0 + 0.1 * noise(i, 6)),
        composition: vec![("catering".to_owned(), 100.0)],
    };
    let changed: Vec<Facts> = customers
        .iter()
        .enumerate()
        .map(|(i, (kind, facts))| if *kind == 1 { fresh(i) } else { facts.clone() })
        .collect();
    let changed_model = refitted(&changed, 7, &later).unwrap();
    let known = ids(&later);
    let new: Vec<u32> = ids(&changed_model).into_iter().filter(|id| !known.contains(id)).collect();
    assert_eq!(new.len(), 1, "{:?} after {known:?}", ids(&changed_model));
    assert!(new[0] > known[2], "an identity is never used twice");
    // They come back: that is a new segment once more.
    let back = refitted(&facts, 7, &changed_model).unwrap();
    assert!(ids(&back).iter().all(|id| !new.contains(id)));
    assert!(ids(&back)[2] > new[0], "{:?}", ids(&back));
    let names: HashSet<SegmentName> = back.segments().iter().map(|segment| segment.name.clone()).collect();
    assert_eq!(names.len(), 3, "no two are called the same");
}

/// Four customers are four points: four segments of one each have no silhouette, and customers drawn again are others.
#[test]
fn a_number_of_segments_that_chance_made_is_not_taken() {
    let facts: Vec<Facts> = planted(60).into_iter().map(|c| c.1).collect();
    let model = fit(&facts, &rules(), 7).unwrap();
    let stable = |k: u16| model.report().stability.iter().find(|(n, _)| *n == k).unwrap().1;
    assert!(stable(3) > 0.99, "{:?}", model.report());
    assert!(stable(8) < 0.9, "{:?}", model.report());
    assert_eq!(model.segments().len(), 3);
    let fixed = Params { segments: (5, 5), runs: 3, ..Params::default() }.check().unwrap();
    assert_eq!(fit(&facts, &fixed, 7).unwrap().segments().len(), 5, "fixed is fixed");
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 0.0..1e6_f64,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, f64::MAX, f64::MIN_POSITIVE]),
    ]
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let composition = prop::collection::vec((prop::sample::select(vec!["a", "b", "c", "d"]), any_number()), 0..5);
    (any_number(), prop_oneof![0..50_u32, any::<u32>()], any_number(), any_number(), composition).prop_map(
        |(recency_days, frequency, monetary, average_order, composition)| Facts {
            recency_days,
            frequency,
            monetary,
            average_order,
            composition: composition.into_iter().map(|(id, spend)| (id.to_owned(), spend)).collect(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Nothing panics; every segment has members and a name of its own; who has not bought is a newcomer.
    #[test]
    fn any_customers_get_a_model_or_a_clear_no(samples in prop::collection::vec(any_facts(), 0..60), seed: u64) {
        let buyers = samples.iter().filter(|s| s.frequency > 0).count();
        match fit(&samples, &rules(), seed) {
            Err(error) => prop_assert_eq!(error, FitError::TooFew { found: buyers, needed: 20 }),
            Ok(model) => {
                prop_assert!((1..=8).contains(&model.segments().len()));
                prop_assert!(model.segments().iter().all(|s| s.size > 0));
                prop_assert_eq!(model.segments().iter().map(|s| s.size).sum::<u64>(), buyers as u64);
                let names: HashSet<_> = model.segments().iter().map(|s| s.name.words(Locale::Ru)).collect();
                prop_assert_eq!(names.len(), model.segments().len());
                for sample in &samples {
                    let segment = usize::from(model.assign(sample).segment);
                    prop_assert_eq!(segment == 0, sample.frequency == 0);
                    prop_assert!(segment <= model.segments().len());
                }
            }
        }
    }

    /// The order of customers, and of categories within one, does not matter; the stored model decides the same.
    #[test]
    fn order_does_not_matter_and_a_stored_model_is_the_same(
        samples in prop::collection::vec(any_facts(), 25..50), seed: u64, turn in 0..25_usize,
    ) {
        let mut turned = samples.clone();
        turned.rotate_left(turn);
        turned.iter_mut().for_each(|f| f.composition.reverse());
        let model = fit(&samples, &rules(), seed);
        prop_assert_eq!(&model, &fit(&turned, &rules(), seed));
        if let Ok(model) = model {
            let read: Model = serde_json::from_str(&serde_json::to_string(&model).unwrap()).unwrap();
            for sample in &samples {
                prop_assert_eq!(model.assign(sample), read.assign(sample));
            }
        }
    }
}

/// The three kinds, and some who are like nobody.
fn crowds_and_loners(each: usize) -> Vec<Facts> {
    let loner = |i: usize| Facts {
        recency_days: 400.0 + 37.0 * i as f64,
        frequency: 150 + 90 * i as u32,
        monetary: 2e6 * (i + 1) as f64 * (i + 1) as f64,
        average_order: 90_000.0 + 40_000.0 * i as f64,
        composition: vec![(["tea", "machines", "coffee"][i % 3].to_owned(), 1.0)],
    };
    planted(each).into_iter().map(|c| c.1).chain((0..6).map(loner)).collect()
}

fn dense() -> Rules {
    Params { method: SegmentMethod::Dbscan, runs: 3, silhouette_sample: 200, ..Params::default() }.check().unwrap()
}

#[test]
fn density_divides_into_crowds_and_those_apart() {
    let facts = crowds_and_loners(120);
    let model = fit(&facts, &dense(), 5).unwrap();
    let names: Vec<&SegmentName> = model.segments().iter().map(|segment| &segment.name).collect();
    assert_eq!(names.iter().filter(|name| ***name == SegmentName::Apart).count(), 1, "{names:?}");
    assert_eq!(names.last(), Some(&&SegmentName::Apart), "after the crowds");
    assert!(names.len() >= 4, "{names:?}");
    for (i, segment) in model.segments().iter().enumerate() {
        let counted = facts.iter().filter(|f| usize::from(model.assign(f).segment) == i + 1).count();
        assert_eq!(segment.size, counted as u64);
    }
    let apart = names.len() as u16;
    assert_eq!(model.name(apart), SegmentName::Apart);
    let far = facts.iter().rev().take(6).filter(|loner| model.assign(loner).segment == apart).count();
    assert!(far >= 5, "{far} of the loners");
    assert_eq!(model.assign(&Facts::default()).segment, 0, "who has not bought is new, and not odd");
    // Beside it stands what K-Means would have made of them.
    let report = model.report();
    let divided = report.divided.as_ref().unwrap();
    assert_eq!(divided.segments.iter().map(|segment| segment.size).sum::<u64>(), facts.len() as u64);
    assert!(report.niches.is_none() && report.silhouette > 0.5 && divided.agreement > 0.5, "{report:?}");
    let names: HashSet<String> = model.segments().iter().map(|s| s.name.words(Locale::En)).collect();
    assert_eq!(names.len(), model.segments().len());
}

#[test]
fn a_model_of_density_is_stored_and_places_as_before() {
    let facts = crowds_and_loners(120);
    let model = fit(&facts, &dense(), 5).unwrap();
    let json = serde_json::to_value(&model).unwrap();
    let read: Model = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(read, model);
    for facts in &facts {
        assert_eq!(read.assign(facts), model.assign(facts));
    }
    for (place, broken) in [
        ("/dense/segment_of/0", serde_json::json!(99)),
        ("/dense/found/of_cores/0", serde_json::json!(99)),
        ("/dense/found/width", serde_json::json!(1)),
        ("/dense/found/cores", serde_json::json!([])),
        ("/dense/segment_of", serde_json::json!([])),
    ] {
        let mut json = json.clone();
        *json.pointer_mut(place).unwrap() = broken;
        assert!(serde_json::from_value::<Model>(json).is_err(), "{place}");
    }
}

#[test]
fn who_is_apart_stays_so_and_crowds_keep_their_identity() {
    let facts = crowds_and_loners(120);
    let first = fit(&facts, &dense(), 5).unwrap();
    let mut go_on = |_, _| ControlFlow::Continue(());
    let again = refit(&facts[..330], &dense(), 5, Some(&first), &mut go_on).unwrap();
    for segment in again.segments() {
        let known = first.segments().iter().find(|before| before.id == segment.id);
        assert_eq!(known.map(|before| &before.name), Some(&segment.name));
    }
    // Another method keeps what it finds again, and has nobody apart.
    let divided = refit(&facts, &rules(), 5, Some(&first), &mut go_on).unwrap();
    let apart = first.segments().last().unwrap().id;
    assert!(divided.segments().iter().all(|segment| segment.id != apart && segment.name != SegmentName::Apart));
    assert!(divided.report().kept >= 2, "{:?}", divided.report());
}

#[test]
fn where_there_is_no_crowd_density_is_refused() {
    let one = Facts { recency_days: 3.0, frequency: 2, monetary: 10.0, average_order: 5.0, composition: vec![] };
    assert_eq!(fit(&vec![one; 300], &dense(), 1), Err(FitError::NoNiches));
}

#[test]
fn newcomers_are_called_by_what_those_like_them_became() {
    let customers = planted(200);
    let facts: Vec<Facts> = customers.iter().map(|c| c.1.clone()).collect();
    let model = fit(&facts, &rules(), 7).unwrap();
    let origin = |store: &str| Origin { store: Some(store.into()), hour: Some(9), invited: false };
    let nothing = model.expect(&origin("soho"));
    assert_eq!((nothing.segment, model.name(nothing.segment)), (0, SegmentName::Newcomers));
    let came: Vec<(Origin, Decision)> = customers
        .iter()
        .map(|(kind, facts)| (origin(["soho", "city", "camden"][*kind]), model.assign(facts)))
        .collect();
    let model = model.with_prospects(&came);
    let expected = model.expect(&origin("soho"));
    assert!(usize::from(expected.segment) > model.segments().len());
    let name = model.name(expected.segment);
    assert_eq!(name, SegmentName::Prospects { habit: Habit::Frequent, basket: BasketSize::Medium });
    assert_eq!(name.words(Locale::En), "Newcomers, likely frequent guests, mid-size baskets");
    assert_eq!(name.words(Locale::Ru), "Новички, скорее всего частые гости, средние покупки");
    assert_eq!(name.personal_words(Locale::En), "Newcomers", "nobody is told at the counter what is expected of them");
    assert_ne!(model.expect(&origin("camden")), expected);
    let read: Model = serde_json::from_value(serde_json::to_value(&model).unwrap()).unwrap();
    assert_eq!((read.expect(&origin("soho")), read.name(500)), (expected, SegmentName::Newcomers));
}
