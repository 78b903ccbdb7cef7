//! What is followed: nothing is missed, in order, over a WebSocket and as an event stream, and no longer than the right to
//! it lasts.

mod event_stream;
mod feed;
mod hub;
mod rights;
mod socket;
mod subscriber;

use crate::support::Actor;
use locum::config::Config;

/// Does something of which Ana hears.
async fn something(ana: &Actor, round: usize) {
    let added = ana.add_back_office_user(&format!("round{round}@else.example")).await;
    ana.revoke(&added.text("/data/addBackOfficeUser/delegation/id")).await;
}

/// One person may do much.
fn patient(config: &mut Config) {
    config.limits.cost_bucket = 1_000_000;
    config.limits.mails_per_actor_per_hour = 100_000;
    config.limits.sign_ins_per_minute = 1_000;
}
