//! Pages of a list: which rows are asked for, in which direction, and what came back.

use crate::defaults::{PAGE, PAGE_MAX};
use crate::error::{Error, ErrorCode, Result};

/// A page that is asked for: so many rows after or before a place.
#[derive(Clone, Debug)]
pub struct Page<C> {
    pub size: usize,
    pub from: Option<C>,
    pub backward: bool,
}

impl<C> Page<C> {
    /// From Relay's four arguments. `BAD_USER_INPUT` where they contradict each other or ask for too much.
    pub fn new(first: Option<i32>, after: Option<C>, last: Option<i32>, before: Option<C>) -> Result<Self> {
        let bad = |message: String| Err(Error::stop_saying(ErrorCode::BadUserInput, message));
        if first.is_some() && last.is_some() || after.is_some() && before.is_some() {
            return bad("Ask for `first` and `after`, or for `last` and `before`, not for both.".to_owned());
        }
        let backward = last.is_some() || (before.is_some() && first.is_none());
        if backward && after.is_some() || !backward && before.is_some() {
            return bad("`after` goes with `first`, `before` with `last`.".to_owned());
        }
        let size = match first.or(last) {
            None => PAGE,
            Some(size) => usize::try_from(size).ok().filter(|size| *size <= PAGE_MAX).unwrap_or(usize::MAX),
        };
        if size > PAGE_MAX {
            return bad(format!("A page has 0 to {PAGE_MAX} rows."));
        }
        Ok(Self { size, from: after.or(before), backward })
    }

    /// How many rows to fetch: one more than asked for tells whether there are further ones.
    pub fn fetch(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// Makes the answer of what was fetched in the direction of the page.
    pub fn of<T>(&self, mut rows: Vec<T>) -> Slice<T> {
        let more = rows.len() > self.size;
        rows.truncate(self.size);
        if self.backward {
            rows.reverse();
            Slice { has_previous: more, has_next: self.from.is_some(), rows }
        } else {
            Slice { has_previous: self.from.is_some(), has_next: more, rows }
        }
    }
}

/// A page that came back, in the list's own order.
#[derive(Clone, Debug)]
pub struct Slice<T> {
    pub rows: Vec<T>,
    pub has_previous: bool,
    pub has_next: bool,
}

impl<T> Slice<T> {
    /// The same page, each row made into something else.
    pub fn map<U>(self, into: impl FnMut(T) -> U) -> Slice<U> {
        let Self { rows, has_previous, has_next } = self;
        Slice { rows: rows.into_iter().map(into).collect(), has_previous, has_next }
    }
}
