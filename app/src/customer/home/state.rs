//! The rotating code's clock: the shop's time on a phone whose own clock may be wrong.

use domain::code::{CodeHandle, RotatingSecret, STEP_SECONDS, StaticCode};
use serde::{Deserialize, Serialize};

/// What a phone needs to show the code without a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    pub static_code: StaticCode,
    pub handle: CodeHandle,
    pub secret: RotatingSecret,
    pub clock: Clock,
}

/// How far the shop's clock is ahead of the phone's, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    pub ahead_ms: i64,
}

/// What the screen shows at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Showing {
    pub step: i64,
    /// Whole seconds until the next code, 1 to 30.
    pub left: i64,
}

impl Clock {
    /// From the shop's time in an answer and the phone's time when the answer came, both in milliseconds of Unix time.
    #[must_use]
    pub fn set(shop_ms: i64, phone_ms: f64) -> Self {
        // A clock that no phone has is no reason to fail: the shop's own time then stands in.
        let phone = read_clock(phone_ms).unwrap_or(shop_ms);
        Self { ahead_ms: shop_ms.saturating_sub(phone) }
    }

    #[must_use]
    pub fn showing(self, phone_ms: f64) -> Showing {
        Showing::at(read_clock(phone_ms).unwrap_or_default().saturating_add(self.ahead_ms))
    }
}

/// A browser's clock: finite, and within the range that its dates have.
fn read_clock(ms: f64) -> Option<i64> {
    (ms.is_finite() && ms.abs() <= 8.64e15).then_some(ms as i64)
}

impl Showing {
    /// At a moment of the shop's time, in milliseconds. The steps are those of [`domain::code::step_at`], counted without
    /// a calendar, which would cost the download more than all of this.
    #[must_use]
    pub fn at(shop_ms: i64) -> Self {
        let seconds = shop_ms.div_euclid(1_000);
        Self { step: seconds.div_euclid(STEP_SECONDS), left: STEP_SECONDS - seconds.rem_euclid(STEP_SECONDS) }
    }
}

impl Code {
    /// What the QR code says at this step.
    #[must_use]
    pub fn rotating(&self, step: i64) -> String {
        self.secret.code(self.handle, step)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use domain::CustomerCode;
    use domain::code::step_at;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_phone_that_is_an_hour_slow_shows_a_good_code() {
        let shop = at(1_800_000_010);
        let phone = (shop.timestamp_millis() - 3_600_000) as f64;
        let clock = Clock::set(shop.timestamp_millis(), phone);
        let code = Code {
            static_code: StaticCode::from_seed(7),
            handle: CodeHandle::from_seed(9),
            secret: RotatingSecret([3; 32]),
            clock,
        };
        let showing = clock.showing(phone + 45_000.0);
        let Ok(CustomerCode::Rotating(read)) = CustomerCode::parse(&code.rotating(showing.step)) else {
            panic!("a rotating code reads as one");
        };
        assert_eq!(code.secret.verify(&read, at(1_800_000_055)), Ok(()));
        assert_eq!(showing.left, 5);
    }

    #[test]
    fn the_seconds_left_are_never_none() {
        for second in 0..90 {
            let left = Showing::at(second * 1_000).left;
            assert!((1..=30).contains(&left));
        }
        assert_eq!(Showing::at(60_000).left, 30);
    }

    #[test]
    fn no_clock_panics() {
        for odd in [f64::NAN, f64::INFINITY, -1e300, 8.7e15] {
            let clock = Clock::set(5_000, odd);
            let _ = clock.showing(odd);
            let _ = Clock { ahead_ms: i64::MAX }.showing(1e15);
        }
    }

    proptest! {
        #[test]
        fn the_screen_and_the_till_count_the_same_steps(ms in -1_000_000_000_000_i64..10_000_000_000_000) {
            prop_assert_eq!(Showing::at(ms).step, step_at(DateTime::from_timestamp_millis(ms).unwrap()));
        }
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let code = Code {
            static_code: StaticCode::from_seed(7),
            handle: CodeHandle::from_seed(9),
            secret: RotatingSecret([3; 32]),
            clock: Clock { ahead_ms: -5 },
        };
        let kept = serde_json::to_string(&code).unwrap();
        assert_eq!(serde_json::from_str::<Code>(&kept).unwrap(), code);
    }
}
