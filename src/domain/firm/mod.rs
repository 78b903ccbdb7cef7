//! Firms: each its own graph, with its own log.

mod store;

pub use store::{Firm, by_slug, find_many, slug_of, zone, zone_of};

use super::text;
use super::user::{self, Invitation, User};
use crate::caller::{Capability, Kind};
use crate::error::{Error, ErrorCode, Refusal, Result};
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;

/// A firm to be, and the person who sets it up.
#[derive(Clone, Debug)]
pub struct NewFirm {
    pub slug: String,
    pub name: String,
    /// An IANA name, such as `Europe/Berlin`.
    pub time_zone: String,
    pub handle: String,
    pub email: String,
    pub display_name: String,
}

/// Registers a firm. Its first user, a setup admin, gets a mail with a registration link: whoever cannot read mail at
/// that address gets nowhere.
pub async fn register(tx: &mut Tx, new: NewFirm) -> Result<(Firm, User)> {
    create(tx, new, None).await
}

/// The same with a password, for whoever runs the program.
pub async fn create(tx: &mut Tx, new: NewFirm, password_hash: Option<String>) -> Result<(Firm, User)> {
    let slug = text::slug("slug", &new.slug)?;
    let name = text::line("name", &new.name, 200)?;
    let zone: chrono_tz::Tz = new
        .time_zone
        .parse()
        .map_err(|_| Refusal::input("timeZone", "This is not a time zone such as Europe/Berlin."))?;
    let firm =
        store::insert(tx, slug, name, zone.name().to_owned()).await.map_err(|error| error.at("slug"))?;
    let admin = Invitation {
        handle: new.handle,
        email: new.email,
        display_name: new.display_name,
        kind: Kind::Adviser,
        level: None,
        capabilities: vec![Capability::SetupAdmin],
    };
    let invited = password_hash.is_none();
    let vouched = password_hash.map(|password_hash| user::Vouched { password_hash });
    let user = user::insert(tx, firm.id, admin.draft()?, vouched).await?;
    if invited {
        let event = Event::FirmRegistered {
            firm: Subject(NodeType::Firm, firm.id),
            slug: firm.slug.clone(),
            user: user.key(),
        };
        tx.record(firm.id, event);
    } else {
        tx.record(firm.id, user::registered(&user));
    }
    Ok((firm, user))
}

/// A firm by its short name; `NOT_FOUND` if there is none.
pub async fn require(connection: &mut diesel_async::AsyncPgConnection, slug: &str) -> Result<Firm> {
    by_slug(connection, slug).await?.ok_or_else(|| Error::from(Refusal::new(ErrorCode::NotFound)))
}
