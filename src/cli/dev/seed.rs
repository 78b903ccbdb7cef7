//! The demo data: two firms that look alike, so that one sees what stays inside each.

use crate::app::App;
use crate::caller::{Caller, Capability, Kind, Stand, UserKey};
use crate::domain::case::{self, Fact, NewCase};
use crate::domain::client::{self, Client, ClientType, Draft, Filter};
use crate::domain::firm::{self, NewFirm};
use crate::domain::page::Page;
use crate::domain::user::{self, Invitation};
use crate::domain::workgroup;
use crate::error::Result;
use crate::events::{Author, Tx};
use serde_json::json;
use uuid::Uuid;

/// Everybody's passphrase.
pub const PASSPHRASE: &str = "locum-demo-passphrase";

/// Name, first adviser's clients, second adviser's clients.
type Book = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const FIRMS: [Book; 2] = [
    (
        "harbour",
        "Harbour Advisers",
        &["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor", "Dorota Nowak", "Émile Roche"],
        &["Freya Jensen", "Gustavo Peña"],
    ),
    (
        "summit",
        "Summit Wealth",
        &["Hana Sato", "Ingrid Ås", "João Pereira", "Kofi Mensah"],
        &["Lucía Fernández", "Małgorzata Wójcik"],
    ),
];

/// Title and facts.
type Sample = (&'static str, &'static [(&'static str, &'static str)]);

const CASES: [Sample; 2] = [
    (
        "Retirement plan",
        &[
            ("Goal", "To stop working at 62, with 2,400 a month"),
            ("Income", "61,000 a year, rising with inflation"),
            ("Pensions", "Company scheme: 142,000\nPersonal: 38,500"),
            ("Attitude to risk", "Balanced; reviewed in March"),
        ],
    ),
    (
        "Annual review",
        &[
            ("Changes", "A second child; a larger mortgage"),
            ("Agreed", "Life cover up to 300,000; a school fund"),
        ],
    ),
];

/// Adds the demo firms that are not there yet.
pub async fn seed(app: &App) -> anyhow::Result<()> {
    let hash = app.services.hasher.hash(PASSPHRASE.to_owned().into()).await.map_err(failed)?;
    for book in FIRMS {
        let there =
            firm::by_slug(&mut *app.log.reader().await.map_err(failed)?, book.0).await.map_err(failed)?;
        if there.is_none() {
            app.log
                .transact(Author::Operator, async |tx| seed_firm(tx, book, &hash).await)
                .await
                .map_err(failed)?;
        }
    }
    Ok(())
}

async fn seed_firm(tx: &mut Tx, (slug, name, of_ana, of_ben): Book, hash: &str) -> Result<()> {
    let new = NewFirm {
        slug: slug.to_owned(),
        name: name.to_owned(),
        time_zone: "Europe/London".to_owned(),
        handle: "sam".to_owned(),
        email: format!("sam@{slug}.example"),
        display_name: "Sam Okoro".to_owned(),
    };
    let (firm, _) = firm::create(tx, new, Some(hash.to_owned())).await?;
    let ana = person(tx, firm.id, slug, "ana", "Ana Underwood", Kind::Adviser, hash).await?;
    let ben = person(tx, firm.id, slug, "ben", "Ben Achterberg", Kind::Adviser, hash).await?;
    let ali = person(tx, firm.id, slug, "ali", "Ali Demir", Kind::Assistant, hash).await?;
    person(tx, firm.id, slug, "bo", "Bo Lindgren", Kind::BackOffice, hash).await?;
    let mut clients: Vec<_> = of_ana.iter().map(|name| draft(name, ana, Some(ben))).collect();
    clients.extend(of_ben.iter().map(|name| draft(name, ben, None)));
    client::insert_batch(tx, firm.id, clients).await?;
    let [ana, ben] = [ana, ben].map(|id| caller(UserKey { firm: firm.id, id }, Kind::Adviser));
    let ali = caller(UserKey { firm: firm.id, id: ali }, Kind::Assistant);
    let clients =
        client::page(tx.sql(), &ana, &Filter::default(), &Page::new(None, None, None, None)?).await?.rows;
    open_cases(tx, &ana, &clients).await?;
    share_one(tx, &ana, [("ben", &ben), ("ali", &ali)], &clients).await
}

fn caller(actor: UserKey, kind: Kind) -> Caller {
    Caller { actor, kind, capabilities: Vec::new(), session: Uuid::nil(), stand: Stand::Own }
}

/// A workgroup of the first adviser's, with the others in it and a client.
async fn share_one(
    tx: &mut Tx,
    ana: &Caller,
    others: [(&str, &Caller); 2],
    clients: &[Client],
) -> Result<()> {
    let group = workgroup::create(tx, ana, "Retirement planning").await?.row.id;
    for (handle, other) in others {
        let invite = workgroup::invite(tx, ana, group, handle).await?;
        workgroup::join(tx, other, invite.row.id).await?;
    }
    if let Some(client) = clients.last() {
        client::set_workgroup(tx, ana, client.row.id, Some(group)).await?;
    }
    Ok(())
}

/// A case of each of the first adviser's clients.
async fn open_cases(tx: &mut Tx, ana: &Caller, clients: &[Client]) -> Result<()> {
    for (client, (title, facts)) in clients.iter().zip(CASES.iter().cycle()) {
        let fact =
            |(name, value): &(&str, &str)| Fact { name: (*name).to_owned(), value: (*value).to_owned() };
        let facts = facts.iter().map(fact).collect();
        case::create(tx, ana, NewCase { client: client.row.id, title: (*title).to_owned(), facts }).await?;
    }
    Ok(())
}

async fn person(
    tx: &mut Tx,
    firm: Uuid,
    slug: &str,
    handle: &str,
    name: &str,
    kind: Kind,
    hash: &str,
) -> Result<Uuid> {
    let invitation = Invitation {
        handle: handle.to_owned(),
        email: format!("{handle}@{slug}.example"),
        display_name: name.to_owned(),
        kind,
        level: None,
        capabilities: Vec::<Capability>::new(),
    };
    Ok(user::create(tx, firm, invitation, Some(hash.to_owned())).await?.id)
}

fn draft(name: &str, primary: Uuid, secondary: Option<Uuid>) -> Draft {
    let mailbox: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '.' }).collect();
    Draft {
        client_type: ClientType::Client,
        name: name.to_owned(),
        emails: vec![format!("{mailbox}@mail.example")],
        reference: None,
        details: json!({}),
        primary_adviser: Some(primary),
        secondary_adviser: secondary,
    }
}

fn failed(error: crate::error::Error) -> anyhow::Error {
    anyhow::anyhow!("the demo data could not be added: {error:?}")
}
