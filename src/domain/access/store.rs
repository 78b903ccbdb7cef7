//! The access statement.

use crate::caller::{Caller, UserKey};
use crate::db::row::SqlOf;
use crate::db::statement::{Statement, sql};
use crate::domain::client::{Client, ClientRow};
use crate::domain::page::{Page, Slice};
use crate::domain::user::User;
use crate::error::Result;
use diesel::sql_types::{BigInt, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::sync::LazyLock;
use uuid::Uuid;

type WithAdvisers = (SqlOf<ClientRow>, Nullable<SqlOf<User>>, Nullable<SqlOf<User>>);

/// The access paths, each a branch of its own with its own index; `{}` narrows each of them. Every branch takes the
/// subject's firm and id.
fn reachable(narrow: &str) -> String {
    ["primary_adviser_id", "secondary_adviser_id"]
        .map(|path| format!("(select * from clients where firm_id = ? and {path} = ?{narrow})"))
        .join(" union all ")
}

/// The clients out of `source`, with their advisers.
fn with_advisers(source: &str) -> String {
    format!(
        "select {}, {}, {} from ({source}) c
         left join users p on p.firm_id = c.firm_id and p.id = c.primary_adviser_id
         left join users s on s.firm_id = c.firm_id and s.id = c.secondary_adviser_id",
        ClientRow::columns("c"),
        User::columns("p"),
        User::columns("s")
    )
}

/// A place in the list of clients, which goes by name.
#[derive(Clone, Debug)]
pub struct Place {
    pub name: String,
    pub id: Uuid,
}

/// A page of the clients that the caller reaches, by name.
pub async fn page(
    connection: &mut AsyncPgConnection,
    caller: &Caller,
    page: &Page<Place>,
) -> Result<Slice<Client>> {
    static FORWARD: LazyLock<[String; 2]> = LazyLock::new(|| page_text("asc", ">"));
    static BACKWARD: LazyLock<[String; 2]> = LazyLock::new(|| page_text("desc", "<"));
    let [whole, from] = if page.backward { &*BACKWARD } else { &*FORWARD };
    let subject = super::subject(caller);
    let query = match &page.from {
        None => paths(sql(whole), subject, |query| query.bind(page.fetch())),
        Some(place) => paths(sql(from), subject, |query| {
            query.bind(place.name.clone()).bind(place.id).bind(page.fetch())
        }),
    };
    Ok(page.of(load(connection, query.bind(page.fetch())).await?))
}

/// The statement for a first page, and for one from a place on. Each branch brings no more rows than the page needs.
fn page_text(order: &str, beyond: &str) -> [String; 2] {
    ["".to_owned(), format!(" and (name, id) {beyond} (?, ?)")].map(|from| {
        let branches = reachable(&format!("{from} order by name {order}, id {order} limit ?"));
        let source = format!("select * from ({branches}) b order by name {order}, id {order} limit ?");
        format!("{} order by c.name {order}, c.id {order}", with_advisers(&source))
    })
}

/// How many clients the caller reaches.
pub async fn count(connection: &mut AsyncPgConnection, caller: &Caller) -> Result<i64> {
    static COUNT: LazyLock<String> = LazyLock::new(|| format!("select count(*) from ({}) c", reachable("")));
    let query = paths(sql::<BigInt>(&COUNT), super::subject(caller), |query| query);
    Ok(query.get_result(connection).await?)
}

/// A client by its id, if the caller reaches it.
pub async fn find(connection: &mut AsyncPgConnection, caller: &Caller, id: Uuid) -> Result<Option<Client>> {
    static FIND: LazyLock<String> = LazyLock::new(|| with_advisers(&reachable(" and id = ?")));
    let query = paths(sql(&FIND), super::subject(caller), |query| query.bind(id));
    Ok(load(connection, query).await?.pop())
}

/// Binds the subject to each branch, and after it what narrows the branch.
fn paths<ST>(
    mut query: Statement<ST>,
    subject: UserKey,
    narrow: impl Fn(Statement<ST>) -> Statement<ST>,
) -> Statement<ST> {
    for _ in 0..2 {
        query = narrow(query.bind(subject.firm).bind(subject.id));
    }
    query
}

async fn load(connection: &mut AsyncPgConnection, query: Statement<WithAdvisers>) -> Result<Vec<Client>> {
    let rows: Vec<(ClientRow, Option<User>, Option<User>)> = query.load(connection).await?;
    let client =
        |(row, primary_adviser, secondary_adviser)| Client { row, primary_adviser, secondary_adviser };
    Ok(rows.into_iter().map(client).collect())
}
