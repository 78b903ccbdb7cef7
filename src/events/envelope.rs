//! An event as it leaves the house without anybody's session: the same envelope on every such way.

use super::log::Log;
use crate::db::statement::sql;
use crate::error::Result;
use crate::id::{self, NodeType};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use diesel::Queryable;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// An event's row, as far as the envelope needs it; the columns are in the order of [`COLUMNS`].
#[derive(Clone, Debug, Queryable)]
pub struct Logged {
    pub position: i64,
    pub id: Uuid,
    pub type_: String,
    pub occurred_at: DateTime<Utc>,
    pub actor: Option<Uuid>,
    pub principal: Option<Uuid>,
    pub subjects: Vec<Uuid>,
    pub payload: Value,
}

/// What is selected of `events e`.
pub const COLUMNS: &str =
    "e.position, e.id, e.type, e.occurred_at, e.actor_id, e.principal_id, e.subjects, e.payload";

/// Their SQL types.
pub type LoggedSql =
    (BigInt, SqlUuid, Text, Timestamptz, Nullable<SqlUuid>, Nullable<SqlUuid>, Array<SqlUuid>, Jsonb);

/// `{ id, cursor, type, occurredAt, actor, principal, subjects, data }`, in this order; ids are global ids.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<'e> {
    id: String,
    cursor: String,
    #[serde(rename = "type")]
    type_: &'e str,
    occurred_at: DateTime<Utc>,
    actor: Option<Person>,
    principal: Option<Person>,
    subjects: Vec<&'e str>,
    data: &'e Value,
}

#[derive(Debug, Serialize)]
struct Person {
    id: String,
}

impl Logged {
    /// The event's global id: the same wherever it is seen.
    pub fn global_id(&self) -> String {
        id::encode(NodeType::Event, self.id)
    }

    /// The envelope.
    pub fn envelope(&self) -> Envelope<'_> {
        let person = |id: Uuid| Person { id: id::encode(NodeType::User, id) };
        let mut subjects = Vec::new();
        global_ids(&self.payload, &self.subjects, &mut subjects);
        Envelope {
            id: self.global_id(),
            cursor: cursor(self.position),
            type_: &self.type_,
            occurred_at: self.occurred_at,
            actor: self.actor.map(person),
            principal: self.principal.map(person),
            subjects,
            data: &self.payload,
        }
    }

    /// The envelope as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.envelope()).unwrap_or_default()
    }
}

/// The global ids of a payload that are of an event's subjects, each once: the column of the log has no types.
fn global_ids<'e>(value: &'e Value, subjects: &[Uuid], found: &mut Vec<&'e str>) {
    match value {
        Value::String(text) => {
            let of_subject = id::decode(text).is_some_and(|(_, id)| subjects.contains(&id));
            if of_subject && !found.contains(&text.as_str()) {
                found.push(text);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| global_ids(value, subjects, found)),
        Value::Object(object) => object.values().for_each(|value| global_ids(value, subjects, found)),
        _ => {}
    }
}

/// The cursor of a position in a log.
pub fn cursor(position: i64) -> String {
    URL_SAFE_NO_PAD.encode(position.to_be_bytes())
}

/// The position that a cursor means, if it is one.
pub fn position(cursor: &str) -> Option<i64> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    bytes.try_into().ok().map(i64::from_be_bytes)
}

/// How far a firm's log reaches.
pub async fn head(log: &Log, firm: Uuid) -> Result<i64> {
    let head = sql::<BigInt>("select position from event_heads where firm_id = ?").bind(firm);
    Ok(head.get_result(&mut *log.reader().await?).await?)
}

/// The events of a firm behind a position, whoever hears of them: for whoever runs the program.
pub async fn after(log: &Log, firm: Uuid, position: i64, at_most: i64) -> Result<Vec<Logged>> {
    static FIND: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        format!(
            "select {COLUMNS} from events e where e.firm_id = ? and e.position > ? order by e.position limit ?"
        )
    });
    let find = sql::<LoggedSql>(&FIND).bind(firm).bind(position).bind(at_most);
    Ok(find.load(&mut *log.reader().await?).await?)
}
