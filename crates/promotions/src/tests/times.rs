//! The store's clock: windows, hours, birthdays and periods, in nights when the clock changes.

use chrono::{DateTime, TimeDelta, Utc};

use super::*;

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Whether a campaign with this window or schedule runs at a moment in a zone.
fn runs(zone: Tz, at: DateTime<Utc>, more: Value) -> bool {
    let facts = Facts { zone, at, ..facts(vec![line("beans", 1_000, Some(0), 1)], None, 0) };
    evaluate(&facts, &rules(vec![campaign(1, json!({"amount_off": {"amount": 1}}), more)])).discount > Amount::ZERO
}

/// The first second of a window that begins at a local time, and that the one that ends there ends then.
fn begins(zone: Tz, local: &str, at: &str) {
    let (at, second) = (instant(at), TimeDelta::seconds(1));
    let (opens, ends) = (json!({"window": {"from": local}}), json!({"window": {"until": local}}));
    assert!(runs(zone, at, opens.clone()) && !runs(zone, at - second, opens), "{local} in {zone} is not {at}");
    assert!(!runs(zone, at, ends.clone()) && runs(zone, at - second, ends), "{local} in {zone} does not end {at}");
}

#[test]
fn case_9_windows_are_half_open_in_the_stores_own_zone() {
    begins(Tz::Europe__London, "2026-07-01T00:00:00", "2026-06-30T23:00:00Z");
    begins(Tz::Europe__Minsk, "2026-07-01T00:00:00", "2026-06-30T21:00:00Z");
    begins(Tz::Pacific__Kiritimati, "2026-07-01T00:00:00", "2026-06-30T10:00:00Z");
    begins(Tz::Pacific__Niue, "2026-07-01T00:00:00", "2026-07-01T11:00:00Z");
    begins(Tz::UTC, "2026-12-31T23:59:59", "2026-12-31T23:59:59Z");
}

#[test]
fn case_9_a_time_that_the_clock_skips_is_the_first_moment_after() {
    // 01:00 becomes 02:00.
    for local in ["2026-03-29T01:00:00", "2026-03-29T01:30:00", "2026-03-29T01:59:59", "2026-03-29T02:00:00"] {
        begins(Tz::Europe__London, local, "2026-03-29T01:00:00Z");
    }
    begins(Tz::Europe__London, "2026-03-29T00:59:59", "2026-03-29T00:59:59Z");
    begins(Tz::Europe__London, "2026-03-29T02:00:01", "2026-03-29T01:00:01Z");
    begins(Tz::America__New_York, "2026-03-08T02:30:00", "2026-03-08T07:00:00Z");
    // Half an hour only, and a change at midnight.
    begins(Tz::Australia__Lord_Howe, "2026-10-04T02:15:00", "2026-10-03T15:30:00Z");
    begins(Tz::Asia__Tehran, "2022-03-22T00:30:00", "2022-03-21T20:30:00Z");
    // A whole day that never was.
    begins(Tz::Pacific__Apia, "2011-12-30T12:00:00", "2011-12-30T10:00:00Z");
}

#[test]
fn case_9_a_time_that_comes_twice_is_the_earlier() {
    begins(Tz::Europe__London, "2026-10-25T01:30:00", "2026-10-25T00:30:00Z");
    begins(Tz::Europe__London, "2026-10-25T02:00:00", "2026-10-25T02:00:00Z");
    begins(Tz::America__New_York, "2026-11-01T01:00:00", "2026-11-01T05:00:00Z");
    begins(Tz::Australia__Lord_Howe, "2026-04-05T01:45:00", "2026-04-04T14:45:00Z");
    begins(Tz::Asia__Tehran, "2022-09-21T23:30:00", "2022-09-21T19:00:00Z");
}

