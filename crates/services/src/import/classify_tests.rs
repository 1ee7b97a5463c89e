use proptest::prelude::*;

use super::*;

const HEADERS: [&str; 9] = ["receipt", "sku", "name", "quantity", "at", "unit_price", "customer", "cost", "category"];

fn columns() -> Columns {
    Columns::find(HEADERS.iter().map(|h| (*h).to_owned()).collect(), &[]).unwrap()
}

fn reading() -> Reading {
    Reading {
        currency: Currency::GBP,
        cancellation_prefix: "C".to_owned(),
        assume_margin: Some(Rate(3_500)),
        date_format: None,
        now: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
    }
}

/// Classifies a good line with one field changed.
fn with(field: &str, value: &str) -> Result<Verdict<'static>, Broken> {
    let mut fields = ["536365", "85123A", "HOLDER", "6", "2010-12-01 08:26", "2.55", "17850", "", ""];
    let place = HEADERS.iter().position(|h| *h == field).unwrap();
    fields[place] = value;
    let record: &'static StringRecord = Box::leak(Box::new(StringRecord::from(fields.to_vec())));
    reading().classify(&columns(), record)
}

fn line(verdict: Result<Verdict<'static>, Broken>) -> Line<'static> {
    match verdict {
        Ok(Verdict::Line(line)) => line,
        other => panic!("not a line: {other:?}"),
    }
}

fn rejection(verdict: Result<Verdict<'static>, Broken>) -> &'static str {
    match verdict {
        Ok(Verdict::Reject(key, _)) => key,
        other => panic!("not rejected: {other:?}"),
    }
}

#[test]
fn a_good_line_is_read_exactly() {
    let line = line(with("name", "HOLDER"));
    assert_eq!((line.quantity, line.unit_price, line.unit_cost), (6, Amount(255), Some(Amount(166))));
    assert_eq!((line.customer, line.category, line.is_return), (Some("17850"), None, false));
    assert_eq!(line.at.text(), "2010-12-01 08:26:00.000000");
}

#[test]
fn lines_that_cannot_stand_on_a_receipt_are_rejected() {
    for (field, value, key) in [
        ("quantity", "0", "quantity-zero"),
        ("quantity", "-3", "quantity-negative"),
        ("receipt", "C536379", "cancellation-positive"),
        ("receipt", " ", "receipt-unusable"),
        ("receipt", "5\u{7}", "receipt-unusable"),
        ("sku", "", "sku-unusable"),
        ("sku", &"x".repeat(65), "sku-unusable"),
        ("customer", &"9".repeat(65), "customer-unusable"),
        ("unit_price", "-11062.06", "price-negative"),
        ("unit_price", "0.001", "price-too-fine"),
        ("cost", "-1", "price-negative"),
        ("at", "2023-12-01", "in-the-future"),
    ] {
        assert_eq!(rejection(with(field, value)), key, "{field} {value:?}");
    }
}

#[test]
fn what_cannot_be_read_stops_the_import() {
    for (field, value, hint) in [
        ("quantity", "NaN", "not a whole number"),
        ("quantity", "", "not a whole number"),
        ("quantity", "2.5", "not a whole number"),
        ("quantity", "9999999999", "larger"),
        ("unit_price", "NaN", "not a plain decimal"),
        ("unit_price", "inf", "not a plain decimal"),
        ("unit_price", "1e3", "not a plain decimal"),
        ("unit_price", "", "not a plain decimal"),
        ("unit_price", "2,55", "not a plain decimal"),
        ("unit_price", "99999999999999999999", "larger"),
        ("unit_price", "10000000.01", "larger"),
        ("at", "yesterday", "not a date"),
        ("at", "2010-13-01 08:26", "not a date"),
        ("at", "2010-12-01 24:26", "not a date"),
        ("at", "0001-01-01 00:00", "not a date"),
        ("cost", "cheap", "not a plain decimal"),
    ] {
        let broken = with(field, value).unwrap_err();
        assert_eq!(broken.column, field);
        assert!(broken.what.contains(hint), "{field} {value:?}: {}", broken.what);
    }
}

#[test]
fn quantity_times_price_is_bounded() {
    let fields = ["1", "a1", "", "2000000000", "2010-12-01", "9000000", "", "", ""];
    let record = StringRecord::from(fields.to_vec());
    assert!(reading().classify(&columns(), &record).unwrap_err().what.contains("larger than money"));
}

#[test]
fn a_cancellation_is_a_return() {
    let fields = ["C536379", "D", "Discount", "-1", "2010-12-01 09:41", "27.50", "14527.0", "", ""];
    let record = StringRecord::from(fields.to_vec());
    let Ok(Verdict::Line(line)) = reading().classify(&columns(), &record) else { panic!("a return is a line") };
    assert!(line.is_return);
    assert_eq!((line.quantity, line.customer), (-1, Some("14527")));
}

#[test]
fn a_gift_says_nothing_of_its_cost_and_a_cost_column_wins() {
    assert_eq!(line(with("unit_price", "0.00")).unit_cost, None);
    assert_eq!(line(with("cost", "1.20")).unit_cost, Some(Amount(120)));
}

#[test]
fn dates_with_an_offset_are_utc() {
    for (text, utc) in [
        ("2010-12-01T08:26:05Z", "2010-12-01 08:26:05.000000+00"),
        ("2010-12-01 08:26+01:00", "2010-12-01 07:26:00.000000+00"),
        ("2010-12-01T08:26:05.25-0530", "2010-12-01 13:56:05.250000+00"),
        ("2010-12-01", "2010-12-01 00:00:00.000000"),
        ("2010-12-01 08:26:59", "2010-12-01 08:26:59.000000"),
    ] {
        assert_eq!(line(with("at", text)).at.text(), utc);
    }
}

#[test]
fn another_form_of_dates_is_told() {
    let reading = Reading { date_format: Some("%m/%d/%Y %H:%M".to_owned()), ..reading() };
    assert_eq!(reading.moment("12/1/2010 8:26").unwrap().text(), "2010-12-01 08:26:00.000000");
    assert!(reading.moment("2010-12-01").unwrap_err().contains("%m/%d/%Y"));
}

proptest! {
    /// Whatever stands in a field: a line, a rejection or a reason to stop, and never a panic.
    #[test]
    fn no_text_panics(field in 0..HEADERS.len(), text in "\\PC{0,30}|[-+0-9.:TZ ]{0,30}") {
        let mut fields = vec!["536365", "85123A", "HOLDER", "6", "2010-12-01 08:26", "2.55", "17850", "", ""];
        fields[field] = &text;
        let record = StringRecord::from(fields);
        if let Ok(Verdict::Line(line)) = reading().classify(&columns(), &record) {
            prop_assert!(line.quantity != 0 && line.unit_price >= Amount::ZERO);
            prop_assert_eq!(line.is_return, line.quantity < 0);
        }
    }

    /// Every readable date is the one that chrono reads.
    #[test]
    fn dates_are_read_as_chrono_reads_them(seconds in 0_i64..1_690_000_000) {
        let at = DateTime::from_timestamp(seconds, 0).unwrap();
        let read = reading().moment(&at.format("%Y-%m-%dT%H:%M:%S").to_string()).unwrap();
        prop_assert_eq!(read, Moment { naive: at.naive_utc(), utc: false });
        let read = reading().moment(&at.to_rfc3339()).unwrap();
        prop_assert_eq!(read, Moment { naive: at.naive_utc(), utc: true });
    }
}
