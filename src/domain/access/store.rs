//! The access statement.

use crate::caller::{Caller, UserKey};
use crate::db::statement::{Statement, sql};
use crate::error::Result;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::sync::LazyLock;
use uuid::Uuid;

/// The columns of a client that make a path to it.
const PATHS: [&str; 2] = ["primary_adviser_id", "secondary_adviser_id"];

/// Cuts a path to the clients that a delegation lists.
const LISTED: &str = " and exists (select from delegation_clients l
     where l.firm_id = c.firm_id and l.delegation_id = ? and l.client_id = c.id)";

/// Whose paths count for a caller.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    subject: UserKey,
    /// The delegation that lists the clients that count.
    listed_by: Option<Uuid>,
}

/// A statement over the clients that someone reaches, in its two forms: over all of them, and over those that a
/// delegation lists.
pub struct Forms {
    all: String,
    listed: String,
}

impl Forms {
    /// `text` puts a statement around the clients: it gets a function that says what narrows them, as in
    /// `clients(" and c.id = ?")`. They are read as `c`, each path a branch of its own with its own index; a client
    /// whom one person reaches by two paths would be in it twice.
    pub fn new(text: impl Fn(&dyn Fn(&str) -> String) -> String) -> Self {
        let form = |listed: &str| {
            text(&|narrow| {
                let branch = |path| {
                    format!(
                        "(select c.* from clients c where c.firm_id = ? and c.{path} = ?{listed}{narrow})"
                    )
                };
                PATHS.map(branch).join(" union all ")
            })
        };
        Self { all: form(""), listed: form(LISTED) }
    }
}

impl Reach {
    /// The caller's.
    pub fn of(caller: &Caller) -> Self {
        let listed_by =
            caller.acting().filter(|acting| acting.only_listed_clients).map(|acting| acting.delegation);
        Self { subject: caller.subject(), listed_by }
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
        let text = if self.listed_by.is_some() { &forms.listed } else { &forms.all };
        PATHS.iter().fold(sql(text), |query, _| {
            let query = query.bind(self.subject.firm).bind(self.subject.id);
            narrow(match self.listed_by {
                Some(delegation) => query.bind(delegation),
                None => query,
            })
        })
    }
}

/// That the client `c` is reached by a person whose id is this SQL expression.
pub fn reached_by(subject: &str) -> String {
    format!("({})", PATHS.map(|path| format!("c.{path} = {subject}")).join(" or "))
}

/// How many of these clients the caller reaches.
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

/// Who reaches a client by a path of their own: the audience of what happens to it.
pub async fn readers(connection: &mut AsyncPgConnection, firm: Uuid, client: Uuid) -> Result<Vec<UserKey>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        let branch = |path| format!("select {path} as id from clients where firm_id = ? and id = ?");
        format!("select distinct id from ({}) r where id is not null", PATHS.map(branch).join(" union all "))
    });
    let find =
        PATHS.iter().fold(sql::<diesel::sql_types::Uuid>(&FIND), |find, _| find.bind(firm).bind(client));
    let ids: Vec<Uuid> = find.load(connection).await?;
    Ok(ids.into_iter().map(|id| UserKey { firm, id }).collect())
}