#[test]
fn hours_are_half_open_and_belong_to_the_day_on_which_they_began() {
    // Friday 22:00 to 02:00: Saturday's first hours are Friday's.
    let late = json!({"schedule": {"weekdays": ["Fri"], "hours": {"from": "22:00:00", "to": "02:00:00"}}});
    let run = |at: &str| runs(Tz::Europe__Minsk, instant(at), late.clone());
    assert!(!run("2026-11-20T18:59:59Z") && run("2026-11-20T19:00:00Z"));
    assert!(run("2026-11-20T22:59:59Z") && !run("2026-11-20T23:00:00Z"));
    assert!(!run("2026-11-19T22:30:00Z"), "Thursday's night is not Friday's");
    assert!(!run("2026-11-21T19:00:00Z"), "Saturday's night is not Friday's");
    // From an hour to the same is a whole day.
    let whole = json!({"schedule": {"weekdays": ["Sat"], "hours": {"from": "06:00:00", "to": "06:00:00"}}});
    assert!(runs(Tz::UTC, instant("2026-11-22T05:59:59Z"), whole.clone()));
    assert!(!runs(Tz::UTC, instant("2026-11-22T06:00:00Z"), whole));
}

#[test]
fn hours_in_a_night_when_the_clock_changes() {
    let london = |hours: Value, at: &str| runs(Tz::Europe__London, instant(at), json!({"schedule": {"hours": hours}}));
    // Spring: half past one comes with two o'clock.
    let early = json!({"from": "01:30:00", "to": "03:00:00"});
    assert!(!london(early.clone(), "2026-03-29T00:59:59Z") && london(early.clone(), "2026-03-29T01:00:00Z"));
    assert!(london(early.clone(), "2026-03-29T01:59:59Z") && !london(early.clone(), "2026-03-29T02:00:00Z"));
    // Autumn: from the earlier half past one, right through the hour that comes twice.
    assert!(!london(early.clone(), "2026-10-25T00:29:59Z") && london(early.clone(), "2026-10-25T00:30:00Z"));
    assert!(london(early.clone(), "2026-10-25T01:10:00Z"));
    assert!(london(early.clone(), "2026-10-25T02:59:59Z") && !london(early, "2026-10-25T03:00:00Z"));
    // Hours that lie in the gap do not come.
    let gap = json!({"from": "01:10:00", "to": "01:50:00"});
    let mut minute = instant("2026-03-29T00:00:00Z");
    while minute < instant("2026-03-29T04:00:00Z") {
        assert!(!london(gap.clone(), &minute.to_rfc3339()));
        minute += TimeDelta::minutes(1);
    }
}

#[test]
fn a_birthday_on_a_leap_day_is_kept_every_year() {
    let near = |at: &str, birthday: (u8, u8), days: u16| {
        let rules =
            rules(vec![when(1, json!({"birthday": {"within_days": days}}), json!({"amount_off": {"amount": 1}}))]);
        let customer = Some(Customer { birthday: Some(birthday), ..somebody() });
        let facts = Facts { at: instant(at), customer, ..facts(vec![line("beans", 1_000, Some(0), 1)], None, 0) };
        evaluate(&facts, &rules).discount > Amount::ZERO
    };
    assert!(near("2028-02-29T12:00:00Z", (2, 29), 0));
    assert!(!near("2028-02-28T12:00:00Z", (2, 29), 0));
    assert!(near("2027-02-28T12:00:00Z", (2, 29), 0));
    assert!(!near("2027-03-01T12:00:00Z", (2, 29), 0) && near("2027-03-01T12:00:00Z", (2, 29), 1));
    // Over the turn of the year, and by the store's own date.
    assert!(near("2026-12-30T12:00:00Z", (1, 2), 3) && !near("2026-12-30T12:00:00Z", (1, 3), 3));
    assert!(near("2026-06-30T23:30:00Z", (7, 1), 0));
    for nonsense in [(13, 1), (0, 0), (2, 30), (255, 255)] {
        assert!(!near("2026-06-30T12:00:00Z", nonsense, 182));
    }
}

