//! What the story tries next: drawn, with a fixed seed, from all that people may do.

use super::terms::{ACTIONS, Hours, Wanted};
use super::world::{Moment, PEOPLE, World};
use chrono::{Datelike, TimeDelta, Timelike};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A source of chances that a seed decides.
pub struct Chance(StdRng);

/// What somebody tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    Add,
    Update,
    Revoke,
    Decline,
    Resend,
    Start,
    Stop,
    EndOfMe,
    Look,
    LookAtMine,
    LookAtMenu,
    CreateCase,
    UpdateCase,
    PrintCase,
    UpdateClient,
    SignIn,
    SignOut,
    SignOutEverywhere,
    ChangePassword,
    SetActive,
    Sweep,
}

/// How often each is tried, as against the others.
const DEEDS: [(Deed, u32); 21] = [
    (Deed::Add, 8),
    (Deed::Update, 12),
    (Deed::Revoke, 3),
    (Deed::Decline, 2),
    (Deed::Resend, 2),
    (Deed::Start, 24),
    (Deed::Stop, 5),
    (Deed::EndOfMe, 5),
    (Deed::Look, 9),
    (Deed::LookAtMine, 7),
    (Deed::LookAtMenu, 4),
    (Deed::CreateCase, 4),
    (Deed::UpdateCase, 6),
    (Deed::PrintCase, 5),
    (Deed::UpdateClient, 5),
    (Deed::SignIn, 2),
    (Deed::SignOut, 2),
    (Deed::SignOutEverywhere, 1),
    (Deed::ChangePassword, 1),
    (Deed::SetActive, 2),
    (Deed::Sweep, 2),
];

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// True, so many times of a hundred.
    pub fn of_hundred(&mut self, times: u32) -> bool {
        self.0.random_range(0..100) < times
    }

    /// One of so many.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// A number of the range.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        self.0.random_range(from..to)
    }

    /// One of them, if there is one.
    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.below(of.len())]) }
    }

    pub fn deed(&mut self) -> Deed {
        let all: u32 = DEEDS.iter().map(|(_, weight)| weight).sum();
        let mut left = self.0.random_range(0..all);
        for (deed, weight) in DEEDS {
            if left < weight {
                return deed;
            }
            left -= weight;
        }
        Deed::Look
    }

    /// The next deed's moment: soon, later, or at one of the world's turning points.
    pub fn pause(&mut self, world: &World) -> Moment {
        let now = world.now;
        let micros = |from: i64, to: i64| (from * 1_000_000, to * 1_000_000);
        let (from, to) = match self.below(1000) {
            0..890 => micros(1, 20),
            890..920 => micros(60, 10 * 60),
            920..985 => {
                let soon = world.ends_of_running();
                let mut points =
                    if !soon.is_empty() && self.of_hundred(50) { soon } else { world.turning_points() };
                points.sort();
                points.truncate(if self.of_hundred(90) { 4 } else { usize::MAX });
                let at = self.one_of(&points).unwrap_or(now) + TimeDelta::microseconds(self.between(-1, 2));
                let far = at >= now + TimeDelta::minutes(20);
                if at >= now + TimeDelta::milliseconds(1) && (!far || self.of_hundred(25)) {
                    return at;
                }
                micros(1, 60)
            }
            985..991 => micros(30 * 60, 3 * 3600),
            991..994 => micros(3 * 3600, 20 * 3600),
            994..996 => micros(24 * 3600, 5 * 24 * 3600),
            _ => micros(1, 60),
        };
        now + TimeDelta::microseconds(self.between(from, to))
    }

    /// An address for a principal to add.
    pub fn address(&mut self) -> String {
        match self.below(20) {
            0..8 => PEOPLE[self.below(PEOPLE.len() - 1)].email.to_owned(),
            8..12 => PEOPLE[3].email.to_owned(),
            12..14 => PEOPLE[4].email.to_owned(),
            14..16 => "Bo@Harbour.example".to_owned(),
            16 => "BO@summit.example".to_owned(),
            _ => format!("new{}@else.example", self.below(4)),
        }
    }

    /// Terms that `principal` may ask for; `seldom` is how many of hundred times each of the limits is left out.
    pub fn terms(&mut self, principal: usize, now: Moment, seldom: u32) -> Wanted {
        let mut wanted = Wanted::default();
        if !self.of_hundred(seldom) {
            wanted.scope = Some(ACTIONS.into_iter().filter(|_| self.of_hundred(60)).collect());
        }
        if !self.of_hundred(seldom + 10) {
            wanted.from = Some(self.moment(now, 25));
        }
        if !self.of_hundred(seldom - 20) {
            wanted.until = Some(self.moment(now, 92));
        }
        if !self.of_hundred(seldom - 15) {
            wanted.hours = Some((!self.of_hundred(20)).then(|| self.hours(now)));
        }
        if !self.of_hundred(seldom) {
            wanted.clients = Some((!self.of_hundred(40)).then(|| self.clients(principal)));
        }
        if !self.of_hundred(seldom) {
            wanted.reason_required = Some(self.of_hundred(40));
        }
        wanted
    }

    /// None; or a moment, so many times of hundred one to come.
    fn moment(&mut self, now: Moment, to_come: u32) -> Option<Moment> {
        if self.of_hundred(40) {
            return None;
        }
        let minutes = match self.below(10) {
            0..5 => self.between(1, 45),
            5..8 => self.between(45, 240),
            _ => self.between(240, 4 * 24 * 60),
        };
        let away = TimeDelta::minutes(minutes) + TimeDelta::microseconds(self.between(0, 60_000_000));
        Some(if self.of_hundred(to_come) { now + away } else { now - away })
    }

    fn hours(&mut self, now: Moment) -> Vec<Hours> {
        let local = now.with_timezone(&chrono_tz::Europe::Berlin);
        let (today, minute) =
            (local.weekday().num_days_from_monday() as usize, local.hour() * 60 + local.minute());
        match self.below(20) {
            0 => Vec::new(),
            1..3 => (0..5).map(|day| Hours { day, from: 9 * 60, until: 17 * 60 + 30 }).collect(),
            3..6 => (0..7).map(|day| Hours { day, from: 0, until: 24 * 60 }).collect(),
            6..17 => {
                let until = (minute + 1 + self.below(100) as u32).min(24 * 60);
                let tonight = Hours { day: (today + 1) % 7, from: 0, until: 6 * 60 };
                vec![Hours { day: today, from: minute, until }, tonight]
            }
            _ => (0..=self.below(3)).map(|_| self.piece()).collect(),
        }
    }

    fn piece(&mut self) -> Hours {
        let from = self.below(24 * 60) as u32;
        Hours { day: self.below(7), from, until: (from + 1 + self.below(600) as u32).min(24 * 60) }
    }

    fn clients(&mut self, principal: usize) -> Vec<usize> {
        let own = PEOPLE[principal].clients;
        match self.below(20) {
            0 => Vec::new(),
            1 => vec![2, 3],
            _ => own.iter().copied().filter(|_| self.of_hundred(50)).chain(own.first().copied()).collect(),
        }
    }
}
