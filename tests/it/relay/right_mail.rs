//! Which mail goes out, what is in it, and what it is good for.

use super::house::{House, a_firm, person, record, revoke, token_of, wrong};
use anyhow::{Context, Result, anyhow};
use chrono::TimeDelta;
use locum::caller::Kind;
use locum::clock::Clock;
use locum::domain::link;
use locum::domain::sign_in::{self, Registration};
use locum::domain::user::password::{Hasher, Password};
use locum::events::{Event, Subject};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const PASSPHRASE: &str = "a few plain words in a row";

#[tokio::test]
async fn pf_06_an_address_without_account_gets_a_link_to_register_and_no_other() -> Result<()> {
    let house = House::new().await?;
    house.grant("Bea@Elsewhere.example").await?;
    assert_eq!(house.sweep().await?, 1);
    let [mail] = &house.sink.take()[..] else { return Err(anyhow!("one mail")) };
    assert_eq!(
        (mail.envelope_from.as_str(), &mail.rcpt[..]),
        ("locum@locum.example", &["Bea@elsewhere.example".to_owned()][..])
    );
    assert_eq!(
        (mail.headers("to"), mail.headers("cc"), mail.headers("bcc"), mail.headers("subject")),
        (1, 0, 0, 1)
    );
    assert_eq!(mail.subject, "ana of harbour wants you as a back-office user");
    assert!(
        mail.text.contains("view and edit") && mail.html.contains("<strong>view and edit</strong>"),
        "{}",
        mail.text
    );
    assert!(mail.text.contains("until 8 May 2026, 09:00 (Europe/Berlin)"), "{}", mail.text);
    assert_eq!(mail.text.matches("https://app.example/register#token=").count(), 1);
    assert_eq!(mail.text.matches("sign-in").count() + mail.html.matches("sign-in").count(), 0);
    assert_eq!(mail.html.matches("https://app.example/register#token=").count(), 1);

    // The link is good for registering, and what the sender's event says is who caused it.
    let hasher = Hasher::start(8)?;
    let token = token_of(mail.link("/register").context("a link")?);
    let new = Registration {
        token,
        handle: None,
        display_name: None,
        password: Password::from(PASSPHRASE.to_owned()),
    };
    let bea = sign_in::register(&house.log, &hasher, None, new).await.map_err(wrong)?;
    assert_eq!((bea.firm_id, bea.kind), (house.firm.id, Kind::BackOffice));
    let heard = "select recipient_id::text from events join event_audience using (firm_id, position) where type = 'EmailSent'";
    assert!(
        house.rows(heard, &[]).await?.iter().any(|row| row.get::<_, String>(0) == house.ana.id.to_string())
    );
    let mail_id = house.rows("select id::text from mail_deliveries", &[]).await?[0].get::<_, String>(0);
    assert_eq!(mail.message_id, format!("{mail_id}@locum.example"));
    house.end().await
}

#[tokio::test]
async fn pf_07_an_address_with_an_account_gets_the_link_to_sign_in() -> Result<()> {
    let house = House::new().await?;
    person(&house.log, &house.firm, "bea", Kind::BackOffice, true).await?;
    let other = a_firm(&house.log, "summit").await?;
    person(&house.log, &other, "cai", Kind::BackOffice, true).await?;
    house.grant("bea@harbour.example").await?;
    house.grant("CAI@summit.example").await?;
    assert_eq!(house.sweep().await?, 2);
    let mut mails = house.sink.take();
    mails.sort_by_key(|mail| mail.rcpt.clone());
    for (mail, firm, handle) in [(&mails[0], "summit", "cai"), (&mails[1], "harbour", "bea")] {
        assert_eq!(mail.subject, "You can now act for ana of harbour");
        assert!(
            mail.link("/sign-in").is_some()
                && mail.link("/register").is_none()
                && mail.link("/unwanted#token=").is_some()
        );
        assert!(mail.text.contains(&format!("(firm {firm}, user ID {handle})")), "{}", mail.text);
        assert!(!mail.html.contains("/register"));
    }
    house.end().await
}

#[tokio::test]
async fn a_firm_that_keeps_to_itself_lets_a_stranger_register() -> Result<()> {
    let house = House::new().await?;
    house.db.batch_execute("update firms set allow_external_delegates = false").await?;
    let other = a_firm(&house.log, "summit").await?;
    person(&house.log, &other, "cai", Kind::BackOffice, true).await?;
    house.grant("cai@summit.example").await?;
    house.sweep().await?;
    assert!(house.sink.take()[0].link("/register").is_some());
    house.end().await
}

