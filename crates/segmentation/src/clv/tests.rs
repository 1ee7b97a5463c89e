use std::io::Read;
use std::path::PathBuf;

use proptest::prelude::*;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use super::special::{ln_gamma_and_digamma, ln_rising_and_slope, mean_over_beta, rise_of_2f1};
use super::*;

fn data(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("the test needs {}: {error}", path.display()));
    if !name.ends_with(".gz") {
        return String::from_utf8(bytes).unwrap();
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    text
}

/// The sample of the papers, in weeks, rounded to hundredths as published, with the mean value of a repeat.
fn sample() -> (Vec<Summary>, Vec<f64>) {
    let text = data("cdnow_sample_summary.csv");
    let rows = text.lines().skip(1).map(|line| {
        let numbers: Vec<f64> = line.split(',').map(|field| field.trim().parse().unwrap()).collect();
        (Summary { frequency: numbers[1] as u32, recency: numbers[2], age: numbers[3] }, numbers[4])
    });
    rows.unzip()
}

fn values(customers: &[Summary], means: &[f64]) -> Vec<(u32, f64)> {
    customers.iter().map(|customer| customer.frequency).zip(means.iter().copied()).collect()
}

/// Days of the civil calendar (Hinnant's algorithm).
fn day(date: &str) -> i32 {
    let number: i32 = date.parse().unwrap();
    let (y, m, d) = (number / 10_000, number / 100 % 100, number % 100);
    let (y, m) = if m <= 2 { (y - 1, m + 9) } else { (y, m - 3) };
    365 * y + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + d - 1
}

/// Of the master file, or of the sample, whose customers have a second number.
fn purchases(name: &str) -> Vec<Purchase<u32>> {
    let of_line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let fields = &fields[fields.len() - 4..];
        let customer = fields[0].parse().ok()?;
        Some(Purchase { customer, day: day(fields[1]), value: fields[3].parse().unwrap() })
    };
    // The master file has a line of titles.
    data(name).lines().filter_map(of_line).collect()
}

/// The last day of the 39 weeks of calibration.
const CALIBRATION: &str = "19970930";

fn master() -> (Vec<Summary>, Vec<f64>) {
    let observed = summaries(&purchases("cdnow_master.txt.gz"), 7.0, day(CALIBRATION)).unwrap();
    observed.into_iter().map(|observed| (observed.summary, observed.mean_value)).unzip()
}

#[track_caller]
fn close(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found} is not {expected}");
}

#[track_caller]
fn alike(found: f64, expected: f64, share: f64) {
    assert!((found - expected).abs() <= share * expected.abs().max(1e-300), "{found} is not {expected}");
}

#[test]
fn bg_nbd_on_cdnow_is_as_published() {
    let (customers, _) = sample();
    assert_eq!(customers.len(), 2_357);
    let fit = BgNbd::fit(&customers, Params::default()).unwrap();
    let model = fit.model;
    for (found, published) in
        [(model.r(), 0.242_593), (model.alpha(), 4.413_532), (model.a(), 0.792_886), (model.b(), 2.425_753)]
    {
        close(found, published, 1e-5);
    }
    close(fit.log_likelihood, -9_582.425_56, 1e-4);
    close(model.log_likelihood(&customers), fit.log_likelihood, 1e-8);
    // At the paper's rounded parameters.
    let paper = BgNbd::new(0.243, 4.414, 0.793, 2.426).unwrap();
    close(paper.log_likelihood(&customers), -9_582.426_83, 1e-4);
    assert!(fit.gradient_norm < 1e-8 && fit.customers == 2_357 && fit.warning.is_none(), "{fit:?}");
    assert!(fit.evaluations >= fit.iterations && fit.iterations > 10, "{fit:?}");

    let customer = Summary { frequency: 2, recency: 30.43, age: 38.86 };
    close(model.conditional_expected_purchases(39.0, &customer), 1.225_91, 1e-5);
    close(paper.conditional_expected_purchases(39.0, &customer), 1.226, 1e-3);
    for (time, expected) in
        [(0.1429, 0.0078), (1.0, 0.0532), (3.0, 0.1506), (31.8571, 1.0405), (32.0, 1.0437), (78.0, 1.8576)]
    {
        // Published with an earlier optimiser's parameters: at 78 weeks these are four units of the last digit apart.
        close(model.expected_purchases(time), expected, 5e-4);
    }
    close(customers.iter().map(|c| model.conditional_expected_purchases(39.0, c)).sum(), 1_653.4, 0.05);
    close(customers.iter().map(|c| model.probability_alive(c)).sum(), 1_917.28, 0.005);
}

#[test]
fn gamma_gamma_on_cdnow_is_as_published() {
    let (customers, means) = sample();
    let values = values(&customers, &means);
    let fit = GammaGamma::fit(&values, Params::default()).unwrap();
    assert_eq!(fit.customers, 946);
    close(fit.model.p(), 6.2488, 1e-2);
    close(fit.model.q(), 3.7446, 1e-2);
    close(fit.model.gamma(), 15.4478, 1e-2);
    close(fit.model.log_likelihood(&values), fit.log_likelihood, 1e-8);
    assert!(fit.gradient_norm < 1e-8 && fit.warning.is_none(), "{fit:?}");
    // The papers: 0.11 over the repeat customers.
    close(correlation(&values), 0.11, 0.01);
    let expected = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17];
    for ((frequency, mean), expected) in values.iter().zip(expected) {
        close(fit.model.expected_value(*frequency, *mean), expected, 0.01);
    }
}

