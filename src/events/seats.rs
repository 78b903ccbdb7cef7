//! Who is connected to this node, and whether that by which they were let in still holds.
//!
//! A long-lived connection takes a [`Seat`]. When the rights of its user may have changed, the seat is in *doubt* in the
//! same moment, and nothing is delivered to it until somebody has judged it anew: it is good again, or over for good.

use crate::caller::UserKey;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// Whether a connection may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Good,
    /// It has to be judged before anything is delivered.
    Doubt,
    Over,
}

/// By what a connection was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub actor: UserKey,
    /// Of the session's token.
    pub token_hash: Vec<u8>,
    /// The impersonation that the session was in, and whether it still ran.
    pub impersonation: Option<(Uuid, bool)>,
}

/// A ticket to be judged; `doubts` tells whether there were further doubts meanwhile.
#[derive(Clone, Debug)]
pub struct Doubtful {
    pub seat: u64,
    pub ticket: Ticket,
    doubts: u64,
}

struct Taken {
    ticket: Ticket,
    /// When it is over if nothing happens.
    until: DateTime<Utc>,
    doubts: u64,
    standing: watch::Sender<Standing>,
}

/// All seats of the node.
#[derive(Clone, Default)]
pub struct Seats(Arc<Inner>);

#[derive(Default)]
struct Inner {
    taken: Mutex<HashMap<u64, Taken>>,
    next: AtomicU64,
    doubted: Notify,
}

/// A connection's seat; free again when dropped.
pub struct Seat {
    id: u64,
    seats: Seats,
    standing: watch::Receiver<Standing>,
}

impl Seats {
    /// Takes a seat. It is in doubt at first: since the ticket was looked at, its rights may have changed.
    pub fn take(&self, ticket: Ticket) -> Seat {
        let (sender, standing) = watch::channel(Standing::Doubt);
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let taken = Taken { ticket, until: DateTime::<Utc>::MIN_UTC, doubts: 1, standing: sender };
        self.taken().insert(id, taken);
        self.0.doubted.notify_one();
        Seat { id, seats: self.clone(), standing }
    }

    /// How many are taken.
    pub fn count(&self) -> usize {
        self.taken().len()
    }

    /// Doubts the seats of a user.
    pub fn doubt(&self, user: UserKey) {
        self.doubt_if(|taken| taken.ticket.actor == user);
    }

    /// Doubts all seats.
    pub fn doubt_all(&self) {
        self.doubt_if(|_| true);
    }

    /// Doubts those whose time is over by the clock.
    pub fn doubt_overdue(&self, now: DateTime<Utc>) {
        self.doubt_if(|taken| taken.until <= now && *taken.standing.borrow() == Standing::Good);
    }

    fn doubt_if(&self, which: impl Fn(&Taken) -> bool) {
        let mut some = false;
        for taken in self.taken().values_mut().filter(|taken| which(taken)) {
            taken.doubts += 1;
            taken.standing.send_if_modified(|standing| {
                let good = *standing == Standing::Good;
                if good {
                    *standing = Standing::Doubt;
                }
                good
            });
            some = true;
        }
        if some {
            self.0.doubted.notify_one();
        }
    }

    /// Waits until there is a doubt.
    pub async fn doubted(&self) {
        self.0.doubted.notified().await;
    }

    /// All that are in doubt; with `all`, the good ones too.
    pub fn doubtful(&self, all: bool) -> Vec<Doubtful> {
        let taken = self.taken();
        let to_judge = taken.iter().filter(|(_, taken)| match *taken.standing.borrow() {
            Standing::Doubt => true,
            Standing::Good => all,
            Standing::Over => false,
        });
        let doubtful = |(seat, taken): (&u64, &Taken)| Doubtful {
            seat: *seat,
            ticket: taken.ticket.clone(),
            doubts: taken.doubts,
        };
        to_judge.map(doubtful).collect()
    }

    /// Says what a seat is worth: good until a moment, or over.
    pub fn judged(&self, doubtful: &Doubtful, good_until: Option<DateTime<Utc>>) {
        let mut taken = self.taken();
        let Some(taken) = taken.get_mut(&doubtful.seat) else { return };
        match good_until {
            // A further doubt is newer than this judgement.
            Some(_) if taken.doubts != doubtful.doubts => {}
            Some(until) => {
                taken.until = until;
                taken.standing.send_if_modified(|standing| {
                    std::mem::replace(standing, Standing::Good) != Standing::Good
                });
            }
            None => {
                taken.standing.send_replace(Standing::Over);
            }
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u64, Taken>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Waits until it is another than it was when this was called last.
    pub async fn changed(&mut self) {
        let _ = self.standing.changed().await;
    }

    /// Waits until it is over.
    pub async fn over(&mut self) {
        let _ = self.standing.wait_for(|standing| *standing == Standing::Over).await;
    }

    /// As it is at this moment.
    pub fn standing(&self) -> Standing {
        *self.standing.borrow()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().remove(&self.id);
    }
}
