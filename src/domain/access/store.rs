//! The access statement.

use super::paths::{PathKind, WORKING, directory, directory_searched};
use crate::caller::{Caller, Capability, UserKey};
use crate::db::statement::{Statement, sql};
use crate::error::Result;
use crate::events::Tx;
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::sync::LazyLock;
use uuid::Uuid;

/// Cuts a path to the clients that a delegation lists.
const LISTED: &str = " and exists (select from delegation_clients l
     where l.firm_id = c.firm_id and l.delegation_id = ? and l.client_id = c.id)";

/// Which clients count for a caller.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    subject: UserKey,
    cut: Cut,
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Those that the subject works on.
    Working,
    /// Of these, those that the delegation lists.
    Listed(Uuid),
    /// Those that the subject works on, and what the directory says of all others.
    Directory,
}

/// A statement over the clients that someone reaches, in its forms: one for each [`Cut`].
pub struct Forms {
    working: String,
    listed: String,
    directory: String,
}

impl Forms {
    /// `text` puts a statement around the clients: it gets a function that says what narrows them, as in
    /// `clients(" and c.id = ?")`. They are read as `c`, each path a branch of its own with its own index; each client is
    /// there once, by its key and name, and `whole` unless it is only in the directory.
    pub fn new(text: impl Fn(&dyn Fn(&str) -> String) -> String) -> Self {
        Self::with(text, directory())
    }

    /// The same where the clients are also narrowed to those with some words, which are bound once more for the directory.
    pub fn searched(text: impl Fn(&dyn Fn(&str) -> String) -> String) -> Self {
        Self::with(text, directory_searched())
    }

    fn with(text: impl Fn(&dyn Fn(&str) -> String) -> String, directory: String) -> Self {
        let working = || WORKING.iter().map(|path| path.clients.to_owned());
        let form = |branches: Vec<String>, listed: &str| {
            text(&|narrow| {
                let narrow = format!("{listed}{narrow}");
                let branches =
                    branches.iter().map(|branch| format!("({})", branch.replace("{narrow}", &narrow)));
                branches.collect::<Vec<_>>().join(" union all ")
            })
        };
        Self {
            working: form(working().collect(), ""),
            listed: form(working().collect(), LISTED),
            directory: form(working().chain([directory]).collect(), ""),
        }
    }
}

impl Reach {
    /// What the caller works on.
    pub fn of(caller: &Caller) -> Self {
        let listed = caller.acting().filter(|acting| acting.only_listed_clients);
        let cut = listed.map_or(Cut::Working, |acting| Cut::Listed(acting.delegation));
        Self { subject: caller.subject(), cut }
    }

    /// What the caller works on, and, for those who administer clients, all others as the directory has them.
    pub fn with_directory(caller: &Caller) -> Self {
        let mut reach = Self::of(caller);
        if sees_directory(caller) {
            reach.cut = Cut::Directory;
        }
        reach
    }

    /// Whose paths they are.
    pub fn subject(&self) -> UserKey {
        self.subject
    }

    /// Begins a statement in the form that is meant; `narrow` binds what narrows the clients, once for each branch.
    pub fn statement<ST>(
        &self,
        forms: &'static Forms,
        narrow: impl Fn(Statement<ST>) -> Statement<ST>,
    ) -> Statement<ST> {
        self.searched(forms, None, narrow)
    }

    /// The same in [`Forms::searched`] where there are words to look up.
    pub fn searched<ST>(
        &self,
        forms: &'static Forms,
        words: Option<&str>,
        narrow: impl Fn(Statement<ST>) -> Statement<ST>,
    ) -> Statement<ST> {
        let (text, branches) = match self.cut {
            Cut::Working => (&forms.working, WORKING.len()),
            Cut::Listed(_) => (&forms.listed, WORKING.len()),
            Cut::Directory => (&forms.directory, WORKING.len() + 1),
        };
        (0..branches).fold(sql(text), |query, branch| {
            let looked_up = words.filter(|_| branch == WORKING.len());
            let query = match looked_up {
                Some(words) => query.bind(self.subject.firm).bind(words.to_owned()),
                None => query,
            };
            let query = query.bind(self.subject.firm).bind(self.subject.id);
            let query = narrow(match self.cut {
                Cut::Listed(delegation) => query.bind(delegation),
                Cut::Working | Cut::Directory => query,
            });
            if looked_up.is_some() { narrow(query) } else { query }
        })
    }
}

/// Whether the caller sees the directory of the firm's clients.
pub fn sees_directory(caller: &Caller) -> bool {
    caller.has(Capability::ClientAdmin) || caller.has(Capability::SetupAdmin)
}

