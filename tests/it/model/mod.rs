//! People do whatever they can think of, at any time of the week, and the service does what a plain model of the design
//! says: 10,000 steps, each one drawn by chance, and each answer compared.
//!
//! A run that finds a difference says the seed and the last steps; `TEST_SEED=… bin/test model` repeats it.

mod chance;
mod driver;
mod terms;
mod world;

use crate::support::seed;
use chrono::{DateTime, Utc};
use driver::Story;

/// So many steps of each story.
const STEPS: usize = 2_500;

async fn agrees(usual: u64, from: &str) {
    let from: DateTime<Utc> = from.parse().unwrap();
    let mut story = Story::begin(seed(usual), from).await;
    for _ in 0..STEPS {
        story.step().await;
    }
    story.finish().await;
}

#[tokio::test]
async fn it_does_what_the_model_says_before_clocks_are_put_forward() {
    agrees(1, "2031-03-27T06:00:00Z").await;
}

#[tokio::test]
async fn it_does_what_the_model_says_before_clocks_are_put_back() {
    agrees(2, "2031-10-23T16:00:00Z").await;
}

#[tokio::test]
async fn it_does_what_the_model_says_at_the_turn_of_the_year() {
    agrees(3, "2031-12-30T09:00:00Z").await;
}

#[tokio::test]
async fn it_does_what_the_model_says_in_february_of_a_leap_year() {
    agrees(4, "2032-02-27T20:00:00Z").await;
}
