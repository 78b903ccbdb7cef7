//! The hours of the week at which a delegation holds, in the time zone of the principal's firm.

use crate::error::{Refusal, Result};
use chrono::{DateTime, Datelike, LocalResult, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use serde::{Deserialize, Serialize};

crate::text_enum! {
    /// A day of the week.
    pub enum Day {
        /// The first.
        Monday = "MONDAY",
        /// The second.
        Tuesday = "TUESDAY",
        /// The third.
        Wednesday = "WEDNESDAY",
        /// The fourth.
        Thursday = "THURSDAY",
        /// The fifth.
        Friday = "FRIDAY",
        /// The sixth.
        Saturday = "SATURDAY",
        /// The seventh.
        Sunday = "SUNDAY",
    }
}

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Most pieces of a schedule.
const PIECES: usize = 50;

/// A piece of a day, in minutes since midnight; `until` is not part of it, and at most 1,440.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    pub day: Day,
    pub from: u16,
    pub until: u16,
}

impl Hours {
    /// From times of the day as people write them: `09:00`, and `24:00` for the end of the day.
    pub fn parse(day: Day, from: &str, until: &str) -> Result<Self> {
        let hours = Self { day, from: minutes(from)?, until: minutes(until)? };
        if hours.from >= hours.until {
            return Err(refuse(
                "Each piece of the schedule begins before it ends; one over midnight is two.",
            ));
        }
        Ok(hours)
    }
}

/// Minutes since midnight, as people write them.
pub fn time_of_day(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn minutes(text: &str) -> Result<u16> {
    let parts = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
    let number = |text: &str| text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse::<u16>().ok())?;
    let minutes = parts.and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)));
    let minutes = minutes.filter(|(_, minute)| *minute < 60).map(|(hour, minute)| hour * 60 + minute);
    let minutes = minutes.filter(|minutes| *minutes <= DAY);
    minutes.ok_or_else(|| refuse("Times of the day are written as 09:00, from 00:00 to 24:00."))
}

fn refuse(message: &str) -> crate::error::Error {
    Refusal::input("schedule", message).into()
}

/// A weekly schedule; at no time of the week if it is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = diesel::sql_types::Jsonb)]
pub struct Schedule(Vec<Hours>);

crate::json_column!(Schedule);

impl Schedule {
    /// Of these pieces, of which there is at least one.
    pub fn new(pieces: Vec<Hours>) -> Result<Self> {
        if pieces.is_empty() || pieces.len() > PIECES {
            return Err(refuse("A schedule has 1 to 50 pieces."));
        }
        Ok(Self(pieces))
    }

    /// The pieces.
    pub fn pieces(&self) -> &[Hours] {
        &self.0
    }

    /// Whether it holds at that moment.
    pub fn holds_at(&self, now: DateTime<Utc>, zone: Tz) -> bool {
        self.piece_at(now.with_timezone(&zone).naive_local()).is_some()
    }

    /// When it stops holding without a pause, if it holds at that moment; at the latest a week from then.
    pub fn end_after(&self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let mut end = now;
        for _ in 0..=self.0.len() {
            let local = end.with_timezone(&zone).naive_local();
            let Some(piece) = self.piece_at(local) else { break };
            let midnight = local.date().and_time(chrono::NaiveTime::MIN);
            end = moment(midnight + TimeDelta::minutes(piece.until.into()), zone, end);
            if end - now >= TimeDelta::days(7) {
                break;
            }
        }
        (end > now).then_some(end)
    }

    fn piece_at(&self, local: NaiveDateTime) -> Option<&Hours> {
        let minute = u16::try_from(local.hour() * 60 + local.minute()).ok()?;
        let weekday = usize::try_from(local.weekday().num_days_from_monday()).ok()?;
        let day = Day::ALL.get(weekday)?;
        let mut of_day = self.0.iter().filter(|piece| piece.day == *day);
        of_day.find(|piece| piece.from <= minute && minute < piece.until)
    }
}

