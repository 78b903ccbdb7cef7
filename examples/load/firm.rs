//! The database, and a firm in it that is as large as firms get. People, clients and delegations come into it by way of the
//! domain, so that nothing in the database is there that the service would not have put there.

use crate::{Settings, say};
use anyhow::anyhow;
use locum::app::App;
use locum::caller::{Action, Caller, Kind, Stand, UserKey};
use locum::config::{self, Flags};
use locum::db::migrations;
use locum::defaults::SESSION;
use locum::domain::case::{self, Fact, NewCase};
use locum::domain::client::{self, ClientType, Draft, Filter};
use locum::domain::delegation::{self, Delegation, NewDelegation, Terms};
use locum::domain::firm::{self, NewFirm};
use locum::domain::page::Page;
use locum::domain::session;
use locum::domain::user::{self, Invitation, User};
use locum::error::{Error, Result};
use locum::events::{Author, Tx};
use locum::id::NodeType;
use locum::secret::{Purpose, Token};
use serde_json::json;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

pub const SLUG: &str = "harbour";
/// Everybody's.
pub const PASSPHRASE: &str = "locum-demo-passphrase";
/// How many advisers there are.
pub const ADVISERS: usize = 200;
/// How many clients each of them has.
const CLIENTS: usize = 60;
/// How many of them let the back-office user act for them: the first ones.
pub const PRINCIPALS: usize = 30;
/// How many of their clients have a case.
const CASES: usize = 30;
/// How many sessions the back-office user has, and how many more to act in.
const SESSIONS: usize = 40;

/// What a run has to know of the firm.
pub struct Firm {
    /// Sessions of the one back-office user.
    pub delegate: Vec<Session>,
    /// One session of each adviser.
    pub advisers: Vec<Session>,
    /// Further sessions of the back-office user, each with the delegation of the adviser of the same place among `advisers`,
    /// by its global id.
    pub acting: Vec<(Session, String)>,
}

/// Someone with a session.
pub struct Session {
    pub user: UserKey,
    pub handle: String,
    pub id: Uuid,
    pub token: Token,
}

/// Makes an empty database; answers its URL.
pub async fn create_database(server: &str) -> anyhow::Result<String> {
    let (base, _) = server.rsplit_once('/').ok_or_else(|| anyhow!("the server's URL has no database"))?;
    let client = connect(server).await?;
    // One at a time: together they would be a transaction, in which no database can be made.
    client.batch_execute("drop database if exists bench").await?;
    client.batch_execute("create database bench").await?;
    Ok(format!("{base}/bench"))
}

/// A connection as the owner, beside the service.
pub async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Brings the database up to date and the firm into it.
pub async fn load(settings: &Settings) -> anyhow::Result<Firm> {
    say(&format!("loading a firm: {ADVISERS} advisers, each with {CLIENTS} clients"));
    migrations::run(&settings.database).await?;
    let (mut config, _) = config::load(None, Flags::new())?;
    config.database_url = Some(settings.database.clone().into());
    config.limits.mails_per_actor_per_hour = i32::MAX;
    let app = App::new(&config, None).await?;
    let hash = app.services.hasher.hash(PASSPHRASE.to_owned().into()).await.map_err(failed)?;
    let loaded = app.log.transact(Author::Operator, async |tx| fill(tx, &hash).await).await;
    app.log.database.close();
    // The planner shall know what is there, and nothing of the loading shall be left to do.
    connect(&settings.database).await?.batch_execute("vacuum analyze").await?;
    loaded.map_err(failed)
}

