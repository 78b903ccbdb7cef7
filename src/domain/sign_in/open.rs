//! Signing in. The same statements and the same work for everybody, whether or not there is such a person: the
//! answer, and the time it takes, tell nothing.

use crate::caller::Caller;
use crate::defaults::SESSION;
use crate::domain::session::{self, Session};
use crate::domain::throttle::{self, Network};
use crate::domain::user::password::{Hasher, Password};
use crate::domain::user::{self, User};
use crate::domain::{delegation, text};
use crate::error::{Error, ErrorCode, Refusal, Result};
use crate::events::{Author, Event, Log, Subject};
use crate::id::NodeType;
use crate::secret::{Purpose, Token};
use chrono::TimeDelta;

/// What someone signs in with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The firm's short name.
    pub firm: String,
    /// The user ID, or an address that only one user of the firm has.
    pub username: String,
    pub password: Password,
    /// The token of a device that was used before.
    pub device: Option<Token>,
    pub network: Network,
    /// Who this browser was until now: that session ends with the new one.
    pub replaces: Option<Caller>,
}

/// A session that was just opened. The tokens are shown this once.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub user: User,
    pub session: Session,
    pub token: Token,
    pub device: Token,
}

/// Opens a session. `INVALID_CREDENTIALS`, whatever is wrong; `RATE_LIMITED` after too many tries.
pub async fn sign_in(log: &Log, hasher: &Hasher, with: Credentials) -> Result<SignedIn> {
    let with = Credentials { username: text::login(&with.username), ..with };
    let now = log.clock.now();
    let looked_up = log.transact(Author::System, async |tx| {
        let known_device = match &with.device {
            Some(device) => {
                session::knows_device(tx.sql(), &with.firm, &with.username, device.hash()).await?
            }
            None => false,
        };
        let account = match &with.device {
            Some(device) if known_device => throttle::key("device", device.reveal()),
            _ => throttle::account(&with.firm, &with.username),
        };
        let tries = [account, throttle::key("network", &with.network.to_string())];
        let (limit, minute) = (tx.limits.sign_ins_per_minute, TimeDelta::minutes(1));
        throttle::count(tx.sql(), now, &tries, limit, minute).await?;
        Ok((known_device, tries, user::candidates(tx.sql(), &with.firm, &with.username).await?))
    });
    let (known_device, tries, mut found) = looked_up.await?;
    found.retain(|(user, _)| user.is_active());
    // Several people with one address: which one is meant cannot be told, so nobody is.
    let meant = if found.len() == 1 { found.pop() } else { None };
    let hash = meant.as_ref().and_then(|(_, hash)| hash.clone());
    let right = hasher.verify(with.password, hash).await?;
    match meant {
        Some((user, Some(hash))) if right => {
            let device = with.device.filter(|_| known_device);
            open(log, user, hash, device, &tries, with.replaces).await
        }
        meant => {
            let [account, _] = tries;
            let failed =
                log.transact(Author::System, async |tx| throttle::failed(tx.sql(), now, account).await);
            let failures = failed.await?;
            if failures == throttle::TELL_AT {
                tell(log, meant.map(|(user, _)| user), failures);
            }
            Err(Refusal::new(ErrorCode::InvalidCredentials).into())
        }
    }
}

async fn open(
    log: &Log,
    user: User,
    verified: String,
    device: Option<Token>,
    tries: &[Vec<u8>],
    replaces: Option<Caller>,
) -> Result<SignedIn> {
    let token = Token::generate(Purpose::Session)?;
    let device = match device {
        Some(device) => device,
        None => Token::generate(Purpose::Device)?,
    };
    log.transact(Author::person(user.key()), async |tx| {
        // Whoever was made inactive, or had the password changed, while it was verified does not get in.
        let user = user::find_unchanged(tx, user.key(), &verified).await?.filter(User::is_active);
        let user = user.ok_or_else(|| Error::from(Refusal::new(ErrorCode::InvalidCredentials)))?;
        if let Some(former) = &replaces {
            super::sign_out(tx, former).await?;
        }
        let session = session::insert(tx, user.key(), token.hash(), SESSION).await?;
        session::remember_device(tx, user.key(), device.hash()).await?;
        throttle::succeeded(tx, tries).await?;
        delegation::activate_waiting(tx, &user).await?;
        Ok(SignedIn { user, session, token, device })
    })
    .await
}

/// Tells a person that someone keeps guessing; beside the request, whose time must not show whether there is one.
fn tell(log: &Log, user: Option<User>, failures: i32) {
    let Some(user) = user else { return };
    let log = log.clone();
    tokio::spawn(async move {
        let told = log.transact(Author::System, async |tx| {
            let (subject, key) = (Subject(NodeType::User, user.id), user.key());
            tx.record(key.firm, Event::SignInsRefused { user: subject, failures, key });
            Ok(())
        });
        if let Err(error) = told.await {
            tracing::warn!(?error, "a person could not be told of refused sign-ins");
        }
    });
}