#[test]
fn summaries_are_those_of_the_sample() {
    let (customers, means) = sample();
    let observed = summaries(&purchases("cdnow_sample.txt.gz"), 7.0, day(CALIBRATION)).unwrap();
    assert_eq!(observed.len(), customers.len());
    for ((observed, customer), mean) in observed.iter().zip(&customers).zip(&means) {
        assert_eq!(observed.summary.frequency, customer.frequency, "{observed:?}");
        close(observed.summary.recency, customer.recency, 0.005_001);
        close(observed.summary.age, customer.age, 0.005_001);
        close(observed.mean_value, *mean, 0.005_001);
    }
}

#[test]
fn the_whole_of_cdnow_is_fitted() {
    let (customers, means) = master();
    assert_eq!(customers.len(), 23_570);
    let fit = BgNbd::fit(&customers, Params::default()).unwrap();
    println!("{fit:?}");
    assert!(fit.gradient_norm < 1e-8);
    // The sample is a tenth of it: the same people, with the noise of a tenth.
    for (found, of_sample) in [
        (fit.model.r(), 0.2426),
        (fit.model.alpha(), 4.4135),
        (fit.model.a(), 0.7929),
        (fit.model.b(), 2.4258),
        (fit.log_likelihood, -95_824.0),
    ] {
        alike(found, of_sample, 0.25);
    }
    // A maximum: every step away loses.
    let at = [fit.model.r(), fit.model.alpha(), fit.model.a(), fit.model.b()];
    for n in 0..4 {
        for by in [0.99, 1.01] {
            let mut beside = at;
            beside[n] *= by;
            let [r, alpha, a, b] = beside;
            assert!(BgNbd::new(r, alpha, a, b).unwrap().log_likelihood(&customers) < fit.log_likelihood);
        }
    }
    let values = GammaGamma::fit(&values(&customers, &means), Params::default()).unwrap();
    println!("{values:?}");
    close(values.model.mean(), 36.0, 3.0);
}

#[test]
fn the_weeks_after_are_foretold_better_than_by_rates() {
    let end = day(CALIBRATION);
    let all = purchases("cdnow_sample.txt.gz");
    let observed = summaries(&all, 7.0, end).unwrap();
    let whole = summaries(&all, 7.0, day("19980630")).unwrap();
    let customers: Vec<Summary> = observed.iter().map(|observed| observed.summary).collect();
    let model = BgNbd::fit(&customers, Params::default()).unwrap().model;
    let later: Vec<f64> = observed
        .iter()
        .zip(&whole)
        .map(|(before, whole)| f64::from(whole.summary.frequency - before.summary.frequency))
        .collect();
    let people = later.len() as f64;
    let bought: f64 = later.iter().sum();
    let mean = bought / people;
    let error = |forecast: &dyn Fn(&Summary) -> f64| -> f64 {
        customers.iter().zip(&later).map(|(customer, later)| (forecast(customer) - later).abs()).sum::<f64>() / people
    };
    let model_error = error(&|customer| model.conditional_expected_purchases(39.0, customer));
    let rate_error = error(&|customer| 39.0 * f64::from(customer.frequency) / customer.age);
    let mean_error = error(&|_| mean);
    println!("{bought} purchases; mean errors: model {model_error:.4}, own rate {rate_error:.4}, mean {mean_error:.4}");
    close(bought, 1_882.0, 0.0);
    close(model_error, 0.7855, 1e-3);
    close(rate_error, 1.0237, 1e-3);
    close(mean_error, 1.1335, 1e-3);
    assert!(model_error < rate_error && model_error < mean_error);
}

#[test]
fn the_lifetime_values_are_those_of_the_package_lifetimes() {
    let (customers, means) = sample();
    let rows = values(&customers, &means);
    let purchases = BgNbd::fit(&customers, Params::default()).unwrap().model;
    let values = GammaGamma::fit(&rows, Params::default()).unwrap().model;
    // It counts 4.345 weeks to a month, and values revenue.
    let horizon = Horizon { periods: 12, period_in_units: 4.345, discount_rate: 0.01, margin_rate: 1.0 };
    let each = |horizon: &Horizon| -> Vec<f64> {
        let both = customers.iter().zip(&means);
        both.map(|(customer, mean)| lifetime_value(&purchases, &values, customer, *mean, horizon)).collect()
    };
    let sum: f64 = each(&horizon).iter().sum();
    println!("{sum:.2}");
    close(sum, 71_509.90, 0.5);
    let half: f64 = each(&Horizon { margin_rate: 0.5, ..horizon }).iter().sum();
    alike(half, sum / 2.0, 1e-12);
    // Without a discount the periods are one.
    for ((value, customer), (frequency, mean)) in
        each(&Horizon { discount_rate: 0.0, ..horizon }).iter().zip(&customers).zip(&rows)
    {
        let at_once = purchases.conditional_expected_purchases(12.0 * 4.345, customer);
        alike(*value, at_once * values.expected_value(*frequency, *mean), 1e-9);
    }
    assert_eq!(lifetime_value(&purchases, &values, &customers[0], means[0], &Horizon { periods: 0, ..horizon }), 0.0);
}

