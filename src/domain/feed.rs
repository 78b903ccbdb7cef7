//! Reading the log as one of its audience.

use super::page::{Page, Slice};
use super::user::User;
use crate::caller::UserKey;
use crate::db::row::SqlOf;
use crate::db::statement::sql;
use crate::error::Result;
use chrono::{DateTime, Utc};
use diesel::sql_types::Nullable;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::sync::LazyLock;
use uuid::Uuid;

crate::row! {
    /// An event's own columns, as far as its audience sees them.
    pub struct EventRow from events {
        pub firm_id: Uuid,
        pub position: i64,
        pub id: Uuid,
        pub type_: String,
        pub occurred_at: DateTime<Utc>,
        pub payload: serde_json::Value,
    }
}

/// An event with the people in it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub row: EventRow,
    pub actor: Option<User>,
    pub principal: Option<User>,
}

/// A page of what someone hears of, by position.
pub async fn page(
    connection: &mut AsyncPgConnection,
    recipient: UserKey,
    page: &Page<i64>,
) -> Result<Slice<Entry>> {
    static FORWARD: LazyLock<String> = LazyLock::new(|| page_text("asc", ">"));
    static BACKWARD: LazyLock<String> = LazyLock::new(|| page_text("desc", "<"));
    let (text, nowhere): (&'static str, i64) =
        if page.backward { (&BACKWARD, i64::MAX) } else { (&FORWARD, 0) };
    let query = sql::<(SqlOf<EventRow>, Nullable<SqlOf<User>>, Nullable<SqlOf<User>>)>(text)
        .bind(recipient.firm)
        .bind(recipient.id);
    let rows: Vec<(EventRow, Option<User>, Option<User>)> =
        query.bind(page.from.unwrap_or(nowhere)).bind(page.fetch()).load(connection).await?;
    Ok(page.of(rows.into_iter().map(|(row, actor, principal)| Entry { row, actor, principal }).collect()))
}

fn page_text(order: &str, beyond: &str) -> String {
    format!(
        "select {}, {}, {} from
           (select firm_id, position from event_audience
            where firm_id = ? and recipient_id = ? and position {beyond} ? order by position {order} limit ?) r
         join events e on e.firm_id = r.firm_id and e.position = r.position
         left join users a on a.firm_id = e.actor_firm_id and a.id = e.actor_id
         left join users p on p.firm_id = e.principal_firm_id and p.id = e.principal_id
         order by r.position {order}",
        EventRow::columns("e"),
        User::columns("a"),
        User::columns("p")
    )
}
