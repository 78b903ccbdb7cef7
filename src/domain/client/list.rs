//! Lists of clients, by name: of those that someone reaches, which ones, and how they are searched.

use super::store::{Client, Found, WithAdvisers, advised, found_with_advisers, load};
use crate::caller::{Caller, UserKey};
use crate::db::statement::{Statement, sql};
use crate::domain::access::{Forms, Reach, reached_by};
use crate::domain::page::{Page, Slice};
use crate::error::Result;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::HashMap;
use std::sync::LazyLock;
use uuid::Uuid;

/// Which clients of all that somebody reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Their own, and those of their workgroups.
    #[default]
    All,
    /// Of these, those in one workgroup.
    Workgroup(Uuid),
    /// Those of one primary adviser; for who administers clients, whoever it is.
    Adviser(Uuid),
    /// Those without a primary adviser; for who administers clients, all of them.
    Unassigned,
    /// All of the firm, for who administers clients.
    Directory,
}

/// Which clients, and what is searched for among them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub scope: Scope,
    /// Part of the name or of an address; case and accents do not matter.
    pub search: Option<String>,
}

/// A place in the list of clients, which goes by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub name: String,
    pub id: Uuid,
}

/// What a statement's text depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    scope: &'static str,
    search: Search,
    from: bool,
    backward: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Search {
    No,
    /// For too little to look it up.
    Short,
    Words,
}

const SCOPES: [&str; 4] =
    ["", " and c.workgroup_id = ?", " and c.primary_adviser_id = ?", " and c.primary_adviser_id is null"];
/// Of no use to an index on words, by intent: on the way through somebody's clients these are next to the names, which are
/// needed in their order, and reading all of them takes less than finding those of the whole firm.
const SEARCH: &str = " and coalesce(strpos(c.brief_words, (select search_form(?))) > 0,
     (select strpos(l.words, search_form(?)) > 0 from clients l where l.firm_id = c.firm_id and l.id = c.id))";

impl Shape {
    fn all() -> impl Iterator<Item = Self> {
        let searches = [Search::No, Search::Short, Search::Words];
        let shapes = SCOPES.into_iter().flat_map(move |scope| searches.map(|search| (scope, search)));
        shapes.flat_map(|(scope, search)| {
            [(false, false), (false, true), (true, false), (true, true)].map(|(from, backward)| Self {
                scope,
                search,
                from,
                backward,
            })
        })
    }

    /// What narrows the clients.
    fn narrow(self) -> String {
        format!("{}{}", self.scope, if self.search == Search::No { "" } else { SEARCH })
    }

    fn forms(self, text: impl Fn(&dyn Fn(&str) -> String) -> String) -> Forms {
        if self.search == Search::Words { Forms::searched(text) } else { Forms::new(text) }
    }
}

impl Filter {
    fn shape(&self, from: bool, backward: bool) -> Shape {
        let [all, workgroup, adviser, unassigned] = SCOPES;
        let scope = match self.scope {
            Scope::All | Scope::Directory => all,
            Scope::Workgroup(_) => workgroup,
            Scope::Adviser(_) => adviser,
            Scope::Unassigned => unassigned,
        };
        let search = match (self.words(), self.looked_up()) {
            (None, _) => Search::No,
            (Some(_), None) => Search::Short,
            (Some(_), Some(_)) => Search::Words,
        };
        Shape { scope, search, from, backward }
    }

    fn reach(&self, caller: &Caller) -> Reach {
        match self.scope {
            Scope::All | Scope::Workgroup(_) => Reach::of(caller),
            Scope::Adviser(_) | Scope::Unassigned | Scope::Directory => Reach::with_directory(caller),
        }
    }

    /// Begins a statement, bound to what the shape's narrowing asks for, and then by `more`.
    fn statement<ST>(
        &self,
        caller: &Caller,
        forms: &'static Forms,
        more: impl Fn(Statement<ST>) -> Statement<ST>,
    ) -> Statement<ST> {
        self.reach(caller).searched(forms, self.looked_up(), |query| {
            let query = match self.scope {
                Scope::Workgroup(id) | Scope::Adviser(id) => query.bind(id),
                Scope::All | Scope::Unassigned | Scope::Directory => query,
            };
            more(match self.words() {
                Some(words) => query.bind(words.to_owned()).bind(words.to_owned()),
                None => query,
            })
        })
    }

    fn words(&self) -> Option<&str> {
        self.search.as_deref().map(str::trim).filter(|words| !words.is_empty())
    }

    /// The index of words has groups of three letters.
    fn looked_up(&self) -> Option<&str> {
        let long = |part: &str| part.chars().count() >= 3;
        self.words().filter(|words| words.split(|letter: char| !letter.is_alphanumeric()).any(long))
    }
}

