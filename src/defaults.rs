//! The durations of the model (its §7), in one place.

use chrono::TimeDelta;
use std::time::Duration;

/// How long a registration link holds.
pub const REGISTRATION_LINK: TimeDelta = TimeDelta::days(7);
/// How long a link to set a new password holds.
pub const RESET_LINK: TimeDelta = TimeDelta::hours(1);
/// How long one can say that a mail was not meant for oneself.
pub const UNWANTED_LINK: TimeDelta = TimeDelta::days(30);
/// How long a link that does not hold any more is kept.
pub const LINK_KEPT: TimeDelta = TimeDelta::days(30);
/// How long a device is remembered that nobody uses; its cookie lives for a year.
pub const DEVICE: TimeDelta = TimeDelta::days(400);
/// Longest session.
pub const SESSION: TimeDelta = TimeDelta::hours(12);
/// Longest time that a session may be left alone.
pub const SESSION_IDLE: TimeDelta = TimeDelta::hours(1);
/// Longest impersonation.
pub const IMPERSONATION: TimeDelta = TimeDelta::hours(8);
/// Longest time that an impersonation may be left alone.
pub const IMPERSONATION_IDLE: TimeDelta = TimeDelta::minutes(30);
/// How long a link to something on paper holds.
pub const PRINT_LINK: TimeDelta = TimeDelta::minutes(5);
/// Most elements of a list in an input.
pub const LIST_MAX: usize = 250;
/// How old the note of the last use may get before it is written anew.
pub const LAST_SEEN_PRECISION: TimeDelta = TimeDelta::minutes(1);
/// Most rows that one statement sweeps up: nobody waits long for those.
pub const SWEPT_AT_ONCE: i32 = 1_000;
/// How long something big that was done can be taken back.
pub const UNDO: TimeDelta = TimeDelta::days(30);
/// Rows of a page, if nobody says how many.
pub const PAGE: usize = 50;
/// Most rows of a page.
pub const PAGE_MAX: usize = 100;
/// How long the older secret of a webhook is still used after a rotation.
pub const OLD_SECRET: TimeDelta = TimeDelta::hours(24);
/// How long a webhook's delivery is kept once it has ended.
pub const DELIVERY_KEPT: TimeDelta = TimeDelta::days(30);
/// Most events of one replay; more go by the cursor.
pub const REPLAYED_AT_ONCE: i64 = 1_000;
/// How far back the log can be followed from; reading it in pages goes back to its beginning.
pub const FEED: TimeDelta = TimeDelta::days(90);

/// How long those who are connected are waited for. It is part of the contract, so nobody can set it; stories have less
/// time.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Longest wait for a socket's `connection_init`.
    pub init: Duration,
    /// How often a socket's other side is asked whether it is there.
    pub ping: Duration,
    /// Whoever says nothing over a socket for so long, not even that it is there, is gone.
    pub silence: Duration,
    /// Longest wait for the other side to take something.
    pub send: Duration,
    /// Longest time for which a stream says nothing of how far it has come.
    pub checkpoint: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            init: Duration::from_secs(10),
            ping: Duration::from_secs(15),
            silence: Duration::from_secs(45),
            send: Duration::from_secs(30),
            checkpoint: Duration::from_secs(15),
        }
    }
}
