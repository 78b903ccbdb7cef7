//! When a delivery is tried again.

use crate::secret;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// The pauses after an attempt failed, in seconds: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. There is one
/// more attempt than pauses.
pub const PAUSES: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// How long nothing may be taken before an endpoint is paused.
pub const FAILING: TimeDelta = TimeDelta::hours(120);
/// Longest time for which a receiver can ask to be left alone.
const LONGEST: TimeDelta = TimeDelta::hours(24);

/// How long an event waits after this attempt of it, counted from one: up to a quarter longer than the table says, so
/// that those that failed together do not come back together. `None` after the last attempt.
pub fn pause(event: Uuid, attempt: i32) -> Option<TimeDelta> {
    let seconds = PAUSES.get(usize::try_from(attempt - 1).ok()?)?;
    let draw = secret::hash(format!("{event}/{attempt}").as_bytes()).first().copied().unwrap_or_default();
    Some(TimeDelta::milliseconds(seconds * 1_000 + seconds * 250 * i64::from(draw) / 255))
}

/// Until when a receiver wants to be left alone, by its `Retry-After`: so many seconds, or a date. At most a day.
pub fn quiet_until(header: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let header = header.trim();
    let wait = match header.parse::<u32>() {
        Ok(seconds) => TimeDelta::seconds(seconds.into()),
        Err(_) => DateTime::parse_from_rfc2822(header).ok()?.to_utc() - now,
    };
    (wait > TimeDelta::zero()).then(|| now + wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_further_and_further_apart_and_end() {
        let event = Uuid::nil();
        for (pause, least) in (1..=9).filter_map(|attempt| pause(event, attempt)).zip(PAUSES) {
            assert!(
                pause >= TimeDelta::seconds(least) && pause <= TimeDelta::milliseconds(least * 1_250),
                "{pause}"
            );
        }
        assert!(pause(event, 9).is_some());
        assert_eq!((pause(event, 10), pause(event, 0)), (None, None));
    }

    #[test]
    fn a_receiver_says_for_how_long_it_wants_to_be_left_alone() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let in_seconds = |header: &str| quiet_until(header, now).map(|until| (until - now).num_seconds());
        assert_eq!(in_seconds(" 120 "), Some(120));
        assert_eq!(in_seconds("4294967295"), Some(86_400));
        assert_eq!(in_seconds("Thu, 04 Oct 2024 00:01:00 GMT"), None, "the wrong day of the week");
        assert_eq!(in_seconds("Fri, 04 Oct 2024 00:01:00 GMT"), Some(60));
        for nothing in ["", "0", "-1", "soon", "99999999999", "Fri, 04 Oct 2024 00:00:00 GMT"] {
            assert_eq!(in_seconds(nothing), None, "{nothing}");
        }
    }
}
