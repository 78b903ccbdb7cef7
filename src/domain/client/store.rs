//! The clients' SQL; reading goes by `access`.

use crate::db::schema::clients;
use crate::domain::user::User;
use crate::error::Result;
use crate::events::Tx;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

crate::text_enum! {
    /// What a client is to the firm.
    pub enum ClientType {
        /// May become one.
        Prospect = "PROSPECT",
        /// Is one.
        Client = "CLIENT",
        /// Was one.
        Inactive = "INACTIVE",
        /// Only for trying things out.
        Test = "TEST",
    }
}

crate::row! {
    /// A client's own columns.
    pub struct ClientRow from clients {
        pub firm_id: Uuid,
        pub id: Uuid,
        pub name: String,
        pub emails: Vec<String>,
        pub type_: ClientType,
        pub reference: Option<String>,
        pub details: serde_json::Value,
        pub created_at: DateTime<Utc>,
        pub version: i32,
    }
}

/// A client with its advisers.
#[derive(Clone, Debug)]
pub struct Client {
    pub row: ClientRow,
    pub primary_adviser: Option<User>,
    pub secondary_adviser: Option<User>,
}

/// A client to be.
#[derive(Clone, Debug)]
pub struct Draft {
    pub name: String,
    pub emails: Vec<String>,
    /// The client's number in the books it came from; unique in the firm.
    pub reference: Option<String>,
    /// Whatever else an import brought along.
    pub details: serde_json::Value,
    pub primary_adviser: Option<Uuid>,
    pub secondary_adviser: Option<Uuid>,
}

/// Adds many clients to a firm; references that are taken are left out. Answers the references that were added.
pub async fn insert_batch(tx: &mut Tx, firm: Uuid, batch: Vec<Draft>) -> Result<Vec<Option<String>>> {
    let now = tx.now;
    let rows: Vec<_> = batch
        .into_iter()
        .map(|new| {
            (
                clients::firm_id.eq(firm),
                clients::id.eq(crate::id::new(now)),
                clients::name.eq(new.name),
                clients::emails.eq(new.emails),
                clients::reference.eq(new.reference),
                clients::details.eq(new.details),
                clients::primary_adviser_id.eq(new.primary_adviser),
                clients::secondary_adviser_id.eq(new.secondary_adviser),
                clients::created_at.eq(now),
            )
        })
        .collect();
    let insert = diesel::insert_into(clients::table).values(rows).on_conflict_do_nothing();
    Ok(insert.returning(clients::reference).get_results(tx.sql()).await?)
}