#[test]
fn periods_are_of_the_stores_calendar() {
    let key = |period: &str, at: &str, zone: Tz| {
        let budget = json!({"budgets": [{"action": "discount", "limit": 9, "period": period}]});
        let facts = Facts { zone, at: instant(at), ..facts(vec![line("beans", 1, Some(0), 1)], None, 0) };
        let accounts = rules(vec![campaign(1, json!({"amount_off": {"amount": 1}}), budget)]).accounts(&facts);
        accounts[0].key.rsplit_once("/discount").unwrap().1.to_owned()
    };
    assert_eq!(key("ever", "2026-12-31T22:00:00Z", Tz::Europe__Minsk), "");
    assert_eq!(key("day", "2026-12-31T20:59:59Z", Tz::Europe__Minsk), "/2026-12-31");
    assert_eq!(key("day", "2026-12-31T21:00:00Z", Tz::Europe__Minsk), "/2027-01-01");
    assert_eq!(key("week", "2026-12-31T21:00:00Z", Tz::Europe__Minsk), "/2026-W53");
    assert_eq!(key("month", "2026-12-31T21:00:00Z", Tz::Europe__Minsk), "/2027-01");
    assert_eq!(key("year", "2026-12-31T21:00:00Z", Tz::Europe__Minsk), "/2027");
}

#[test]
fn no_moment_is_too_far() {
    let windows = json!({"window": {"from": "2000-01-01T00:00:00", "until": "2199-12-31T23:59:59"},
        "schedule": {"weekdays": ["Mon"], "hours": {"from": "00:00:00", "to": "00:00:00"}}});
    for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        for zone in [Tz::UTC, Tz::Pacific__Kiritimati, Tz::Pacific__Niue] {
            assert!(!runs(zone, at, windows.clone()));
            runs(zone, at, json!({"budgets": [{"action": "discount", "limit": 9, "period": "week"}]}));
        }
    }
}

/// Campaigns that open and close in every way, at two moments of a night when the clock changes: whenever they are said to
/// decide alike, they do; and it is said often, and denied often.
#[test]
fn whatever_is_said_to_be_decided_alike_is() {
    let zones = [Tz::Europe__London, Tz::America__New_York, Tz::Asia__Tehran, Tz::Pacific__Kiritimati];
    let days = ["2026-10-25", "2026-03-29", "2026-11-01", "2022-09-21", "2026-07-01"];
    let mut seed = 7_u64;
    let mut below = |most: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % most
    };
    let (mut alike, mut changed) = (0, 0);
    for _ in 0..6_000 {
        let day = days[below(5) as usize];
        let mut time = || format!("{:02}:{:02}:00", below(24), [0, 30][below(2) as usize]);
        let (from, to, at, other) = (time(), time(), time(), time());
        let more = match below(6) {
            0 => json!({"window": {"from": format!("{day}T{from}")}}),
            1 => json!({"window": {"until": format!("{day}T{from}")}}),
            2 => json!({"schedule": {"hours": {"from": from, "to": to}}}),
            3 => json!({"schedule": {"weekdays": ["sun", "wed"]}}),
            4 => json!({"rules": [{"name": "at", "when": {"not": {"schedule": {"hours": {"from": from, "to": to}}}},
                "then": [{"amount_off": {"amount": 1}}]}]}),
            _ => json!({"rules": [{"name": "soon", "when": {"birthday": {"within_days": 1}},
                "then": [{"amount_off": {"amount": 1}}]}]}),
        };
        let rules = rules(vec![campaign(1, json!({"amount_off": {"amount": 1}}), more)]);
        let instant = |time: &str| instant(&format!("{day}T{time}Z"));
        let mut facts = facts(vec![line("beans", 1_000, Some(0), 1)], None, 0);
        (facts.zone, facts.at) = (zones[below(4) as usize], instant(&at));
        facts.customer = Some(Customer { birthday: Some((10, 27)), ..somebody() });
        let later = Facts { at: instant(&other), ..facts.clone() };
        let same = evaluate(&facts, &rules) == evaluate(&later, &rules);
        if rules.decide_alike_at(&facts, later.at) {
            assert!(same, "{:?} at {} and {} in {}", rules.params(), facts.at, later.at, facts.zone);
            alike += 1;
        }
        changed += u32::from(!same);
    }
    assert!(alike > 1_500 && changed > 800, "{alike} alike, {changed} changed");
    let facts = Facts { coupons: vec![coupon("CODE", 1)], ..facts(vec![], None, 0) };
    assert!(!Rules::default().decide_alike_at(&facts, facts.at), "a code has times of its own");
}
