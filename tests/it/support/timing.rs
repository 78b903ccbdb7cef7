//! Whether two kinds of requests can be told apart by the time they take.

use std::time::Duration;

/// How many pairs are compared: enough to see a difference that matters. `TEST_PAIRS=1000 bin/test` looks closer.
#[expect(clippy::disallowed_methods, reason = "a setting of the test run")]
fn pairs() -> usize {
    std::env::var("TEST_PAIRS").ok().and_then(|pairs| pairs.parse().ok()).unwrap_or(300)
}

/// Compares so many pairs as the test run wants; fails if time tells the two kinds apart.
pub async fn assert_same_time(
    what: &str,
    one: impl AsyncFn(usize) -> Duration,
    other: impl AsyncFn(usize) -> Duration,
) {
    let auc = told_apart(pairs(), one, other).await;
    println!("{what}: AUC {auc:.3}");
    assert!((auc - 0.5).abs() < 0.1, "{what}: time tells, AUC {auc}");
}

/// The chance that a request of the one kind takes longer than one of the other (the rank-sum AUC): 0.5 if time
/// tells nothing. The two kinds take turns at going first.
pub async fn told_apart(
    pairs: usize,
    one: impl AsyncFn(usize) -> Duration,
    other: impl AsyncFn(usize) -> Duration,
) -> f64 {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        if pair % 2 == 0 {
            ones.push(one(pair).await);
            others.push(other(pair).await);
        } else {
            others.push(other(pair).await);
            ones.push(one(pair).await);
        }
    }
    let wins = |a: &Duration| {
        others
            .iter()
            .map(|b| {
                if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                }
            })
            .sum::<f64>()
    };
    ones.iter().map(wins).sum::<f64>() / (pairs * pairs) as f64
}
