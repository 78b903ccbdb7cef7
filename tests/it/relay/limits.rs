//! Who gets no mail, or no more of them.

use super::house::{House, a_firm, grant, person, record, revoke, token_of, wrong};
use anyhow::{Context, Result};
use chrono::TimeDelta;
use futures_util::future::join_all;
use locum::caller::Kind;
use locum::config::Limits;
use locum::db::migrations;
use locum::domain::impersonation;
use locum::error::ErrorCode;
use locum::events::{Author, Event, Subject};
use locum::secret::Token;

#[tokio::test]
async fn abuse_32_this_is_not_for_me_ends_the_mails_of_the_firm() -> Result<()> {
    let house = House::new().await?;
    house.grant("bea@elsewhere.example").await?;
    house.sweep().await?;
    let token = token_of(house.sink.take()[0].link("/unwanted").context("a link")?);
    let report = async |token: Token| {
        house.log.transact(Author::System, async |tx| impersonation::report_unwanted(tx, &token).await).await
    };
    report(token.clone()).await.map_err(wrong)?;
    assert_eq!(report(token).await.map_err(|error| error.code()), Err(ErrorCode::InviteInvalid));
    house.clock.forward(TimeDelta::seconds(1));
    house.grant("BEA@elsewhere.example").await?;
    house.sweep().await?;
    assert!(house.sink.take().is_empty());
    assert_eq!(house.states().await?[1].0, "SUPPRESSED");
    house.end().await
}

#[tokio::test]
async fn abuse_32_one_address_gets_three_invitations_a_day_however_many_invite_it_at_once() -> Result<()> {
    let house = House::with(Limits::default(), 8).await?;
    for number in 0..8 {
        let firm = a_firm(&house.log, &format!("f{number}")).await?;
        let principal = person(&house.log, &firm, "eve", Kind::Adviser, true).await?;
        grant(&house.log, &principal, "Bea@elsewhere.example").await?;
    }
    let relays = (0..3).map(|_| house.relay()).collect::<Result<Vec<_>>>()?;
    join_all(relays.iter().map(|relay| relay.sweep())).await;
    assert_eq!(house.sink.take().len(), 3);
    assert_eq!(house.number("select count(*) from mail_deliveries where state = 'SUPPRESSED'").await?, 5);
    let refused = house.grant("bea@elsewhere.example").await?;
    house.sweep().await?;
    assert!(house.sink.take().is_empty());
    house.clock.forward(TimeDelta::hours(24));
    revoke(&house.log, &house.ana, refused.row.id).await?;
    house.grant("bea@elsewhere.example").await?;
    house.sweep().await?;
    assert_eq!(house.sink.take().len(), 1, "another day");
    house.end().await
}

#[tokio::test]
async fn abuse_32_a_firm_has_an_allowance_and_it_is_not_that_of_reset_links() -> Result<()> {
    let house = House::with(Limits { mails_per_firm_per_day: 2, ..Limits::default() }, 4).await?;
    for number in 0..4 {
        person(&house.log, &house.firm, &format!("p{number}"), Kind::Assistant, false).await?;
    }
    house.sweep().await?;
    assert_eq!(house.sink.take().len(), 2);
    let (user, key) = (Subject::user(house.ana.key()), house.ana.key());
    record(&house.log, &house.ana, Event::PasswordResetRequested { user, key, registered: true }).await?;
    house.sweep().await?;
    assert_eq!(house.sink.take().len(), 1);
    house.end().await
}

#[tokio::test]
async fn the_columns_for_the_limits_can_be_taken_back() -> Result<()> {
    let house = House::new().await?;
    let version = migrations::revert(&house.database.url).await?;
    assert_eq!(migrations::run(&house.database.url).await?, [version]);
    house.end().await
}