/// A page of the clients that the caller reaches, by name.
pub async fn page(
    connection: &mut AsyncPgConnection,
    caller: &Caller,
    filter: &Filter,
    page: &Page<Place>,
) -> Result<Slice<Client>> {
    static FORMS: LazyLock<HashMap<Shape, Forms>> =
        LazyLock::new(|| Shape::all().map(|shape| (shape, page_forms(shape))).collect());
    let shape = filter.shape(page.from.is_some(), page.backward);
    let Some(forms) = FORMS.get(&shape) else { return Ok(page.of(Vec::new())) };
    let query = filter.statement(caller, forms, |query| {
        let query = match &page.from {
            None => query,
            Some(place) => query.bind(place.name.clone()).bind(place.id),
        };
        query.bind(page.fetch())
    });
    Ok(page.of(load(connection, query.bind(page.fetch())).await?))
}

/// Each branch brings no more rows than the page needs.
fn page_forms(shape: Shape) -> Forms {
    let (order, beyond) = if shape.backward { ("desc", "<") } else { ("asc", ">") };
    let from = if shape.from { format!(" and (c.name, c.id) {beyond} (?, ?)") } else { String::new() };
    shape.forms(|clients| {
        let narrow = shape.narrow();
        let branches = clients(&format!("{narrow}{from} order by c.name {order}, c.id {order} limit ?"));
        let found = format!("select * from ({branches}) b order by name {order}, id {order} limit ?");
        format!("{} order by c.name {order}, c.id {order}", found_with_advisers(&found))
    })
}

/// How many clients there are that the caller reaches.
pub async fn count(connection: &mut AsyncPgConnection, caller: &Caller, filter: &Filter) -> Result<i64> {
    static FORMS: LazyLock<HashMap<Shape, Forms>> = LazyLock::new(|| {
        let forms = |shape: Shape| {
            shape.forms(|clients| format!("select count(*) from ({}) c", clients(&shape.narrow())))
        };
        Shape::all().map(|shape| (shape, forms(shape))).collect()
    });
    let Some(forms) = FORMS.get(&filter.shape(false, false)) else { return Ok(0) };
    Ok(filter.statement::<BigInt>(caller, forms, |query| query).get_result(connection).await?)
}

/// Some clients of a workgroup, by name, as far as somebody reaches them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shared {
    workgroup: UserKey,
    subject: Uuid,
    /// The delegation that lists the clients that count.
    listed_by: Option<Uuid>,
    after: Option<Place>,
    fetch: i64,
}

impl Shared {
    /// A page for the caller.
    pub fn new(caller: &Caller, workgroup: UserKey, page: &Page<Place>) -> Self {
        let listing = caller.acting().filter(|acting| acting.only_listed_clients);
        Self {
            workgroup,
            subject: caller.subject().id,
            listed_by: listing.map(|acting| acting.delegation),
            after: page.from.clone(),
            fetch: page.fetch(),
        }
    }
}

/// The clients of workgroups, a page of each, as far as somebody reaches them.
pub async fn of_workgroups(
    connection: &mut AsyncPgConnection,
    pages: &[Shared],
) -> Result<HashMap<Shared, Vec<Client>>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        let reached = reached_by("k.subject_id");
        let source = format!(
            "select w.*, true as whole from unnest(?, ?, ?, ?, ?, ?, ?) with ordinality
               as k (firm_id, workgroup_id, subject_id, listed_by, after_name, after_id, most, place)
             cross join lateral (
               select k.place, c.* from clients c where c.firm_id = k.firm_id and c.workgroup_id = k.workgroup_id
               and (c.name, c.id) > (k.after_name, k.after_id) and {reached}
               and (k.listed_by is null or exists (select from delegation_clients l
                 where l.firm_id = c.firm_id and l.delegation_id = k.listed_by and l.client_id = c.id))
               order by c.name, c.id limit k.most) w"
        );
        format!("select c.place, {} order by c.place, c.name, c.id", advised(&source))
    });
    let of = |id: fn(&Shared) -> Uuid| pages.iter().map(id).collect::<Vec<_>>();
    let find = sql::<(BigInt, WithAdvisers)>(&FIND);
    let find = find.bind(of(|page| page.workgroup.firm)).bind(of(|page| page.workgroup.id));
    let find = find.bind(of(|page| page.subject));
    let find = find.bind(pages.iter().map(|page| page.listed_by).collect::<Vec<_>>());
    let after = |page: &Shared| page.after.as_ref().map_or_else(String::new, |place| place.name.clone());
    let find = find.bind(pages.iter().map(after).collect::<Vec<_>>());
    let find = find.bind(of(|page| page.after.as_ref().map_or(Uuid::nil(), |place| place.id)));
    let find = find.bind(pages.iter().map(|page| page.fetch).collect::<Vec<_>>());
    let mut found: HashMap<_, Vec<_>> = pages.iter().map(|page| (page.clone(), Vec::new())).collect();
    let rows: Vec<(i64, Found)> = find.load(connection).await?;
    for (place, client) in rows {
        // Ordinality counts from one.
        let page = usize::try_from(place - 1).ok().and_then(|place| pages.get(place));
        if let Some(clients) = page.and_then(|page| found.get_mut(page)) {
            clients.push(client.into());
        }
    }
    Ok(found)
}
