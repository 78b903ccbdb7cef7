//! What PostgreSQL gets to do for each operation, as pgbench scripts.

use crate::Settings;
use crate::firm::{ADVISERS, Firm, Session};
use crate::measure::Work;
use crate::operations::{Asking, Delegating, delegation_id};
use crate::recorder::{Recorder, count, until_mails_are_out};
use crate::script::{Fresh, Script, repeating, varying};
use crate::sink::Sink;
use anyhow::Context;
use locum::domain::throttle;

/// So many people are asked for, each in a script of their own, where an operation only reads.
const READERS: usize = 8;

/// All that is recorded.
pub struct Recordings {
    pub principals: Recording,
    pub clients: Recording,
    pub delegating: Recording,
    /// What the service's connections are set to.
    pub session: Vec<String>,
}

/// An operation as PostgreSQL sees it.
pub struct Recording {
    /// How many statements it is.
    pub statements: usize,
    pub scripts: Vec<Script>,
}

/// Records them.
pub async fn record(
    settings: &Settings,
    server: &str,
    sink: &Sink,
    firm: &Firm,
) -> anyhow::Result<Recordings> {
    let mut recorder = Recorder::start(settings, server, sink.address).await?;
    let delegates = firm.delegate.iter().map(|session| Asking::principals(session.token.reveal()));
    let advisers = firm.advisers.iter().step_by(ADVISERS / READERS);
    let principals = reading(&mut recorder, delegates).await?;
    let clients =
        reading(&mut recorder, advisers.map(|session| Asking::clients(session.token.reveal()))).await?;
    let delegating = delegating(&mut recorder, settings, firm).await?;
    let session = recorder.settings.clone();
    recorder.stop().await?;
    Ok(Recordings { principals, clients, delegating, session })
}

async fn reading(recorder: &mut Recorder, asking: impl Iterator<Item = Asking>) -> anyhow::Result<Recording> {
    let mut recording = Recording { statements: 0, scripts: Vec::new() };
    for (number, mut asking) in asking.take(READERS).enumerate() {
        // The second time: the first one also notes that the session is in use, as happens once a minute.
        asking.ask(&mut recorder.connection).await?;
        recorder.begin().await?;
        recording.statements = count(&asking.ask(&mut recorder.connection).await?)?;
        let statements = recorder.end(recording.statements).await?;
        recording.scripts.push(repeating(&format!("r{number}"), &statements));
    }
    Ok(recording)
}

/// Both halves, one after the other; in between the mail goes out, so that its statements are not among them.
async fn delegating(recorder: &mut Recorder, settings: &Settings, firm: &Firm) -> anyhow::Result<Recording> {
    let principal = firm.advisers.last().context("there is no adviser")?;
    let mut delegating = Delegating::of(principal.token.reveal(), "recorded".to_owned());
    delegating.once(&mut recorder.connection).await?;
    until_mails_are_out(&settings.database).await?;
    recorder.begin().await?;
    let (email, answer) = delegating.add(&mut recorder.connection).await?;
    let (adding, id) = (count(&answer)?, delegation_id(answer.body)?);
    let mut statements = recorder.end(adding).await?;
    until_mails_are_out(&settings.database).await?;
    recorder.begin().await?;
    let revoking = count(&delegating.revoke(&mut recorder.connection, &id).await?)?;
    statements.extend(recorder.end(revoking).await?);
    let (_, delegation) = locum::id::decode(&id).context("not an id")?;
    let mut fresh = Vec::from(traits(principal).map(|(column, value)| Fresh::of_actor(column, value)));
    fresh.push(Fresh::made("email", email, "gen_random_uuid() || '@else.example'"));
    fresh.push(Fresh::made("delegation", delegation.to_string(), "gen_random_uuid()::text"));
    fresh.extend(Fresh::of_events(&statements)?);
    Ok(Recording { statements: statements.len(), scripts: vec![varying(&statements, &fresh)] })
}

/// What tells one principal's statements from another's: the hash of the token, the session, the user, and the key
/// under which their mails are counted.
pub fn traits(principal: &Session) -> [(&'static str, String); 4] {
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let user = principal.user.id.to_string();
    let throttle = hex(throttle::key("mails", &user));
    [
        ("token", hex(principal.token.hash())),
        ("session", principal.id.to_string()),
        ("principal", user),
        ("throttle", throttle),
    ]
}
