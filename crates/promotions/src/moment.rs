//! The store's own clock at the moment of the decision: windows, hours, birthdays and the periods of budgets.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::campaign::{Hours, Period, Schedule, Window};

/// No zone's clock is further from UTC than this.
const FURTHEST: TimeDelta = TimeDelta::hours(15);
const DAY: TimeDelta = TimeDelta::days(1);
/// With the same offset this long before and after, no clock change can matter to a time less than a day away.
const STEADY: TimeDelta = TimeDelta::days(3);
const WHOLE_DAY: Hours = Hours { from: NaiveTime::MIN, to: NaiveTime::MIN };

/// What the clock on the wall says, and what it will have said.
pub(crate) struct Moment {
    at: DateTime<Utc>,
    zone: Tz,
    wall: NaiveDateTime,
    /// No clock change is near: then the wall decides.
    steady: bool,
}

/// The store's times at which rules may decide otherwise than before, but for each midnight.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Once.
    pub times: Vec<NaiveDateTime>,
    /// Every day.
    pub hours: Vec<NaiveTime>,
}

impl Turns {
    pub(crate) fn of<'a>(
        windows: impl Iterator<Item = &'a Window>,
        schedules: impl Iterator<Item = &'a Schedule>,
    ) -> Self {
        let mut times: Vec<_> = windows.flat_map(|window| [window.from, window.until]).flatten().collect();
        let mut hours: Vec<_> = schedules
            .filter(|schedule| schedule.hours.is_some() || !schedule.weekdays.is_empty())
            .flat_map(|schedule| {
                let Hours { from, to } = schedule.hours.unwrap_or(WHOLE_DAY);
                [from, to]
            })
            .collect();
        times.sort_unstable();
        times.dedup();
        hours.sort_unstable();
        hours.dedup();
        Self { times, hours }
    }
}

impl Moment {
    pub(crate) fn new(at: DateTime<Utc>, zone: Tz) -> Self {
        let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
        let now = offset(at);
        let around = [at.checked_sub_signed(STEADY), at.checked_add_signed(STEADY)];
        let steady = around.into_iter().flatten().all(|near| offset(near) == now);
        Self { at, zone, wall: wall(at, zone), steady }
    }

    pub(crate) fn today(&self) -> NaiveDate {
        self.wall.date()
    }

    /// The local date of another moment.
    pub(crate) fn date_of(&self, at: DateTime<Utc>) -> NaiveDate {
        wall(at, self.zone).date()
    }

    /// Whether the local time has come: skipped by a clock change it is the first moment after, coming twice the earlier.
    pub(crate) fn reached(&self, time: NaiveDateTime) -> bool {
        let apart = self.at.naive_utc().signed_duration_since(time);
        if apart >= DAY || apart <= -DAY {
            return apart >= DAY;
        }
        if self.steady { self.wall >= time } else { self.at >= instant(time, self.zone) }
    }

    pub(crate) fn started(&self, window: &Window) -> bool {
        window.from.is_none_or(|from| self.reached(from))
    }

    pub(crate) fn ended(&self, window: &Window) -> bool {
        window.until.is_some_and(|until| self.reached(until))
    }

    pub(crate) fn is_in(&self, schedule: &Schedule) -> bool {
        if schedule.hours.is_none() && schedule.weekdays.is_empty() {
            return true;
        }
        let hours = schedule.hours.unwrap_or(WHOLE_DAY);
        let today = self.today();
        // Hours that crossed midnight began yesterday; where the clock goes back over midnight, tomorrow's have begun.
        [Some(today), today.pred_opt(), today.succ_opt()].into_iter().flatten().any(|day| {
            let last = if hours.to > hours.from { Some(day) } else { day.succ_opt() };
            (schedule.weekdays.is_empty() || schedule.weekdays.contains(&day.weekday()))
                && self.reached(day.and_time(hours.from))
                && last.is_some_and(|last| !self.reached(last.and_time(hours.to)))
        })
    }

    /// Whether no such time comes between this moment and another of the same store, and no midnight.
    pub(crate) fn is_like(&self, other: &Self, turns: &Turns) -> bool {
        let today = self.today();
        let same = |time| self.reached(time) == other.reached(time);
        let days = (-2..=2).filter_map(|days| today.checked_add_signed(TimeDelta::days(days)));
        today == other.today()
            && turns.times.iter().all(|time| same(*time))
            && days.into_iter().all(|day| turns.hours.iter().all(|hour| same(day.and_time(*hour))))
    }

    /// The stretch of the calendar that this moment is in, as the key of an account ends; empty for ever.
    pub(crate) fn stretch(&self, period: Period) -> String {
        let today = self.today();
        match period {
            Period::Ever => String::new(),
            Period::Day => format!("/{today}"),
            Period::Week => format!("/{}-W{:02}", today.iso_week().year(), today.iso_week().week()),
            Period::Month => format!("/{}-{:02}", today.year(), today.month()),
            Period::Year => format!("/{}", today.year()),
        }
    }

    /// Days to the nearest birthday, before or after; `None` for what is no date.
    pub(crate) fn days_to_birthday(&self, month: u8, day: u8) -> Option<u64> {
        let today = self.today();
        (-1..=1)
            .filter_map(|years| {
                let year = today.year() + years;
                let date = NaiveDate::from_ymd_opt(year, u32::from(month), u32::from(day));
                let date = date.or_else(|| match (month, day) {
                    (2, 29) => NaiveDate::from_ymd_opt(year, 2, 28),
                    _ => None,
                })?;
                Some(date.signed_duration_since(today).num_days().unsigned_abs())
            })
            .min()
    }
}

fn wall(at: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    let utc = at.naive_utc();
    utc.checked_add_offset(zone.offset_from_utc_datetime(&utc).fix()).unwrap_or(utc)
}

/// When the local time comes.
fn instant(time: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let offset = zone.offset_from_local_datetime(&time).earliest();
    match offset.and_then(|offset| time.checked_sub_offset(offset.fix())) {
        Some(utc) => utc.and_utc(),
        None => first_after(time, zone),
    }
}

/// The first whole second at which the clock has passed a time that it never shows.
fn first_after(time: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let (Some(mut before), Some(mut after)) = (time.checked_sub_signed(FURTHEST), time.checked_add_signed(FURTHEST))
    else {
        return time.and_utc();
    };
    while after.signed_duration_since(before) > TimeDelta::seconds(1) {
        let middle = before + TimeDelta::seconds(after.signed_duration_since(before).num_seconds() / 2);
        if wall(middle.and_utc(), zone) < time {
            before = middle;
        } else {
            after = middle;
        }
    }
    after.and_utc()
}
