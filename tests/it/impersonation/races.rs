//! Many at once. I17, abuse 6.

use super::{clients, code, end_reason, grant, running, two_principals};
use crate::support::app_with;
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test]
async fn i17_of_two_starts_at_once_one_is_left() {
    let app = app_with(|config| config.limits.cost_bucket = 1_000_000).await;
    let (bo, for_ana, for_ben) = two_principals(&app).await;
    for round in 0..60 {
        let starts = [&for_ana, &for_ben, &for_ana].map(|delegation| bo.start(delegation, "READ_ONLY"));
        let codes: Vec<_> = join_all(starts).await.iter().map(code).collect();
        assert_eq!((codes, running(&app).await), (vec![String::new(); 3], 1), "round {round}");
        let seen = bo
            .send("{ viewer { user { handle } impersonation { principal { handle } endedAt } } }", json!({}))
            .await;
        assert_eq!(
            seen.at("/data/viewer/user"),
            seen.at("/data/viewer/impersonation/principal"),
            "round {round}"
        );
        if round % 3 == 0 {
            let stops: Vec<_> = join_all([bo.stop(), bo.stop()]).await.iter().map(code).collect();
            assert!(
                stops.contains(&String::new()) && stops.contains(&"NOT_FOUND".to_owned()),
                "round {round}: {stops:?}"
            );
            assert_eq!(running(&app).await, 0);
        }
    }
    let switched = app.count("select count(*) from impersonations where end_reason = 'SWITCHED'").await;
    let ended = app.count("select count(*) from events where type = 'ImpersonationEnded' and payload ->> 'endReason' = 'SWITCHED'").await;
    assert_eq!(switched, ended, "each end is in the log");
}

#[tokio::test]
async fn abuse_6_a_start_against_a_revocation_never_leaves_a_running_one() {
    let app = app_with(|config| {
        config.limits.mails_per_actor_per_hour = 100_000;
        config.limits.cost_bucket = 1_000_000;
    })
    .await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    for round in 0..80 {
        let delegation = grant(&ana, "bo@harbour.example", &["VIEW"]).await;
        let (started, revoked, read) =
            tokio::join!(bo.start(&delegation, "READ_ONLY"), ana.revoke(&delegation), clients(&bo));
        assert_eq!(revoked.code(), None, "round {round}");
        assert!(
            matches!(code(&started).as_str(), "" | "DELEGATION_NOT_ACTIVE"),
            "round {round}: {}",
            started.json
        );
        assert!(matches!(code(&read).as_str(), "" | "IMPERSONATION_ENDED"), "round {round}: {}", read.json);
        let ghosts = "select count(*) from impersonations i join delegations d on d.id = i.delegation_id
             where i.ended_at is null and d.ended_at is not null";
        assert_eq!(app.count(ghosts).await, 0, "round {round}");
        let after = clients(&bo).await;
        if started.code().is_none() {
            assert_eq!(code(&after), "IMPERSONATION_ENDED", "round {round}: it began after the revocation");
            assert_eq!(end_reason(&bo).await, "REVOKED");
        } else {
            assert_eq!(after.at("/data/clients/edges"), &json!([]), "round {round}");
        }
    }
}

#[tokio::test]
async fn requests_of_one_session_at_once_do_not_wait_for_each_other_in_a_circle() {
    let app = app_with(|config| config.limits.cost_bucket = 1_000_000).await;
    let (bo, for_ana, for_ben) = two_principals(&app).await;
    bo.start(&for_ana, "READ_ONLY").await;
    for round in 0..50 {
        // From a minute on, each use is noted.
        app.clock.advance(TimeDelta::seconds(61));
        let next = if round % 2 == 0 { &for_ben } else { &for_ana };
        let requests = (0..8).map(|n| {
            let bo = bo.clone();
            async move { if n % 4 == 0 { bo.start(next, "READ_ONLY").await } else { clients(&bo).await } }
        });
        let codes: Vec<_> = join_all(requests).await.iter().map(code).collect();
        assert_eq!(codes, vec![String::new(); 8], "round {round}");
    }
}
