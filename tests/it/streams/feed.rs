//! Nothing is missed, nothing comes out of order.

use super::{fill, head, patient, something};
use crate::support::socket::Socket;
use crate::support::{Actor, Answer, TestApp, app, app_with};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use locum::defaults::Patience;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What Ana hears of by the table, in its order, behind a position.
async fn table(app: &TestApp, behind: i64) -> Vec<String> {
    let rows = app.database.client().await;
    let rows = rows
        .query(
            "select e.id::text from events e join event_audience r on r.firm_id = e.firm_id and r.position = e.position
             join users u on u.firm_id = r.firm_id and u.id = r.recipient_id
             where u.handle = 'ana' and u.email like '%harbour%' and e.position > $1 order by e.position",
            &[&behind],
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn id_of(event: &Value) -> String {
    let (_, id) = locum::id::decode(event["id"].as_str().unwrap()).unwrap();
    id.to_string()
}

fn position(cursor: &str) -> i64 {
    i64::from_be_bytes(URL_SAFE_NO_PAD.decode(cursor).unwrap().try_into().unwrap())
}

#[tokio::test]
async fn nothing_is_missed_across_reconnections_while_others_write() {
    let app = app_with(patient).await;
    let (ana, sam) = (app.actor("ana").await, app.actor("sam").await);
    let behind = head(&app).await;
    let mut socket = Socket::of(&ana).await;
    let mut cursor = socket.follow(None).await;
    let writers = async {
        let by_ana = async {
            for round in 0..40 {
                something(&ana, round).await;
            }
        };
        let by_sam = async {
            for round in 0..40 {
                sam.invite(&format!("new{round}"), &format!("new{round}@harbour.example"), json!({})).await;
            }
        };
        tokio::join!(by_ana, by_sam)
    };
    let reader = async {
        let (mut seen, mut round) = (Vec::<String>::new(), 0u64);
        while seen.len() < 80 {
            round += 1;
            // Hangs up in the middle of it, after some events.
            for _ in 0..1 + round * 7 % 13 {
                if seen.len() == 80 {
                    break;
                }
                let event = socket.event().await;
                cursor = event["cursor"].as_str().unwrap().to_owned();
                seen.push(id_of(&event));
            }
            socket = Socket::of(&ana).await;
            socket.follow(Some(&cursor)).await;
        }
        seen
    };
    let (_, seen) = tokio::join!(writers, reader);
    // Mails that went out meanwhile come behind.
    assert_eq!(seen, table(&app, behind).await[..seen.len()]);
}

#[tokio::test]
async fn who_is_far_behind_reads_the_table_and_catches_up() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let behind = head(&app).await;
    let mut along = Socket::of(&ana).await;
    let cursor = along.follow(None).await;
    // More than is kept for those who keep up.
    fill(&app, 700, 0).await;
    something(&ana, 0).await;
    let mut resumed = Socket::of(&ana).await;
    resumed.follow(Some(&cursor)).await;
    let expected = table(&app, behind).await;
    assert_eq!(expected.len(), 702);
    for socket in [&mut along, &mut resumed] {
        let mut seen = Vec::new();
        while seen.len() < expected.len() {
            seen.push(id_of(&socket.event().await));
        }
        assert_eq!(seen, expected);
    }
    let caught_up = resumed.item().await;
    assert_eq!(caught_up["__typename"], "Checkpoint");
    let mut empty = Socket::of(&ana).await;
    empty.follow(Some(caught_up["cursor"].as_str().unwrap())).await;
    assert_eq!(empty.item().await["__typename"], "Checkpoint", "and at once where nothing was missed");
}

/// It says how far the log has come, also by what concerns others.
#[tokio::test]
async fn a_checkpoint_comes_each_while_also_when_nothing_happens() {
    assert_eq!(Patience::default().checkpoint, Duration::from_secs(15));
    let app = app_with(|config| config.patience.checkpoint = Duration::from_secs(1)).await;
    let (ana, sam) = (app.actor("ana").await, app.actor("sam").await);
    let mut socket = Socket::of(&ana).await;
    let first = socket.follow(None).await;
    let started = Instant::now();
    something(&sam, 0).await;
    let last = head(&app).await;
    let second = socket.item().await;
    assert_eq!(second["__typename"], "Checkpoint");
    assert!(position(&first) < last && last <= position(second["cursor"].as_str().unwrap()), "{second}");
    assert!((0.8..3.0).contains(&started.elapsed().as_secs_f64()), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_cursor_that_is_too_old_is_refused_with_the_one_to_begin_behind() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let cursor = Socket::of(&ana).await.follow(None).await;
    something(&ana, 0).await;
    app.clock.advance(TimeDelta::days(91));
    let ana = app.actor("ana").await;
    something(&ana, 1).await;
    let mut socket = Socket::of(&ana).await;
    socket.follow(Some(&cursor)).await;
    let refused = socket.hear().await.unwrap();
    let error = refused.pointer("/payload/0").or(refused.pointer("/payload/errors/0")).unwrap().clone();
    assert_eq!(error["extensions"]["code"], "CURSOR_EXPIRED", "{refused}");
    let earliest = error["extensions"]["earliestCursor"].as_str().unwrap().to_owned();
    socket.closed_operation("feed").await;
    socket.follow(Some(&earliest)).await;
    assert_eq!(socket.event().await["type"], "DelegationCreated");
    assert_eq!(socket.event().await["type"], "DelegationRevoked");
    assert_eq!(socket.item().await["__typename"], "Checkpoint");
    // A cursor that this log has not reached is none.
    let beyond = URL_SAFE_NO_PAD.encode(9_999_999i64.to_be_bytes());
    let mut socket = Socket::of(&ana).await;
    socket.follow(Some(&beyond)).await;
    let refused = socket.hear().await.unwrap();
    let error = refused.pointer("/payload/0").or(refused.pointer("/payload/errors/0")).unwrap();
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
}

/// Abuse case 25: a filter only takes away, and nobody can ask for what another hears of.
#[tokio::test]
async fn abuse_25_a_filter_only_takes_away() {
    let app = app().await;
    let (ana, ben, bo) = (app.actor("ana").await, app.actor("ben").await, app.actor("bo").await);
    let filtered = "subscription ($filter: EventFilter) { events(filter: $filter) { __typename ... on Event { type subjects } } }";
    let ana_id = ana.send("{ viewer { user { id } } }", json!({})).await.text("/data/viewer/user/id");
    let delegation = ana.granted("bo@harbour.example", json!({})).await;
    let started = bo.start(&delegation, "READ_ONLY").await;
    let impersonation = started.text("/data/startImpersonation/impersonation/id");
    let mut by_type = Socket::of(&ana).await;
    by_type.subscribe("1", filtered, json!({ "filter": { "types": ["DelegationRevoked"] } })).await;
    by_type.item().await;
    // Ben names all that Ana hears of, in every way there is.
    let mut of_another = Socket::of(&ben).await;
    let filters = [
        json!({ "subjects": [ana_id, delegation, impersonation] }),
        json!({ "impersonation": impersonation }),
        json!({ "types": ["DelegationCreated", "DelegationRevoked", "ImpersonationEnded"] }),
        json!({}),
    ];
    for (id, filter) in filters.into_iter().enumerate() {
        of_another.subscribe(&id.to_string(), filtered, json!({ "filter": filter })).await;
        of_another.item().await;
    }
    ana.revoke(&delegation).await;
    something(&ana, 0).await;
    for _ in 0..2 {
        let event = by_type.event().await;
        assert_eq!(event["type"], "DelegationRevoked");
        assert!(event["subjects"].as_array().unwrap().contains(&json!(ana_id)), "{event}");
    }
    assert!(of_another.hear_within(Duration::from_secs(1)).await.is_none(), "not in Ben's audience");
    // There is no argument that says whose.
    for (arguments, code) in
        [(r#"userId: "x""#, "GRAPHQL_VALIDATION_FAILED"), (r#"filter: { recipient: "x" }"#, "BAD_USER_INPUT")]
    {
        let query = format!("subscription {{ events({arguments}) {{ __typename }} }}");
        let mut socket = Socket::of(&ben).await;
        socket.subscribe("1", &query, json!({})).await;
        let refused = socket.hear().await.unwrap();
        assert_eq!(refused["payload"][0]["extensions"]["code"], code, "{refused}");
    }
}

/// The log in pages knows the same filter as the log that is followed.
#[tokio::test]
async fn a_page_of_the_log_is_filtered_as_a_stream_is() {
    let app = app_with(patient).await;
    let (ana, ben, bo) = (app.actor("ana").await, app.actor("ben").await, app.actor("bo").await);
    let began = ana.send("{ events(last: 1) { edges { cursor } } }", json!({})).await;
    let began = began.at("/data/events/edges/0/cursor").clone();
    let delegation = ana.granted("bo@harbour.example", json!({})).await;
    let started = bo.start(&delegation, "READ_ONLY").await;
    let impersonation = started.text("/data/startImpersonation/impersonation/id");
    bo.send("{ clients(first: 1) { edges { node { name } } } }", json!({})).await;
    ana.revoke(&delegation).await;
    something(&ana, 0).await;
    let pages = "query ($after: String, $first: Int, $filter: EventFilter) {
        events(after: $after, first: $first, filter: $filter) { pageInfo { hasNextPage endCursor } edges { node { type cursor } } } }";
    let read = async |who: &Actor, filter: &Value, after: &Value, first: i32| {
        who.send(pages, json!({ "after": after, "first": first, "filter": filter })).await
    };
    let nodes = |page: &Answer| -> Vec<Value> {
        page.at("/data/events/edges").as_array().unwrap().iter().map(|edge| edge["node"].clone()).collect()
    };
    let all = read(&ana, &json!(null), &began, 100).await;
    let ana_id = ana.send("{ viewer { user { id } } }", json!({})).await.text("/data/viewer/user/id");
    for (filter, least) in [
        (json!({}), 6),
        (json!({ "types": ["DelegationRevoked"] }), 2),
        (json!({ "types": [] }), 0),
        (json!({ "subjects": [delegation] }), 2),
        (
            json!({ "subjects": [delegation, ana_id], "types": ["DelegationRevoked", "ImpersonationEnded"] }),
            2,
        ),
        (json!({ "subjects": ["x"] }), 0),
        (json!({ "impersonation": impersonation }), 3),
        (json!({ "impersonation": "x" }), 0),
    ] {
        let page = read(&ana, &filter, &began, 100).await;
        let found = nodes(&page);
        assert!(found.len() >= least && (least > 0 || found.is_empty()), "{filter}: {found:?}");
        assert_eq!(page.statements(), all.statements(), "{filter}");
        // Followed, it is the same.
        let mut socket = Socket::of(&ana).await;
        let query = "subscription ($after: String, $filter: EventFilter) {
            events(after: $after, filter: $filter) { __typename ... on Event { type cursor } } }";
        socket.subscribe("1", query, json!({ "after": began, "filter": filter })).await;
        let mut followed = Vec::new();
        loop {
            let mut item = socket.item().await;
            if item["__typename"] == "Checkpoint" {
                break;
            }
            item.as_object_mut().unwrap().remove("__typename");
            followed.push(item);
        }
        assert_eq!(found, followed, "{filter}");
        // In small pages too.
        let (mut small, mut after) = (Vec::new(), began.clone());
        loop {
            let page = read(&ana, &filter, &after, 1).await;
            small.extend(nodes(&page));
            if page.at("/data/events/pageInfo/hasNextPage") != &json!(true) {
                break;
            }
            after = page.at("/data/events/pageInfo/endCursor").clone();
        }
        assert_eq!(found, small, "{filter}");
        assert_eq!(
            nodes(&read(&ben, &filter, &json!(null), 100).await)
                .iter()
                .filter(|node| found.contains(node))
                .count(),
            0
        );
    }
    // What a filter lists is kept as long as a stream lives.
    let long = json!({ "subjects": vec!["x"; 251] });
    assert_eq!(read(&ana, &long, &began, 1).await.code().as_deref(), Some("BAD_USER_INPUT"));
    let mut socket = Socket::of(&ana).await;
    let query = "subscription ($filter: EventFilter) { events(filter: $filter) { __typename } }";
    socket.subscribe("1", query, json!({ "filter": long })).await;
    let refused = socket.hear().await.unwrap();
    let error = refused.pointer("/payload/0").or(refused.pointer("/payload/errors/0")).unwrap();
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{refused}");
}

/// One read serves all who follow a firm on a node.
#[tokio::test]
async fn an_event_is_read_once_for_all() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = Socket::of(&ana).await;
        socket.follow(None).await;
        sockets.push(socket);
    }
    let reads = "select coalesce(sum(idx_scan), 0)::bigint from pg_stat_user_indexes where indexrelname = 'event_audience_of_event'";
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let before = app.count(reads).await;
    for round in 0..3 {
        something(&ana, round).await;
    }
    for socket in &mut sockets {
        for _ in 0..6 {
            socket.event().await;
        }
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let scans = app.count(reads).await - before;
    assert!(scans <= 12, "the audience of six events was looked up {scans} times for 20 sockets");
}