#[tokio::test]
async fn a_delegate_who_is_invited_registers_with_the_account_that_waits() -> Result<()> {
    let house = House::new().await?;
    let bo = person(&house.log, &house.firm, "bo", Kind::Assistant, false).await?;
    house.sweep().await?;
    let invitation = house.sink.take().pop().context("an invitation")?;
    assert_eq!(invitation.subject, "Your account at harbour advisers");
    house.grant("bo@harbour.example").await?;
    house.sweep().await?;
    let mail = house.sink.take().pop().context("a mail")?;
    let mut reader = house.log.reader().await.map_err(wrong)?;
    let token = token_of(mail.link("/register").context("a link")?);
    let link = link::look_up(&mut reader, &token, link::LinkPurpose::Registration, house.clock.now())
        .await
        .map_err(wrong)?;
    assert_eq!((link.user_id, link.delegation_id), (Some(bo.id), None));
    drop(reader);
    let hasher = Hasher::start(8)?;
    let new = Registration {
        token,
        handle: None,
        display_name: None,
        password: Password::from(PASSPHRASE.to_owned()),
    };
    assert_eq!(sign_in::register(&house.log, &hasher, None, new).await.map_err(wrong)?.id, bo.id);
    house.end().await
}

#[tokio::test]
async fn passwords_have_their_mails() -> Result<()> {
    let house = House::new().await?;
    let (key, user) = (house.ana.key(), Subject::user(house.ana.key()));
    for event in [
        Event::PasswordResetRequested { user, key, registered: true },
        Event::PasswordChanged { user, key },
        Event::SignInsRefused { user, failures: 10, key },
    ] {
        record(&house.log, &house.ana, event).await?;
        house.clock.forward(TimeDelta::seconds(1));
    }
    house.sweep().await?;
    let mut mails = house.sink.take();
    mails.sort_by(|a, b| a.subject.cmp(&b.subject));
    let subjects: Vec<_> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(
        subjects,
        ["Set a new password", "Somebody tried to sign in as you", "Your password was changed"]
    );
    assert!(mails[1].link("").is_none() && mails[2].link("").is_none());
    let token = token_of(mails[0].link("/reset-password").context("a link")?);
    house.clock.forward(TimeDelta::minutes(59));
    let hasher = Hasher::start(8)?;
    let new = || Password::from(PASSPHRASE.to_owned());
    sign_in::reset_password(&house.log, &hasher, token, new()).await.map_err(wrong)?;
    house.sweep().await?;
    assert_eq!(house.sink.take().len(), 1, "the notice of the change");
    house.end().await
}

#[tokio::test]
async fn no_mail_goes_out_whose_reason_is_gone() -> Result<()> {
    let house = House::new().await?;
    let granted = house.grant("bea@elsewhere.example").await?;
    revoke(&house.log, &house.ana, granted.row.id).await?;
    house.sweep().await?;
    assert!(house.sink.take().is_empty());
    assert_eq!(
        house.states().await?,
        [("SUPPRESSED".to_owned(), Some("the delegation has ended".to_owned()))]
    );
    assert_eq!(house.number("select count(*) from events where type like 'Email%'").await?, 0);
    house.end().await
}

#[tokio::test]
async fn a_relay_that_runs_sends_what_is_committed() -> Result<()> {
    let house = House::new().await?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(house.relay()?.run(stop.clone()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    house.grant("bea@elsewhere.example").await?;
    let begun = std::time::Instant::now();
    while house.sink.mails().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "no mail");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "the commit wakes it");
    stop.cancel();
    running.await?;
    house.end().await
}

#[tokio::test]
async fn abuse_30_names_begin_no_header_and_add_no_recipient() -> Result<()> {
    let house = House::new().await?;
    let nasty = "X\r\nBcc: eve@evil.example\r\n\r\n=?utf-8?q?=0D=0ABcc:_eve@evil.example?= \u{2028}<b>{{7*7}}</b>\n.\n";
    house.db.execute("update users set display_name = $1", &[&nasty]).await?;
    house.db.execute("update firms set name = $1", &[&nasty]).await?;
    person(&house.log, &house.firm, "bo", Kind::Assistant, false).await?;
    house.db.execute("update users set display_name = $1", &[&nasty]).await?;
    house.grant("bea@elsewhere.example").await?;
    house.sweep().await?;
    let mails = house.sink.take();
    assert_eq!(mails.len(), 2);
    for mail in mails {
        assert_eq!(mail.rcpt.len(), 1);
        assert_eq!(
            (mail.headers("to"), mail.headers("bcc"), mail.headers("subject"), mail.headers("from")),
            (1, 0, 1, 1),
            "{}",
            mail.raw
        );
        assert!(
            mail.html.contains("&lt;b&gt;{{7*7}}&lt;/b&gt;") && !mail.html.contains("<b>"),
            "{}",
            mail.html
        );
        assert!(mail.text.contains("{{7*7}}") && mail.text.contains("#token="), "{}", mail.text);
    }
    house.end().await
}
