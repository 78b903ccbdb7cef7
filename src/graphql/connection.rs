//! Relay connections: pages of a list, with opaque cursors.

use crate::domain::client::Place;
use crate::domain::page::Slice;
use crate::error::{Error, ErrorCode, Result};
use crate::events::envelope;
use async_graphql::{Context, SimpleObject};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// Which part of the list a page is.
#[derive(SimpleObject, Clone, Debug)]
pub struct PageInfo {
    /// Whether there is something before this page.
    pub has_previous_page: bool,
    /// Whether there is something after this page.
    pub has_next_page: bool,
    /// The first row's cursor.
    pub start_cursor: Option<String>,
    /// The last row's cursor.
    pub end_cursor: Option<String>,
}

impl PageInfo {
    /// Of a page whose rows have these cursors.
    pub fn new<T>(slice: &Slice<T>, cursor: impl Fn(&T) -> String) -> Self {
        Self {
            has_previous_page: slice.has_previous,
            has_next_page: slice.has_next,
            start_cursor: slice.rows.first().map(&cursor),
            end_cursor: slice.rows.last().map(&cursor),
        }
    }
}

/// The cursor of a place in a list that goes by name.
pub fn by_name(name: &str, id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode([id.as_bytes(), name.as_bytes()].concat())
}

/// The place that a cursor means; `BAD_USER_INPUT` if it is none.
pub fn place(cursor: Option<String>) -> Result<Option<Place>> {
    let Some(cursor) = cursor else { return Ok(None) };
    let place = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| {
        let (id, name) = bytes.split_at_checked(16)?;
        Some(Place {
            id: Uuid::from_slice(id).ok()?,
            name: String::from_utf8(name.to_vec()).ok().filter(|name| !name.contains('\0'))?,
        })
    });
    place.map(Some).ok_or_else(bad_cursor)
}

/// The cursor of a place in a list that goes by id.
pub fn by_id(id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(id)
}

/// The place that a cursor means; `BAD_USER_INPUT` if it is none.
pub fn place_of_id(cursor: Option<String>) -> Result<Option<Uuid>> {
    let Some(cursor) = cursor else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    bytes.and_then(|bytes| Uuid::from_slice(&bytes).ok()).map(Some).ok_or_else(bad_cursor)
}

/// The cursor of a position in a log.
pub fn by_position(position: i64) -> String {
    envelope::cursor(position)
}

/// The position that a cursor means; `BAD_USER_INPUT` if it is none.
pub fn position(cursor: Option<String>) -> Result<Option<i64>> {
    let Some(cursor) = cursor else { return Ok(None) };
    envelope::position(&cursor).map(Some).ok_or_else(bad_cursor)
}

fn bad_cursor() -> Error {
    Error::stop_saying(ErrorCode::BadUserInput, "This is not a cursor of this list.")
}

/// What stands in a list.
pub trait Listed {
    /// Its place in the list.
    fn cursor(&self) -> String;
}

/// What a connection is a page of.
pub trait Counted {
    /// How many there are in all.
    fn count(&self, ctx: &Context<'_>) -> impl Future<Output = Result<i64>> + Send;
}

/// Defines a connection: a page of a list of nodes, which are [`Listed`], and its edges. It keeps what it is a page of, which
/// is [`Counted`] when somebody asks.
#[macro_export]
macro_rules! connection {
    (
        $(#[$meta:meta])* $connection:ident of $key:ty, $(#[$edge_meta:meta])* $edge:ident,
        $(#[$node_meta:meta])* $node:ty $(,)?
    ) => {
        $(#[$meta])*
        #[derive(async_graphql::Description)]
        pub struct $connection {
            slice: $crate::domain::page::Slice<$node>,
            of: $key,
        }

        impl $connection {
            /// A page of what `of` says.
            pub fn new(slice: $crate::domain::page::Slice<$node>, of: $key) -> Self {
                Self { slice, of }
            }
        }

        $(#[$edge_meta])*
        #[derive(async_graphql::Description)]
        struct $edge<'e>(&'e $node);

        #[async_graphql::Object(use_type_description, serial)]
        impl $edge<'_> {
            /// Its place in the list.
            async fn cursor(&self) -> String {
                $crate::graphql::connection::Listed::cursor(self.0)
            }

            $(#[$node_meta])*
            async fn node(&self) -> $crate::graphql::in_place::InPlace<&$node> {
                $crate::graphql::in_place::InPlace(self.0)
            }
        }

        #[async_graphql::Object(use_type_description, serial)]
        impl $connection {
            /// What is on this page, each with its place.
            async fn edges(&self) -> Vec<$crate::graphql::in_place::InPlace<$edge<'_>>> {
                self.slice.rows.iter().map(|node| $crate::graphql::in_place::InPlace($edge(node))).collect()
            }

            /// Which part of the list this is.
            async fn page_info(&self) -> $crate::graphql::connection::PageInfo {
                $crate::graphql::connection::PageInfo::new(&self.slice, $crate::graphql::connection::Listed::cursor)
            }

            /// How many there are in all.
            async fn total_count(&self, ctx: &async_graphql::Context<'_>) -> $crate::error::Result<i32> {
                let count = $crate::graphql::connection::Counted::count(&self.of, ctx).await?;
                Ok(i32::try_from(count).unwrap_or(i32::MAX))
            }
        }
    };
}
