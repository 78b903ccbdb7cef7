//! What stories are told with: a house of one's own, people in it, and the mails that arrive.

mod account;
mod acting;
mod actor;
mod app;
mod clock;
mod database;
pub mod program;
pub mod receiver;
pub mod smtp;
pub mod socket;
mod timing;
mod workgroups;

pub use actor::{Actor, Answer, stranger};
pub use app::{PASSPHRASE, TestApp, app, app_with, eventually};
pub use clock::ManualClock;
pub use database::Database;
pub use program::Program;
pub use timing::{assert_same_time, told_apart};

/// The seed of the stories, if the test run sets another one.
#[expect(clippy::disallowed_methods, reason = "a setting of the test run")]
pub fn seed(usual: u64) -> u64 {
    std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(usual)
}
