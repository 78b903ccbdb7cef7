//! The log, as far as the viewer hears of it.

use super::connection::{self, PageInfo};
use super::context::Locum;
use super::guard::own_only;
use super::node::global;
use super::scalar::AnyJson;
use super::user::User;
use crate::defaults::LIST_MAX;
use crate::domain::feed::{self, Entry, Filter};
use crate::domain::page::{Page, Slice};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{self, NodeType};
use async_graphql::{Context, Description, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// Something that happened.
#[derive(Description)]
pub struct Event(Arc<Entry>);

impl From<Arc<Entry>> for Event {
    fn from(entry: Arc<Entry>) -> Self {
        Self(entry)
    }
}

#[Object(use_type_description)]
impl Event {
    /// The event's id; the same wherever it is seen.
    async fn id(&self) -> ID {
        global(NodeType::Event, self.0.row.id)
    }

    /// Its place in the firm's log.
    async fn cursor(&self) -> String {
        connection::by_position(self.0.row.position)
    }

    /// What happened: a name of the event catalogue.
    #[graphql(name = "type")]
    async fn event_type(&self) -> &str {
        &self.0.row.type_
    }

    /// When it happened.
    async fn occurred_at(&self) -> DateTime<Utc> {
        self.0.row.occurred_at
    }

    /// Who was at the keyboard; null if it was the program itself or whoever runs it.
    async fn actor(&self) -> Option<User> {
        self.0.actor.clone().map(User::from)
    }

    /// In whose name; null if in their own.
    async fn principal(&self) -> Option<User> {
        self.0.principal.clone().map(User::from)
    }

    /// The global ids of what it is about.
    async fn subjects(&self) -> Vec<ID> {
        let Some(payload) = self.0.row.payload.as_object() else { return Vec::new() };
        let lists = payload.values().filter_map(|value| value.as_array()).flatten();
        let named = payload.values().chain(lists).filter_map(|value| value.as_str());
        let is_about =
            |text: &&str| id::decode(text).is_some_and(|(_, id)| self.0.row.subjects.contains(&id));
        named.filter(is_about).map(ID::from).collect()
    }

    /// What it says, as the event catalogue describes.
    async fn data(&self) -> AnyJson {
        AnyJson(self.0.row.payload.clone())
    }
}

/// Which events are wanted. An event has to fit everything that is said.
#[derive(InputObject)]
pub struct EventFilter {
    /// Names of the event catalogue: one of them. At most 250.
    types: Option<Vec<String>>,
    /// Global ids: the event is about one of them. At most 250.
    subjects: Option<Vec<ID>>,
    /// The global id of an impersonation: the event is about it, or was caused in it.
    impersonation: Option<ID>,
}

impl EventFilter {
    /// What it means; without one, everything. An id that is none fits no event, as that of something that does not exist.
    pub fn read(filter: Option<Self>) -> Result<Filter> {
        let Some(Self { types, subjects, impersonation }) = filter else { return Ok(Filter::default()) };
        let lengths = [types.as_ref().map(Vec::len), subjects.as_ref().map(Vec::len)];
        // A stream keeps it for as long as it lives, and looks it through for each event.
        if lengths.into_iter().flatten().any(|length| length > LIST_MAX) {
            let words = format!("A list in a filter has at most {LIST_MAX} elements.");
            return Err(Error::stop_saying(ErrorCode::BadUserInput, words));
        }
        let local = |global: &ID| id::decode(global).map(|(_, id)| id);
        Ok(Filter {
            types,
            subjects: subjects.map(|subjects| subjects.iter().filter_map(local).collect()),
            impersonation: impersonation.map(|global| local(&global).unwrap_or_default()),
        })
    }
}

/// A page of events.
#[derive(Description)]
pub struct EventConnection(Slice<Entry>);

impl From<Slice<Entry>> for EventConnection {
    fn from(slice: Slice<Entry>) -> Self {
        Self(slice)
    }
}

/// An event in a page.
#[derive(SimpleObject)]
struct EventEdge {
    /// Its place in the log.
    cursor: String,
    /// The event.
    node: Event,
}

fn cursor(entry: &Entry) -> String {
    connection::by_position(entry.row.position)
}

#[Object(use_type_description)]
impl EventConnection {
    /// The events of this page, each with its place.
    async fn edges(&self) -> Vec<EventEdge> {
        self.0
            .rows
            .iter()
            .map(|entry| EventEdge { cursor: cursor(entry), node: Event(Arc::new(entry.clone())) })
            .collect()
    }

    /// Which part of the log this is.
    async fn page_info(&self) -> PageInfo {
        PageInfo::new(&self.0, cursor)
    }
}

#[derive(Default)]
pub struct Queries;

#[Object(name = "EventQueries")]
impl Queries {
    /// What happened that the viewer hears of, in the order in which it happened. Not shown while impersonating.
    #[graphql(directive = own_only::apply())]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, or after `after`: at most 100, by default 50.")] first: Option<i32>,
        #[graphql(desc = "A cursor: the page begins behind it.")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`: at most 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor: the page ends in front of it.")] before: Option<String>,
        #[graphql(desc = "Which events are wanted; without it, all.")] filter: Option<EventFilter>,
    ) -> Result<EventConnection> {
        let page = Page::new(first, connection::position(after)?, last, connection::position(before)?)?;
        let filter = EventFilter::read(filter)?;
        let slice = ctx
            .read(move |connection, caller| {
                Box::pin(async move { feed::page(connection, caller.actor, filter, &page).await })
            })
            .await?;
        Ok(EventConnection(slice))
    }
}
