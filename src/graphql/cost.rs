//! What operations cost, and what a session can spend: a bucket that leaks full again.
//!
//! An operation's cost is its complexity: one point for each field, multiplied by the size of the page it is in. It is
//! known, and paid, before the operation runs; what it turns out not to need is given back.

use crate::config::Limits;
use crate::error::{Error, ErrorCode, Result};
use async_graphql::Value;
use dashmap::DashMap;
use serde::Serialize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What an answer says about its cost, in points.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// What the operation could have cost at most.
    pub requested: u32,
    /// What it cost.
    pub actual: u32,
    /// What the session can still spend at once.
    pub remaining: u32,
    /// How much comes back each second.
    pub restore_rate: u32,
}

/// The buckets of this node, by session or, without one, by network.
pub struct Buckets {
    limits: Arc<Limits>,
    levels: DashMap<String, (f64, Instant)>,
    swept: Mutex<Instant>,
}

/// Buckets that are full again are forgotten once there are this many.
const MANY: usize = 50_000;

impl Buckets {
    /// All of them full.
    pub fn new(limits: Arc<Limits>) -> Self {
        Self { limits, levels: DashMap::new(), swept: Mutex::new(Instant::now()) }
    }

    /// Spends points; `COST_EXCEEDED` with the seconds after which there are enough.
    pub fn spend(&self, whose: &str, points: u32) -> Result<u32> {
        self.change(whose, -f64::from(points)).map_err(|missing| {
            let seconds = (missing / f64::from(self.limits.cost_restore_rate.max(1))).ceil();
            Error::retry_after(ErrorCode::CostExceeded, seconds as u32)
        })
    }

    /// Gives points back.
    pub fn give_back(&self, whose: &str, points: u32) -> u32 {
        self.change(whose, f64::from(points)).unwrap_or_default()
    }

    /// Forgets the buckets that are full again; at most once a second, however many there are.
    fn sweep(&self, now: Instant) {
        let Ok(mut swept) = self.swept.try_lock() else { return };
        if now.duration_since(*swept) >= Duration::from_secs(1) {
            *swept = now;
            let refill = f64::from(self.limits.cost_bucket) / f64::from(self.limits.cost_restore_rate.max(1));
            self.levels.retain(|_, (_, at)| now.duration_since(*at).as_secs_f64() < refill);
        }
    }

    /// What is there after the change, or what is missing for it.
    fn change(&self, whose: &str, points: f64) -> Result<u32, f64> {
        let (full, now) = (f64::from(self.limits.cost_bucket), Instant::now());
        if self.levels.len() > MANY {
            self.sweep(now);
        }
        let mut bucket = self.levels.entry(whose.to_owned()).or_insert((full, now));
        let restored = now.duration_since(bucket.1).as_secs_f64() * f64::from(self.limits.cost_restore_rate);
        let level = (bucket.0 + restored).min(full);
        let after = level + points;
        *bucket = (if after < 0.0 { level } else { after.min(full) }, now);
        if after < 0.0 { Err(-after) } else { Ok(after.min(full) as u32) }
    }
}

/// What an answer's data cost: a point for each field that is there.
pub fn fields(value: &Value) -> u32 {
    match value {
        Value::Object(object) => {
            object.values().map(|value| fields(value).saturating_add(1)).fold(0, u32::saturating_add)
        }
        Value::List(list) => list.iter().map(fields).fold(0, u32::saturating_add),
        _ => 0,
    }
}