/// Uniform over (0, 1).
fn dice(seed: u64) -> impl FnMut() -> f64 {
    let mut rng = Xoshiro256Plus::seed_from_u64(seed);
    move || ((rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// A gamma variate of a whole shape and scale one.
fn whole(dice: &mut impl FnMut() -> f64, shape: u32) -> f64 {
    (0..shape).map(|_| -dice().ln()).sum()
}

/// So many customers of a planted model whose r, a and b are whole, each observed a little longer than the one before.
fn simulated(
    dice: &mut impl FnMut() -> f64,
    (r, alpha, a, b): (u32, f64, u32, u32),
    people: u32,
    ages: (f64, f64),
) -> Vec<Summary> {
    let mut come = |age: f64| {
        let rate = whole(dice, r) / alpha;
        let (leave, stay) = (whole(dice, a), whole(dice, b));
        let (mut at, mut customer) = (0.0, Summary { frequency: 0, recency: 0.0, age });
        loop {
            at -= dice().ln() / rate;
            if at > age {
                return customer;
            }
            customer = Summary { frequency: customer.frequency + 1, recency: at, age };
            if dice() < leave / (leave + stay) {
                return customer;
            }
        }
    };
    (0..people).map(|n| come(ages.0 + (ages.1 - ages.0) * f64::from(n) / f64::from(people))).collect()
}

#[test]
fn all_kinds_of_shops_are_fitted_at_least_as_well_as_by_the_truth() {
    let mut dice = dice(11);
    for (truth, ages) in [
        ((1, 8.0, 1, 3), (1.0, 52.0)),
        // Daily coffee, counted in days: some come hundreds of times.
        ((2, 5.0, 1, 20), (0.0, 365.0)),
        // Hardly anybody comes twice; hardly anybody leaves; nearly everybody leaves at once; all much alike.
        ((1, 2_000.0, 1, 1), (0.0, 365.0)),
        ((3, 30.0, 1, 500), (100.0, 300.0)),
        ((2, 10.0, 9, 2), (0.0, 100.0)),
        ((200, 2_000.0, 100, 900), (0.0, 200.0)),
    ] {
        let customers = simulated(&mut dice, truth, 3_000, ages);
        let fit = BgNbd::fit(&customers, Params::default()).unwrap();
        println!("{truth:?}: {fit:?}");
        let (r, alpha, a, b) = truth;
        let planted = BgNbd::new(f64::from(r), alpha, f64::from(a), f64::from(b)).unwrap();
        let of_truth = planted.log_likelihood(&customers);
        assert!(fit.log_likelihood >= of_truth, "{truth:?} {of_truth} {fit:?}");
        // Twice the gain is chi-squared with four degrees of freedom: 30 has a chance of five in a million.
        assert!(2.0 * (fit.log_likelihood - of_truth) < 30.0, "{truth:?} {of_truth} {fit:?}");
        let forecast = |model: &BgNbd| customers.iter().map(|c| model.conditional_expected_purchases(30.0, c)).sum();
        let (ours, best): (f64, f64) = (forecast(&fit.model), forecast(&planted));
        alike(ours, best, 0.1);
    }
}

#[test]
fn what_was_simulated_is_found_again() {
    let mut dice = dice(7);
    let customers = simulated(&mut dice, (1, 8.0, 1, 3), 40_000, (30.0, 70.0));
    let fit = BgNbd::fit(&customers, Params::default()).unwrap();
    println!("{fit:?}");
    for (found, planted) in [(fit.model.r(), 1.0), (fit.model.alpha(), 8.0), (fit.model.a(), 1.0), (fit.model.b(), 3.0)]
    {
        alike(found, planted, 0.06);
    }

    let (p, q, gamma) = (4, 4, 30.0);
    let spent: Vec<(u32, f64)> = (0..40_000)
        .map(|n| {
            let frequency = 1 + n % 6;
            let scale = whole(&mut dice, q) / gamma;
            (frequency, whole(&mut dice, p * frequency) / scale / f64::from(frequency))
        })
        .collect();
    let fit = GammaGamma::fit(&spent, Params::default()).unwrap();
    println!("{fit:?}");
    for (found, planted) in [(fit.model.p(), 4.0), (fit.model.q(), 4.0), (fit.model.gamma(), 30.0)] {
        alike(found, planted, 0.06);
    }
    // A shop where who comes more often pays more breaks the model's assumption, and the fit says so.
    let more: Vec<(u32, f64)> = spent.iter().map(|(x, mean)| (*x, mean * f64::from(*x))).collect();
    let fit = GammaGamma::fit(&more, Params::default()).unwrap();
    assert!(matches!(fit.warning, Some(Warning::Correlated { rho }) if rho >= 0.3), "{fit:?}");
}

#[test]
fn neither_the_order_nor_the_units_matter() {
    let (customers, means) = sample();
    let fit = BgNbd::fit(&customers, Params::default()).unwrap();
    let reversed: Vec<Summary> = customers.iter().rev().copied().collect();
    assert_eq!(BgNbd::fit(&reversed, Params::default()).unwrap(), fit);
    for unit in [7.0, 1.0 / 52.0, 604_800.0] {
        let other: Vec<Summary> = customers
            .iter()
            .map(|c| Summary { frequency: c.frequency, recency: c.recency * unit, age: c.age * unit })
            .collect();
        let found = BgNbd::fit(&other, Params::default()).unwrap();
        alike(found.model.r(), fit.model.r(), 1e-6);
        alike(found.model.alpha(), fit.model.alpha() * unit, 1e-6);
        let shift = f64::ln(unit) * customers.iter().map(|c| f64::from(c.frequency)).sum::<f64>();
        close(found.log_likelihood, fit.log_likelihood - shift, 1e-6);
    }
    let rows = values(&customers, &means);
    let in_cents: Vec<(u32, f64)> = rows.iter().rev().map(|(x, mean)| (*x, mean * 100.0)).collect();
    let (found, fit) = (GammaGamma::fit(&in_cents, Params::default()), GammaGamma::fit(&rows, Params::default()));
    let (found, fit) = (found.unwrap().model, fit.unwrap().model);
    alike(found.p(), fit.p(), 1e-6);
    alike(found.gamma(), fit.gamma() * 100.0, 1e-6);
}

#[test]
fn summaries_count_a_day_once_and_stop_at_the_end() {
    let bought = |customer, day, value| Purchase { customer, day, value };
    let all = [
        bought("b", 12, 5.0),
        bought("a", 24, 4.0),
        bought("a", 10, 100.0),
        bought("a", 10, 7.0),
        bought("a", 17, 2.0),
        bought("a", 17, 6.0),
        bought("a", 39, 50.0),
        bought("c", 40, 1.0),
    ];
    let expected = [
        Observed { customer: "a", summary: Summary { frequency: 2, recency: 2.0, age: 4.0 }, mean_value: 6.0 },
        Observed { customer: "b", summary: Summary { frequency: 0, recency: 0.0, age: 26.0 / 7.0 }, mean_value: 0.0 },
    ];
    assert_eq!(summaries(&all, 7.0, 38).unwrap(), expected);
    assert_eq!(summaries::<u32>(&[], 1.0, 0).unwrap(), []);
    // No day is too far for the count of days.
    let far = [bought("a", i32::MIN, 1.0), bought("a", i32::MAX, 1.0)];
    close(summaries(&far, 1.0, i32::MAX).unwrap()[0].summary.age, 4_294_967_295.0, 0.0);
    assert!(matches!(summaries(&all, 0.0, 38), Err(FitError::Params(_))));
    assert!(matches!(summaries(&all, f64::NAN, 38), Err(FitError::Params(_))));
    let endless = [bought("a", 1, 1.0), bought("a", 2, f64::INFINITY)];
    assert!(matches!(summaries(&endless, 1.0, 3), Err(FitError::Impossible { row: 1, .. })));
}

#[test]
fn what_cannot_be_is_refused() {
    let good = Summary { frequency: 1, recency: 2.0, age: 10.0 };
    let params = Params::default();
    assert_eq!(BgNbd::fit(&[good; 199], params), Err(FitError::TooFew { found: 199, needed: 200 }));
    for bad in [
        Summary { recency: 11.0, ..good },
        Summary { age: f64::NAN, ..good },
        Summary { age: f64::INFINITY, ..good },
        Summary { recency: f64::NAN, ..good },
        Summary { frequency: 0, ..good },
        Summary { recency: 0.0, ..good },
        Summary { recency: -1.0, ..good },
        Summary { frequency: 0, recency: 0.0, age: -1.0 },
    ] {
        let mut customers = vec![good; 300];
        customers[7] = bad;
        let refused = BgNbd::fit(&customers, params);
        assert!(matches!(refused, Err(FitError::Impossible { row: 7, .. })), "{bad:?} {refused:?}");
    }
    let once = Summary { frequency: 0, recency: 0.0, age: 10.0 };
    assert_eq!(BgNbd::fit(&[once; 300], params), Err(FitError::NoRepeats));
    assert!(matches!(BgNbd::fit(&[good; 300], Params { min_customers: 0, ..params }), Err(FitError::Params(_))));
    let (customers, means) = sample();
    let hurried = BgNbd::fit(&customers, Params { max_iterations: 2, ..params });
    assert!(matches!(hurried, Err(FitError::NoMaximum { iterations: 6, .. })), "{hurried:?}");
    let rows = values(&customers, &means);
    assert!(matches!(GammaGamma::fit(&rows, Params { max_iterations: 1, ..params }), Err(FitError::NoMaximum { .. })));

    assert_eq!(GammaGamma::fit(&[(0, 5.0); 500], params), Err(FitError::TooFew { found: 0, needed: 200 }));
    for bad in [f64::NAN, f64::INFINITY, -1.0] {
        let mut rows = vec![(2, 5.0); 300];
        rows[9].1 = bad;
        assert!(matches!(GammaGamma::fit(&rows, params), Err(FitError::Impossible { row: 9, .. })));
    }
    // Means with so long a tail that they have no mean themselves.
    let mut dice = dice(3);
    let wild: Vec<(u32, f64)> =
        (0..3_000).map(|n| (1 + n % 4, 1.0 / dice().powi(3))).map(|(x, m): (u32, f64)| (x, m.min(1e20))).collect();
    let refused = GammaGamma::fit(&wild, params);
    assert!(matches!(refused, Err(FitError::NoMean { .. })), "{refused:?}");
    assert_eq!(GammaGamma::new(1.0, 1.0, 1.0), Err(FitError::NoMean { q: 1.0 }));
}

#[test]
fn who_never_leaves_and_who_is_all_alike_end_a_fit_in_time() {
    // Nobody leaves, all the same: the maximum is at the end of the world, the fit stops all the same.
    for customers in [
        vec![Summary { frequency: 10, recency: 10.0, age: 10.0 }; 300],
        vec![Summary { frequency: 1, recency: 1e-6, age: 1e6 }; 300],
        vec![Summary { frequency: u32::MAX, recency: 5.0, age: 6.0 }; 300],
    ] {
        match BgNbd::fit(&customers, Params::default()) {
            Ok(fit) => {
                let expected = fit.model.conditional_expected_purchases(5.0, &customers[0]);
                assert!(expected.is_finite() && expected >= 0.0, "{fit:?}");
            }
            Err(error) => assert!(matches!(error, FitError::NoMaximum { .. }), "{error:?}"),
        }
    }
    match GammaGamma::fit(&[(3, 10.0); 300], Params::default()) {
        Ok(fit) => alike(fit.model.expected_value(3, 10.0), 10.0, 1e-3),
        Err(error) => assert!(matches!(error, FitError::NoMaximum { .. }), "{error:?}"),
    }
}

#[test]
fn models_are_stored_by_name_and_checked_when_they_come_back() {
    let model = BgNbd::new(0.25, 4.5, 0.75, 2.5).unwrap();
    let text = serde_json::to_string(&model).unwrap();
    assert_eq!(text, r#"{"r":0.25,"alpha":4.5,"a":0.75,"b":2.5}"#);
    assert_eq!(serde_json::from_str::<BgNbd>(&text).unwrap(), model);
    assert!(serde_json::from_str::<BgNbd>(r#"{"r":-0.25,"alpha":4.5,"a":0.75,"b":2.5}"#).is_err());
    let values = GammaGamma::new(6.25, 3.75, 15.5).unwrap();
    let text = serde_json::to_string(&values).unwrap();
    assert_eq!(text, r#"{"p":6.25,"q":3.75,"gamma":15.5}"#);
    assert_eq!(serde_json::from_str::<GammaGamma>(&text).unwrap(), values);
    assert!(serde_json::from_str::<GammaGamma>(r#"{"p":6.25,"q":0.75,"gamma":15.5}"#).is_err());
}

/// Against mpmath 1.4 with 40 digits.
#[test]
fn gamma_functions_are_exact() {
    for (x, ln, psi) in [
        (1e-9, 20.723_265_836_369_196, -1_000_000_000.577_215_7),
        (0.001, 6.907_178_885_383_854, -1_000.575_571_931_810_3),
        (0.3, 1.095_797_994_818_075_5, -3.502_524_222_200_133),
        (1.0, 0.0, -0.577_215_664_901_532_9),
        (1.5, -0.120_782_237_635_245_22, 0.036_489_973_978_576_52),
        (2.7, 0.434_820_553_655_104_5, 0.796_783_168_991_141),
        (9.999, 12.799_575_780_077_412, 2.251_647_417_205_735_3),
        (10.0, 12.801_827_480_081_47, 2.251_752_589_066_721),
        (33.25, 82.429_238_345_909_04, 3.488_941_803_520_939),
        (1e4, 82_099.717_496_442_38, 9.210_290_371_142_85),
        (123_456_789.5, 2_176_716_248.538_971, 18.631_401_766_168_02),
    ] {
        let found = ln_gamma_and_digamma(x);
        close(found.0, ln, 1e-14 * ln.abs().max(1.0));
        close(found.1, psi, 1e-14 * psi.abs().max(1.0));
    }
    for (x, n, ln, slope) in [
        (1e-9, 5, -17.545_212_004_515_132, 1_000_000_002.083_333_3),
        (0.24, 3, -0.405_529_110_156_251_77, 5.419_546_850_998_464),
        (0.24, 17, 30.015_260_688_224_55, 7.224_110_006_834_194),
        (2.4, 100, 369.986_449_024_743_26, 3.971_094_783_194_627),
        (1e8, 40, 736.827_237_558_093_6, 3.999_999_220_000_205_4e-7),
        (3e7, 4_000_000_000, 84_615_138_577.368_2, 4.900_324_289_821_171),
        (0.5, 4_000_000_000, 84_438_240_792.611_78, 24.073_070_224_087_725),
    ] {
        let found = ln_rising_and_slope(x, n);
        alike(found.0, ln, 1e-14);
        alike(found.1, slope, 1e-14);
    }
}

/// The hypergeometric function itself, as the forecasts' form of it gives it.
fn hypergeometric(a: f64, b: f64, c: f64, z: f64) -> f64 {
    1.0 + b / c * rise_of_2f1(a, b, c, z).unwrap().value
}

/// The series as it is defined, with its sum compensated (Neumaier).
fn direct(a: f64, b: f64, c: f64, z: f64) -> f64 {
    let (mut term, mut sum, mut rest) = (1.0_f64, 1.0_f64, 0.0);
    for n in 0..200_000 {
        let n = f64::from(n);
        term *= (a + n) * (b + n) / (c + n) / (n + 1.0) * z;
        let next = sum + term;
        rest += if sum.abs() > term.abs() { sum - next + term } else { term - next + sum };
        sum = next;
        if term.abs() < 1e-22 * sum.abs() {
            break;
        }
    }
    sum + rest
}

#[test]
fn the_hypergeometric_function_is_exact() {
    // Against mpmath 1.4 with 40 digits.
    for (a, b, c, z, expected) in [
        (0.5, 0.7, 1.3, 0.4, 1.140_988_808_206_631_7),
        (1.976, -0.207, 2.2186, 0.35, 0.925_045_915_544_642_8),
        (2.976, -0.207, 4.2, 0.95, 0.769_524_280_026_020_8),
        (-3.7, 0.9, 0.2, 0.8, -0.663_500_535_507_782_3),
        (2.5, 1.5, -0.5, 0.6, -916.566_415_564_428_7),
        (-20.5, -0.2, 3.3, 0.5, 1.348_498_248_865_074_6),
        (0.9, 3.5, 1_000.25, 0.99, 1.003_130_968_714_910_5),
        (1.5, -0.999_999, 2.25, 0.6, 0.600_000_286_594_878_8),
    ] {
        alike(hypergeometric(a, b, c, z), expected, 1e-13);
    }
    // Functions with a name: -ln(1 - z) / z, (1 - z)^-a, asin(z) / z.
    for z in [1e-9_f64, 0.1, 0.5, 0.9] {
        alike(hypergeometric(1.0, 1.0, 2.0, z), -(-z).ln_1p() / z, 1e-13);
        alike(hypergeometric(2.5, 3.0, 3.0, z), (1.0 - z).powf(-2.5), 1e-12);
        alike(hypergeometric(0.5, 0.5, 1.5, z * z), z.asin() / z, 1e-13);
    }
    // What is too long or too large to be summed says so.
    assert!(rise_of_2f1(1.0, 1.0, 1.0, 1.0 - 1e-9).is_none());
    assert!(rise_of_2f1(1e200, 1e200, 1.0, 0.5).is_none());
    assert!(rise_of_2f1(f64::NAN, 1.0, 1.0, 0.5).is_none());
}

/// Against mpmath 1.4 with 120 digits, and the paper's closed form with these parameters: near its poles, where the
/// series would need millions of terms, where it cancels.
#[test]
fn forecasts_are_exact_where_the_closed_form_breaks_down() {
    for ((r, alpha, a, b), (frequency, age), t, expected) in [
        ((0.243, 4.414, 0.793, 2.426), (2, 38.86), 39.0, 1.687_399_305_805_313),
        ((0.243, 4.414, 0.793, 2.426), (0, 0.0), 78.0, 1.860_519_057_942_769),
        ((0.243, 4.414, 1.000_000_1, 2.426), (3, 38.86), 39.0, 2.301_951_611_971_792),
        ((0.243, 4.414, 0.793, 0.207_000_1), (0, 38.86), 39.0, 0.157_128_422_253_945_2),
        ((0.243, 4.414, 0.1, 0.2), (0, 38.86), 1e-6, 5.615_381_033_338_269e-9),
        ((150.0, 1_000.0, 0.3, 2.0), (10, 100.0), 200.0, 23.406_307_663_898_06),
        ((2.0, 1e-3, 0.5, 0.7), (0, 0.0), 1e3, 1_880.195_749_166_095),
        ((0.5, 5.0, 1e-6, 1e-6), (7, 20.0), 400.0, 119.999_738_191_460_1),
        ((1e-6, 5.0, 20.0, 3_000.0), (1, 20.0), 400.0, 14.474_075_783_547_84),
        ((0.5, 0.01, 300.0, 500.0), (4, 1.0), 5.0, 2.660_982_877_869_694),
        ((3.0, 1.0, 1e-3, 50.0), (0, 0.0), 3e3, 8_960.550_877_171_838),
        ((40.0, 10.0, 900.0, 0.01), (0, 1.0), 2e3, 1.000_011_123_470_523),
        ((0.3, 4.0, 0.8, 2.4), (5_000, 50.0), 80.0, 4_984.324_463_118_981),
    ] {
        let model = BgNbd::new(r, alpha, a, b).unwrap();
        let customer = Summary { frequency, recency: 0.5 * age, age };
        let found = model.purchases_while_alive(t, &customer);
        println!("{:e}", (found / expected - 1.0).abs());
        alike(found, expected, 1e-8);
    }
    // At the poles themselves: the limit of what is beside them.
    let at = |a, b| BgNbd::new(0.25, 4.0, a, b).unwrap().expected_purchases(50.0);
    alike(at(1.0, 2.0), 0.5 * (at(0.999_9, 2.0) + at(1.000_1, 2.0)), 1e-7);
    alike(at(0.25, 0.75), 0.5 * (at(0.25, 0.749_9) + at(0.25, 0.750_1)), 1e-7);
}

fn possible(customers: Vec<(u32, f64, f64)>) -> Vec<Summary> {
    let of = |(frequency, share, age): (u32, f64, f64)| Summary {
        frequency,
        recency: if frequency == 0 { 0.0 } else { share * age },
        age,
    };
    customers.into_iter().map(of).collect()
}

/// The slope of `function` at zero by a central difference of five points.
fn difference(function: impl Fn(f64) -> f64) -> f64 {
    const STEP: f64 = 2e-3;
    let pair = |step: f64| function(step) - function(-step);
    (8.0 * pair(STEP) - pair(2.0 * STEP)) / (12.0 * STEP)
}

/// A number of any size.
fn any_size(low: f64, high: f64) -> impl Strategy<Value = f64> {
    (low.log10()..high.log10()).prop_map(|log| 10.0_f64.powf(log))
}

fn any_number() -> impl Strategy<Value = f64> {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.0, -0.0, -1.0];
    prop_oneof![proptest::sample::select(odd.to_vec()), any_size(1e-9, 1e9), any::<f64>()]
}

fn any_frequency() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..50, any::<u32>(), Just(u32::MAX)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The gradient of BG/NBD is that of its likelihood, over the logarithms of the parameters.
    #[test]
    fn bg_nbd_slopes_are_those_of_the_likelihood(
        at in [any_size(0.05, 20.0), any_size(0.1, 100.0), any_size(0.05, 20.0), any_size(0.05, 20.0)],
        rows in prop::collection::vec((0_u32..60, 0.01_f64..=1.0, 0.5_f64..80.0), 1..20),
    ) {
        let customers = possible(rows);
        let model = |[r, alpha, a, b]: [f64; 4]| BgNbd::new(r, alpha, a, b).unwrap();
        let (value, slopes) = model(at).log_likelihood_and_slopes(&customers);
        for n in 0..4 {
            let by_steps = difference(|step| {
                let mut beside = at;
                beside[n] *= step.exp();
                model(beside).log_likelihood(&customers)
            });
            let slope = slopes[n] * at[n];
            // A slope that happens to be near zero has no more digits than the value has.
            let scale = slope.abs().max(1e-3 * value.abs()).max(1e-3);
            prop_assert!((by_steps - slope).abs() <= 1e-6 * scale, "{}: {} is not {}", n, slope, by_steps);
        }
    }

    #[test]
    fn gamma_gamma_slopes_are_those_of_the_likelihood(
        at in [any_size(0.1, 30.0), any_size(1.1, 30.0), any_size(0.1, 1000.0)],
        rows in prop::collection::vec((0_u32..60, any_size(0.1, 1000.0)), 1..20),
    ) {
        let model = |[p, q, gamma]: [f64; 3]| GammaGamma::new(p, q, gamma).unwrap();
        let (value, slopes) = model(at).log_likelihood_and_slopes(&rows);
        for n in 0..3 {
            let by_steps = difference(|step| {
                let mut beside = at;
                beside[n] *= step.exp();
                model(beside).log_likelihood(&rows)
            });
            let slope = slopes[n] * at[n];
            let scale = slope.abs().max(1e-3 * value.abs()).max(1e-3);
            prop_assert!((by_steps - slope).abs() <= 1e-6 * scale, "{}: {} is not {}", n, slope, by_steps);
        }
    }

    /// The series against its definition, and Euler's transform, which the forecasts rest on.
    #[test]
    fn the_hypergeometric_series_is_its_definition(
        a in 0.05_f64..8.0, b in 0.05_f64..8.0, c in 0.05_f64..20.0, z in 0.0_f64..0.9,
    ) {
        let found = hypergeometric(a, b, c, z);
        prop_assert!((found / direct(a, b, c, z) - 1.0).abs() < 1e-12);
        let other = (1.0 - z).powf(c - a - b) * direct(c - a, c - b, c, z);
        prop_assert!((other / found - 1.0).abs() < 1e-8, "{} {}", other, found);
        // Gauss's contiguous relation: (b - a) F + a F(a + 1) = b F(b + 1).
        let (up_a, up_b) = (hypergeometric(a + 1.0, b, c, z), hypergeometric(a, b + 1.0, c, z));
        prop_assert!(((b - a) * found + a * up_a - b * up_b).abs() < 1e-11 * (b * up_b));
    }

    /// The two ways to a forecast agree: the series, and the mean over the probability to leave.
    #[test]
    fn a_forecast_is_the_mean_over_the_probability_to_leave(
        r in any_size(0.05, 10.0), alpha in any_size(0.5, 50.0), a in any_size(0.05, 20.0), b in any_size(0.05, 20.0),
        frequency in 0_u32..40, age in 0.0_f64..60.0, t in any_size(0.01, 100.0),
    ) {
        let model = BgNbd::new(r, alpha, a, b).unwrap();
        let found = model.purchases_while_alive(t, &Summary { frequency, recency: 0.5 * age, age });
        let x = f64::from(frequency);
        let (shape, length) = (r + x, t / (alpha + age));
        let of = |p: f64| if p < 1e-15 { shape * length } else { -((p * length).ln_1p() * -shape).exp_m1() / p };
        let expected = mean_over_beta(a, b + x, 1.0 / (length * (1.0 + shape)), of);
        prop_assert!((found / expected - 1.0).abs() < 1e-8, "{} {}", found, expected);
    }

    /// Nothing that is asked gives an answer that could not be.
    #[test]
    fn no_customer_is_too_hostile(
        (r, a, b) in (any_size(1e-9, 1e9), any_size(1e-9, 1e9), any_size(1e-9, 1e9)),
        alpha in any_size(1e-12, 1e21),
        frequency in any_frequency(), recency in any_number(), age in any_number(), t in any_number(),
        (p, q, gamma) in (any_size(1e-9, 1e9), any_size(1e-9, 1e9), any_size(1e-30, 1e30)),
        mean in any_number(),
        (periods, period_in_units) in (0_u32..20, any_number()),
        (discount_rate, margin_rate) in (any_number(), any_number()),
    ) {
        let model = BgNbd::new(r, alpha, a, b).unwrap();
        let customer = Summary { frequency, recency, age };
        let alive = model.probability_alive(&customer);
        prop_assert!((0.0..=1.0).contains(&alive), "{}", alive);
        prop_assert!(frequency > 0 || alive == 1.0);
        let expected = [model.conditional_expected_purchases(t, &customer), model.expected_purchases(t)];
        prop_assert!(expected.iter().all(|expected| expected.is_finite() && *expected >= 0.0), "{:?}", expected);
        prop_assert!(!model.log_likelihood(&[customer]).is_nan());
        let values = GammaGamma::new(p, 1.0 + q, gamma);
        prop_assume!(values.is_ok());
        let values = values.unwrap();
        let value = values.expected_value(frequency, mean);
        prop_assert!(value.is_finite() && value >= 0.0, "{}", value);
        let rho = correlation(&[(frequency, mean), (1, age), (2, t)]);
        prop_assert!((-1.0..=1.0).contains(&rho));
        let horizon = Horizon { periods, period_in_units, discount_rate, margin_rate };
        let value = lifetime_value(&model, &values, &customer, mean, &horizon);
        prop_assert!(value.is_finite() && value >= 0.0, "{}", value);
    }

    /// Sensible customers: more time brings more, never more than without leaving; silence makes it less likely that
    /// they are still there.
    #[test]
    fn forecasts_behave(
        (r, alpha) in (any_size(1e-4, 100.0), any_size(1e-4, 1e4)),
        (a, b) in (any_size(1e-4, 100.0), any_size(1e-4, 100.0)),
        frequency in 0_u32..10_000, share in 0.01_f64..1.0, age in 0.1_f64..1e6, t in any_size(0.1, 1e6),
    ) {
        let model = BgNbd::new(r, alpha, a, b).unwrap();
        let customer = possible(vec![(frequency, share, age)])[0];
        let (now, later) = (model.purchases_while_alive(t, &customer), model.purchases_while_alive(1.5 * t, &customer));
        prop_assert!(now > 0.0 && later >= now * (1.0 - 1e-9), "{} {}", now, later);
        prop_assert!(now <= (r + f64::from(frequency)) * t / (alpha + age) * (1.0 + 1e-12));
        // The longer one waits, the less a unit of time brings.
        prop_assert!(later <= 1.5 * now * (1.0 + 1e-9), "{} {}", now, later);
        let silent = Summary { age: age * 2.0, ..customer };
        prop_assert!(model.probability_alive(&silent) <= model.probability_alive(&customer));
    }

    /// Whatever is fitted comes back, as a model or as a reason.
    #[test]
    fn no_crowd_is_too_hostile(
        rows in prop::collection::vec((any_frequency(), any_number(), any_number()), 1..12),
        honest in prop::bool::ANY,
    ) {
        let customer_of = |row: &(u32, f64, f64)| {
            let customer = Summary { frequency: row.0, recency: row.1, age: row.2 };
            if honest { customer.possible() } else { customer }
        };
        let customers: Vec<Summary> = rows.iter().map(customer_of).collect();
        let params = Params { min_customers: 1, max_iterations: 60 };
        if let Ok(fit) = BgNbd::fit(&customers, params) {
            prop_assert!(fit.log_likelihood.is_finite() && fit.gradient_norm.is_finite(), "{:?}", fit);
        }
        let spent: Vec<(u32, f64)> = rows.iter().map(|row| (row.0, if honest { row.1.abs() } else { row.1 })).collect();
        if let Ok(fit) = GammaGamma::fit(&spent, params) {
            prop_assert!(fit.log_likelihood.is_finite() && fit.model.mean().is_finite(), "{:?}", fit);
        }
    }
}