/// How many of these clients the caller works on.
pub async fn count_of(connection: &mut AsyncPgConnection, caller: &Caller, ids: &[Uuid]) -> Result<usize> {
    static COUNT: LazyLock<Forms> = LazyLock::new(|| {
        Forms::new(|clients| {
            format!("select count(distinct c.id) from ({}) c", clients(" and c.id = any(?)"))
        })
    });
    let query = Reach::of(caller).statement::<BigInt>(&COUNT, |query| query.bind(ids.to_vec()));
    let count: i64 = query.get_result(connection).await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Somebody reaches a client by some path.
#[derive(Clone, Debug)]
pub struct Holding {
    pub client: Uuid,
    pub user: Uuid,
    pub kind: PathKind,
    /// What it is reached through, where that is something.
    pub via: Option<Uuid>,
    pub since: DateTime<Utc>,
}

/// Everybody who works on one of these clients, and each path by which they do.
pub async fn holdings(
    connection: &mut AsyncPgConnection,
    firm: Uuid,
    clients: &[Uuid],
) -> Result<Vec<Holding>> {
    static FIND: LazyLock<String> = LazyLock::new(|| holdings_where(" and c.firm_id = ? and c.id = any(?)"));
    let find = WORKING.iter().fold(sql::<Row>(&FIND), |find, _| find.bind(firm).bind(clients.to_vec()));
    held(find, connection).await
}

/// The same, of one person.
pub async fn holdings_of(
    connection: &mut AsyncPgConnection,
    person: UserKey,
    clients: &[Uuid],
) -> Result<Vec<Holding>> {
    static FIND: LazyLock<String> =
        LazyLock::new(|| holdings_where(" and c.firm_id = ? and c.id = any(?) and h.user_id = ?"));
    let find = WORKING
        .iter()
        .fold(sql::<Row>(&FIND), |find, _| find.bind(person.firm).bind(clients.to_vec()).bind(person.id));
    held(find, connection).await
}

type Row = (SqlUuid, SqlUuid, Text, Nullable<SqlUuid>, Timestamptz);
type Found = (Uuid, Uuid, PathKind, Option<Uuid>, DateTime<Utc>);

fn holdings_where(more: &str) -> String {
    let branch = |path: &super::paths::Path| {
        let holders = path.holders.replace("{more}", more);
        let (kind, via, since) = (path.kind.as_str(), path.via, path.since);
        format!("(select c.id, h.user_id, '{kind}', {via}, {since} from {holders})")
    };
    WORKING.iter().map(branch).collect::<Vec<_>>().join(" union all ")
}

async fn held(find: Statement<Row>, connection: &mut AsyncPgConnection) -> Result<Vec<Holding>> {
    let rows: Vec<Found> = find.load(connection).await?;
    let holding = |(client, user, kind, via, since)| Holding { client, user, kind, via, since };
    Ok(rows.into_iter().map(holding).collect())
}

/// Who works on a client by a path of their own: the audience of what happens to it.
pub async fn readers(connection: &mut AsyncPgConnection, firm: Uuid, client: Uuid) -> Result<Vec<UserKey>> {
    let mut ids: Vec<_> =
        holdings(connection, firm, &[client]).await?.into_iter().map(|holding| holding.user).collect();
    ids.sort();
    ids.dedup();
    Ok(ids.into_iter().map(|id| UserKey { firm, id }).collect())
}

/// Those of these clients that one of the firm's directory has: all that there are.
pub async fn in_directory(
    connection: &mut AsyncPgConnection,
    firm: Uuid,
    clients: &[Uuid],
) -> Result<Vec<Uuid>> {
    let find = sql::<SqlUuid>("select id from clients where firm_id = ? and id = any(?)");
    Ok(find.bind(firm).bind(clients.to_vec()).load(connection).await?)
}

/// Says to the database when the edges that this transaction changes begin and end: at the transaction's own time.
pub async fn edges_change(tx: &mut Tx) -> Result<()> {
    let now = tx.now;
    edges_change_at(tx, now).await
}

/// The same, at another moment.
pub async fn edges_change_at(tx: &mut Tx, moment: DateTime<Utc>) -> Result<()> {
    // Cut off as in the tables, and not rounded.
    let moment = moment.to_rfc3339_opts(SecondsFormat::Micros, true);
    sql::<Text>("select set_config('locum.now', ?, true)").bind(moment).execute(tx.sql()).await?;
    Ok(())
}
