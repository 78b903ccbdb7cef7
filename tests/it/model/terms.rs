//! The terms of a delegation, as the design has them.

use super::world::{CLIENTS, Moment};
use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use serde_json::{Value, json};

/// What can be granted, in the order in which it is shown.
pub const ACTIONS: [&str; 4] = ["VIEW", "EDIT", "PRINT", "SHARE"];
const DAYS: [&str; 7] = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];

/// A piece of a day of the week, in minutes since midnight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hours {
    pub day: usize,
    pub from: u32,
    pub until: u32,
}

/// What a delegation is limited to.
#[derive(Clone, Debug)]
pub struct Terms {
    pub scope: Vec<&'static str>,
    pub from: Moment,
    pub until: Option<Moment>,
    pub hours: Option<Vec<Hours>>,
    pub clients: Option<Vec<usize>>,
    pub reason_required: bool,
}

/// Terms as they are asked for; what is `None` is left out.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub scope: Option<Vec<&'static str>>,
    pub from: Option<Option<Moment>>,
    pub until: Option<Option<Moment>>,
    pub hours: Option<Option<Vec<Hours>>>,
    pub clients: Option<Option<Vec<usize>>>,
    pub reason_required: Option<bool>,
}

/// The hour and the day that clocks in the firms' zone show.
fn shown(at: Moment) -> (usize, u32) {
    let local = at.with_timezone(&chrono_tz::Europe::Berlin);
    (local.weekday().num_days_from_monday() as usize, local.hour() * 60 + local.minute())
}

/// Whether it is one of the hours, at that moment.
pub fn within(hours: &[Hours], at: Moment) -> bool {
    let (day, minute) = shown(at);
    hours.iter().any(|piece| piece.day == day && piece.from <= minute && minute < piece.until)
}

/// The next full minute from `from` on, and before `until`, at which the hours begin or end.
pub fn next_change(hours: &[Hours], from: Moment, until: Moment) -> Option<Moment> {
    let before = within(hours, from);
    let minute = DateTime::<Utc>::from_timestamp(from.timestamp() / 60 * 60, 0).unwrap();
    let mut minutes = (1..).map(|n| minute + TimeDelta::minutes(n)).take_while(|at| *at < until);
    minutes.find(|at| within(hours, *at) != before)
}

fn with_view(scope: &[&'static str]) -> Vec<&'static str> {
    ACTIONS.into_iter().filter(|action| *action == "VIEW" || scope.contains(action)).collect()
}

impl Wanted {
    /// What becomes of terms, those that were granted at `given`, if this is asked for.
    pub fn applied_to(&self, terms: &Terms, given: Moment) -> Terms {
        let Terms { scope, from, until, hours, clients, reason_required } = terms.clone();
        Terms {
            scope: self.scope.as_deref().map_or(scope, with_view),
            from: self.from.map_or(from, |from| from.unwrap_or(given)),
            until: self.until.unwrap_or(until),
            hours: self.hours.clone().unwrap_or(hours),
            clients: self.clients.clone().unwrap_or(clients),
            reason_required: self.reason_required.unwrap_or(reason_required),
        }
    }

    /// Why this cannot be asked for, whoever asks: something is listed, and nothing is in the list.
    pub fn is_malformed(&self) -> bool {
        matches!(&self.hours, Some(Some(hours)) if hours.is_empty())
            || matches!(&self.clients, Some(Some(clients)) if clients.is_empty())
    }

    /// As an input has it.
    pub fn json(&self, ids: &[String]) -> Value {
        let mut input = serde_json::Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            value.map(|value| input.insert(name.to_owned(), value));
        };
        let time = |at: Option<Moment>| json!(at.map(|at| at.to_rfc3339()));
        put("scope", self.scope.as_ref().map(|scope| json!(scope)));
        put("validFrom", self.from.map(time));
        put("validUntil", self.until.map(time));
        put("schedule", self.hours.as_ref().map(|hours| hours_json(hours.as_deref())));
        let listed = |clients: &Vec<usize>| clients.iter().map(|n| ids[*n].clone()).collect::<Vec<_>>();
        put("clients", self.clients.as_ref().map(|clients| json!(clients.as_ref().map(listed))));
        put("reasonRequired", self.reason_required.map(Value::from));
        Value::Object(input)
    }
}

impl Terms {
    /// Terms without any limit, from a moment on.
    pub fn usual(from: Moment) -> Self {
        let scope = vec!["VIEW", "EDIT", "PRINT"];
        Self { scope, from, until: None, hours: None, clients: None, reason_required: false }
    }

    /// Whether they begin after they end, or end before `now`.
    pub fn are_over_before_they_begin(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| until <= self.from || until <= now)
    }

    /// Whether they let the delegate act at that moment.
    pub fn hold_at(&self, at: Moment) -> bool {
        self.from <= at
            && self.until.is_none_or(|until| at < until)
            && self.hours.as_ref().is_none_or(|hours| within(hours, at))
    }

    /// As an answer shows them.
    pub fn json(&self) -> Value {
        let mut clients = self.clients.clone();
        clients.iter_mut().for_each(|clients| {
            clients.sort();
            clients.dedup();
        });
        let named = |clients: Vec<usize>| {
            clients.into_iter().map(|n| json!({ "name": CLIENTS[n] })).collect::<Vec<_>>()
        };
        json!({
            "scope": self.scope,
            "validFrom": self.from.to_rfc3339(),
            "validUntil": self.until.map(|at| at.to_rfc3339()),
            "schedule": hours_json(self.hours.as_deref()),
            "allClients": clients.is_none(),
            "onlyClients": clients.map(named),
            "reasonRequired": self.reason_required,
        })
    }
}

fn hours_json(hours: Option<&[Hours]>) -> Value {
    let time = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let piece = |piece: &Hours| json!({ "day": DAYS[piece.day], "from": time(piece.from), "until": time(piece.until) });
    json!(hours.map(|hours| hours.iter().map(piece).collect::<Vec<_>>()))
}