async fn fill(tx: &mut Tx, hash: &str) -> Result<Firm> {
    let firm = NewFirm {
        slug: SLUG.to_owned(),
        name: "Harbour Advisers".to_owned(),
        time_zone: "Europe/London".to_owned(),
        handle: "sam".to_owned(),
        email: "sam@harbour.example".to_owned(),
        display_name: "Sam Okoro".to_owned(),
    };
    let (firm, _) = firm::create(tx, firm, Some(hash.to_owned())).await?;
    let bo = person(tx, firm.id, "bo", "Bo Lindgren", Kind::BackOffice, hash).await?;
    let mut advisers = Vec::new();
    for number in 0..ADVISERS {
        let (handle, name) = (format!("adviser{number}"), name(number));
        advisers.push(person(tx, firm.id, &handle, &name, Kind::Adviser, hash).await?);
    }
    for (number, adviser) in advisers.iter().enumerate() {
        let stands_in = advisers.get((number + 1) % ADVISERS).map(|user| user.id);
        let drafts = (0..CLIENTS).map(|nth| draft(number * CLIENTS + nth, adviser.id, stands_in)).collect();
        client::insert_batch(tx, firm.id, drafts).await?;
    }
    let mut sessions = Vec::new();
    for adviser in &advisers {
        sessions.push(open(tx, adviser).await?);
    }
    let mut acting = Vec::new();
    for principal in sessions.iter().take(PRINCIPALS) {
        let caller = caller(principal);
        let delegation = delegate(tx, &caller, &bo).await?;
        acting.push((open(tx, &bo).await?, locum::id::encode(NodeType::Delegation, delegation.row.id)));
        open_cases(tx, &caller).await?;
    }
    let mut of_delegate = Vec::new();
    for _ in 0..SESSIONS {
        of_delegate.push(open(tx, &bo).await?);
    }
    Ok(Firm { delegate: of_delegate, advisers: sessions, acting })
}

/// Everybody of the firm has an address of this form.
pub fn email(handle: &str) -> String {
    format!("{handle}@harbour.example")
}

async fn person(tx: &mut Tx, firm: Uuid, handle: &str, name: &str, kind: Kind, hash: &str) -> Result<User> {
    let invitation = Invitation {
        handle: handle.to_owned(),
        email: email(handle),
        display_name: name.to_owned(),
        kind,
        level: None,
        capabilities: Vec::new(),
    };
    user::create(tx, firm, invitation, Some(hash.to_owned())).await
}

fn draft(number: usize, adviser: Uuid, stands_in: Option<Uuid>) -> Draft {
    Draft {
        client_type: ClientType::Client,
        name: name(number),
        emails: vec![format!("client{number}@mail.example")],
        reference: Some(format!("HA-{number:06}")),
        details: json!({ "source": "bench" }),
        primary_adviser: Some(adviser),
        secondary_adviser: stands_in,
    }
}

/// A name as long as names are; not in the order in which the rows are made.
fn name(number: usize) -> String {
    const FIRST: [&str; 8] = ["Amélie", "Björn", "Chidi", "Dorota", "Émile", "Freya", "Gustavo", "Hana"];
    const LAST: [&str; 7] = ["Laurent", "Lindqvist", "Okafor", "Nowak", "Roche", "Jensen", "Fernández"];
    let pick = |from: &[&'static str], salt: usize| {
        from.get((number * salt) % from.len()).copied().unwrap_or_default()
    };
    format!("{} {} {:05}", pick(&FIRST, 5), pick(&LAST, 3), (number * 7_919) % 100_000)
}

async fn open(tx: &mut Tx, user: &User) -> Result<Session> {
    let token = Token::generate(Purpose::Session)?;
    let session = session::insert(tx, user.key(), token.hash(), SESSION).await?;
    Ok(Session { user: user.key(), handle: user.handle.clone(), id: session.id, token })
}

fn caller(adviser: &Session) -> Caller {
    let (actor, session) = (adviser.user, adviser.id);
    Caller { actor, kind: Kind::Adviser, capabilities: Vec::new(), session, stand: Stand::Own }
}

async fn delegate(tx: &mut Tx, principal: &Caller, to: &User) -> Result<Delegation> {
    let scope = vec![Action::View, Action::Edit, Action::Print];
    let terms = Terms { scope, ..Terms::default() };
    delegation::add(tx, principal, NewDelegation { email: to.email.clone(), handle: None, terms }).await
}

async fn open_cases(tx: &mut Tx, adviser: &Caller) -> Result<()> {
    let page = Page::new(i32::try_from(CASES).ok(), None, None, None)?;
    for client in client::page(tx.sql(), adviser, &Filter::default(), &page).await?.rows {
        let fact =
            |nth| Fact { name: format!("Fact {nth}"), value: format!("What there is to say of it, {nth}") };
        let (title, facts) = (format!("Review of {}", client.row.name), (0..5).map(fact).collect());
        case::create(tx, adviser, NewCase { client: client.row.id, title, facts }).await?;
    }
    Ok(())
}

fn failed(error: Error) -> anyhow::Error {
    anyhow!("the firm could not be loaded: {error:?}")
}