/// The first moment after `after` at which clocks in the zone show that time or, where they are put forward, a later one.
fn moment(local: NaiveDateTime, zone: Tz, after: DateTime<Utc>) -> DateTime<Utc> {
    let shown = (0..24 * 60).find_map(|minutes| {
        match zone.from_local_datetime(&(local + TimeDelta::minutes(minutes))) {
            LocalResult::None => None,
            LocalResult::Single(at) => Some((at, at)),
            LocalResult::Ambiguous(first, second) => Some((first, second)),
        }
    });
    let Some((first, second)) = shown else { return local.and_utc() };
    let first = first.with_timezone(&Utc);
    if first > after { first } else { second.with_timezone(&Utc) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn office_hours() -> Schedule {
        let days = Day::ALL.iter().take(5);
        Schedule::new(days.map(|day| Hours::parse(*day, "09:00", "17:30").unwrap()).collect()).unwrap()
    }

    #[test]
    fn it_holds_by_the_clocks_of_the_firms_zone() {
        let (schedule, zone) = (office_hours(), chrono_tz::Europe::Berlin);
        for (moment, holds) in [
            ("2026-03-27T07:59:59Z", false),
            ("2026-03-27T08:00:00Z", true),
            ("2026-03-27T16:29:59Z", true),
            ("2026-03-27T16:30:00Z", false),
            ("2026-03-28T10:00:00Z", false),
            // Clocks were put forward in between.
            ("2026-03-30T07:00:00Z", true),
        ] {
            assert_eq!(schedule.holds_at(at(moment), zone), holds, "{moment}");
        }
        assert_eq!(schedule.end_after(at("2026-03-27T10:00:00Z"), zone), Some(at("2026-03-27T16:30:00Z")));
        assert_eq!(schedule.end_after(at("2026-03-27T17:00:00Z"), zone), None);
    }

    #[test]
    fn pieces_that_meet_at_midnight_are_one() {
        let piece = |day, from, until| Hours::parse(day, from, until).unwrap();
        let night =
            Schedule::new(vec![piece(Day::Monday, "22:00", "24:00"), piece(Day::Tuesday, "00:00", "06:00")])
                .unwrap();
        let end = night.end_after(at("2026-11-23T23:00:00Z"), chrono_tz::UTC);
        assert_eq!(end, Some(at("2026-11-24T06:00:00Z")));
        let always = Day::ALL.iter().map(|day| piece(*day, "00:00", "24:00")).collect();
        let end = Schedule::new(always).unwrap().end_after(at("2026-11-23T23:00:00Z"), chrono_tz::UTC);
        assert!(end.is_some_and(|end| end >= at("2026-11-30T23:00:00Z")));
    }

    #[test]
    fn what_is_no_time_of_the_day_is_refused() {
        for (from, until) in [
            ("9:00", "17:00"),
            ("09:60", "17:00"),
            ("09:00", "24:01"),
            ("09:00", "09:00"),
            ("17:00", "09:00"),
            ("", ""),
            ("+9:00", "10:00"),
            ("09.00", "10.00"),
            ("０9:00", "10:00"),
        ] {
            assert!(Hours::parse(Day::Monday, from, until).is_err(), "{from} {until}");
        }
        assert!(Schedule::new(Vec::new()).is_err());
    }

    proptest! {
        /// Whatever the schedule, the zone and its clock changes: the end is the first minute at which it does not hold.
        #[test]
        fn it_holds_until_its_end_and_not_at_it(
            pieces in prop::collection::vec((0usize..7, 0u16..48, 1u16..20), 1..8),
            minute in 0i64..(366 * 24 * 60),
            zone in prop::sample::select(vec![
                chrono_tz::Europe::Berlin, chrono_tz::America::New_York, chrono_tz::Australia::Lord_Howe,
                chrono_tz::Asia::Kathmandu, chrono_tz::America::Sao_Paulo,
            ]),
        ) {
            let pieces: Vec<_> = pieces.into_iter().map(|(day, from, length)| Hours {
                day: Day::ALL[day], from: from * 30, until: (from * 30 + length * 30).min(DAY),
            }).collect();
            let schedule = Schedule(pieces);
            let now = at("2026-01-01T00:00:00Z") + TimeDelta::minutes(minute);
            let walked = (0..7 * 24 * 60).map(|later| now + TimeDelta::minutes(later))
                .find(|moment| !schedule.holds_at(*moment, zone));
            match schedule.end_after(now, zone) {
                None => prop_assert_eq!(walked, Some(now)),
                Some(end) => prop_assert_eq!(walked.unwrap_or(end), end),
            }
        }
    }
}
