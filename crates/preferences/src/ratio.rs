use std::num::NonZeroU32;

/// A threshold that is compared exactly: counts that lie on it pass, which floats do not promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    num: u32,
    den: NonZeroU32,
}

impl Ratio {
    pub const ZERO: Self = Self { num: 0, den: NonZeroU32::MIN };
    pub const ONE: Self = Self { num: 1, den: NonZeroU32::MIN };

    /// `num / den`, which may be above one (a lift); nothing for a denominator of zero.
    #[must_use]
    pub const fn new(num: u32, den: u32) -> Option<Self> {
        match NonZeroU32::new(den) {
            Some(den) => Some(Self { num, den }),
            None => None,
        }
    }

    /// Hundredths of a percent, as rates are written in this house.
    #[must_use]
    pub const fn basis_points(points: u32) -> Self {
        match NonZeroU32::new(10_000) {
            Some(den) => Self { num: points, den },
            None => Self::ZERO,
        }
    }

    /// Whether `part / whole` is at least this; of nothing, only zero is reached.
    #[must_use]
    pub const fn is_reached_by(self, part: u32, whole: u32) -> bool {
        part as u64 * self.den.get() as u64 >= self.num as u64 * whole as u64
    }

    /// The fewest of `whole` that reach this.
    pub(crate) const fn fewest_of(self, whole: u32) -> u64 {
        (self.num as u64 * whole as u64).div_ceil(self.den.get() as u64)
    }

    pub(crate) const fn num(self) -> u32 {
        self.num
    }

    pub(crate) const fn den(self) -> u32 {
        self.den.get()
    }
}
