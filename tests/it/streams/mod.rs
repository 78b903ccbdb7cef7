//! What is followed: nothing is missed, in order, over a WebSocket and as an event stream, and no longer than the right to
//! it lasts.

pub mod event_stream;
mod feed;
mod hub;
mod rights;
mod socket;
mod subscriber;

use crate::support::{Actor, TestApp};
use locum::config::Config;

/// Does something of which Ana hears.
async fn something(ana: &Actor, round: usize) {
    let added = ana.add_back_office_user(&format!("round{round}@else.example")).await;
    ana.revoke(&added.text("/data/addBackOfficeUser/delegation/id")).await;
}

/// How far the log has come.
async fn head(app: &TestApp) -> i64 {
    app.count(
        "select max(position) from event_heads h join firms f on f.id = h.firm_id where slug = 'harbour'",
    )
    .await
}

/// Lets so many events happen of which Ana hears, each with so many bytes more than it needs.
async fn fill(app: &TestApp, count: usize, bytes: usize) {
    app.sql(&format!(
        "select append_events(f.id, (select jsonb_agg(jsonb_build_object('id', gen_random_uuid(), 'type', 'CaseCreated',
           'occurred_at', now(), 'actor_kind', 'OPERATOR', 'subjects', '[]'::jsonb,
           'payload', jsonb_build_object('n', n, 'x', repeat('x', {bytes})), 'audience', jsonb_build_array(u.id),
           'audience_capabilities', '[]'::jsonb, 'mails', '[]'::jsonb))
           from generate_series(1, {count}) as n))
         from firms f join users u on u.firm_id = f.id where f.slug = 'harbour' and u.handle = 'ana'"
    ))
    .await;
}

/// One person may do much.
fn patient(config: &mut Config) {
    config.limits.cost_bucket = 1_000_000;
    config.limits.mails_per_actor_per_hour = 100_000;
    config.limits.sign_ins_per_minute = 1_000;
}
