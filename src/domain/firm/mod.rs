//! Firms: each its own graph, with its own log.

mod store;

pub use store::{Firm, by_slug, find_many, slug_of, zone, zone_of};

use super::text;
use super::user::{self, Invitation, User};
use crate::caller::{Caller, Capability, Kind, Permission};
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
    let zone = zone_given(&new.time_zone)?;
    let firm = store::insert(tx, slug, name, zone).await.map_err(|error| error.at("slug"))?;
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

/// May run the firm.
#[derive(Debug)]
pub struct RunFirm;

impl Permission for RunFirm {
    const RULE: &'static str = "Only a setup admin runs the firm.";
    const GRANTABLE_BY: &'static str = "a setup admin of the firm, by the capability SETUP_ADMIN";

    fn allows(caller: &Caller) -> bool {
        caller.has(Capability::SetupAdmin)
    }
}

/// What changes about a firm; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ChangedFirm {
    pub name: Option<String>,
    pub time_zone: Option<String>,
    pub allow_external_delegates: Option<bool>,
    pub strict_workgroup_moves: Option<bool>,
    /// For how many days an invite to a workgroup holds; `Some(None)` for as long as it waits.
    pub invite_days: Option<Option<i32>>,
}

/// Longest time that an invite to a workgroup can hold.
const INVITE_DAYS: i16 = 90;

/// Changes the caller's firm and its policies. `CONFLICT` if somebody else did so since it was read.
pub async fn update(
    tx: &mut Tx,
    caller: &Caller,
    expected_version: i32,
    changed: ChangedFirm,
) -> Result<Firm> {
    let permit = caller.permit(RunFirm)?;
    let mut firm = store::lock(tx, permit.subject().firm).await?;
    if firm.version != expected_version {
        return Err(Refusal::conflict(firm.version).into());
    }
    if let Some(name) = changed.name {
        firm.name = text::line("name", &name, 200)?;
    }
    if let Some(zone) = changed.time_zone {
        firm.time_zone = zone_given(&zone)?;
    }
    if let Some(days) = changed.invite_days {
        let taken = |days| i16::try_from(days).ok().filter(|days| (1..=INVITE_DAYS).contains(days));
        let refused = || Refusal::input("inviteDays", format!("1 to {INVITE_DAYS} days, or null."));
        firm.invite_days = days.map(|days| taken(days).ok_or_else(refused)).transpose()?;
    }
    firm.allow_external_delegates = changed.allow_external_delegates.unwrap_or(firm.allow_external_delegates);
    firm.strict_workgroup_moves = changed.strict_workgroup_moves.unwrap_or(firm.strict_workgroup_moves);
    let firm = store::update(tx, &permit, &firm).await?;
    let subject = Subject(NodeType::Firm, firm.id);
    tx.record(firm.id, Event::FirmUpdated { firm: subject, version: firm.version });
    Ok(firm)
}

fn zone_given(name: &str) -> Result<String> {
    let zone: Result<chrono_tz::Tz, _> = name.parse();
    let zone = zone.map_err(|_| Refusal::input("timeZone", "This is not a time zone such as Europe/Berlin."));
    Ok(zone?.name().to_owned())
}

/// A firm by its short name; `NOT_FOUND` if there is none.
pub async fn require(connection: &mut diesel_async::AsyncPgConnection, slug: &str) -> Result<Firm> {
    by_slug(connection, slug).await?.ok_or_else(|| Error::from(Refusal::new(ErrorCode::NotFound)))
}
