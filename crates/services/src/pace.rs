//! How far the hot path may trust its own memory.

use chrono::TimeDelta;

/// One process may trust what it did itself, and looks every moment for what others did. Several processes behind one
/// address trust only the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// For how long catalogue and rules are not asked for again. What this process changes counts at once.
    pub snapshot: TimeDelta,
    /// For how long a customer and their cards are not read again. What this process changes counts at once.
    pub guest: TimeDelta,
    /// Whether an open session is answered from memory and written behind the answer. Else its row is read before and
    /// written before the answer, so that another process may go on with it.
    pub behind: bool,
    /// How much the open sessions that memory keeps may take, in lines; each takes a few more than it has. A basket beyond
    /// that is left to its row, and read again when it goes on.
    pub room: usize,
}

/// Some 150 MB. No chain has as many baskets, but a till that is broken or stolen may begin one after the other.
const ROOM: usize = 1 << 20;

impl Pace {
    /// Everything is read anew: for several processes, and for tests.
    #[must_use]
    pub fn exact() -> Self {
        Self { snapshot: TimeDelta::zero(), guest: TimeDelta::zero(), behind: false, room: ROOM }
    }

    /// The tills of one process.
    #[must_use]
    pub fn swift() -> Self {
        Self { snapshot: TimeDelta::milliseconds(250), guest: TimeDelta::seconds(5), behind: true, room: ROOM }
    }
}
