//! Lists of clients, by name: of those that someone reaches, which ones, and how they are searched.

use super::store::{Client, Found, WithAdvisers, advised, load, with_advisers};
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
    search: bool,
    from: bool,
    backward: bool,
}

const SCOPES: [&str; 4] =
    ["", " and c.workgroup_id = ?", " and c.primary_adviser_id = ?", " and c.primary_adviser_id is null"];
const SEARCH: &str = " and c.words like search_form(?)";

impl Filter {
    fn shape(&self, from: bool, backward: bool) -> Shape {
        let [all, workgroup, adviser, unassigned] = SCOPES;
        let scope = match self.scope {
            Scope::All | Scope::Directory => all,
            Scope::Workgroup(_) => workgroup,
            Scope::Adviser(_) => adviser,
            Scope::Unassigned => unassigned,
        };
        Shape { scope, search: self.pattern().is_some(), from, backward }
    }

    fn reach(&self, caller: &Caller) -> Reach {
        match self.scope {
            Scope::All | Scope::Workgroup(_) => Reach::of(caller),
            Scope::Adviser(_) | Scope::Unassigned | Scope::Directory => Reach::with_directory(caller),
        }
    }

    /// Binds what the shape's narrowing asks for.
    fn bind<ST>(&self, query: Statement<ST>) -> Statement<ST> {
        let query = match self.scope {
            Scope::Workgroup(id) | Scope::Adviser(id) => query.bind(id),
            Scope::All | Scope::Unassigned | Scope::Directory => query,
        };
        match self.pattern() {
            Some(pattern) => query.bind(pattern),
            None => query,
        }
    }

    /// What `like` compares with: the words anywhere, none of their characters meaning anything special.
    fn pattern(&self) -> Option<String> {
        let words = self.search.as_deref().map(str::trim).filter(|words| !words.is_empty())?;
        let mut pattern = String::from("%");
        for letter in words.chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        Some(pattern)
    }
}

/// A page of the clients that the caller reaches, by name.
pub async fn page(
    connection: &mut AsyncPgConnection,
    caller: &Caller,
    filter: &Filter,
    page: &Page<Place>,
) -> Result<Slice<Client>> {
    static FORMS: LazyLock<HashMap<Shape, Forms>> = LazyLock::new(|| {
        let mut forms = HashMap::new();
        for scope in SCOPES {
            for flags in 0..8 {
                let [search, from, backward] = [1, 2, 4].map(|flag| flags & flag != 0);
                let shape = Shape { scope, search, from, backward };
                forms.insert(shape, page_forms(shape));
            }
        }
        forms
    });
    let shape = filter.shape(page.from.is_some(), page.backward);
    let Some(forms) = FORMS.get(&shape) else { return Ok(page.of(Vec::new())) };
    let query = filter.reach(caller).statement(forms, |query| {
        let query = filter.bind(query);
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
    let search = if shape.search { SEARCH } else { "" };
    let from = if shape.from { format!(" and (c.name, c.id) {beyond} (?, ?)") } else { String::new() };
    Forms::new(|clients| {
        let scope = shape.scope;
        let branches =
            clients(&format!("{scope}{search}{from} order by c.name {order}, c.id {order} limit ?"));
        let source = format!("select * from ({branches}) b order by name {order}, id {order} limit ?");
        format!("{} order by c.name {order}, c.id {order}", with_advisers(&source))
    })
}

/// How many clients there are that the caller reaches.
pub async fn count(connection: &mut AsyncPgConnection, caller: &Caller, filter: &Filter) -> Result<i64> {
    static FORMS: LazyLock<HashMap<Shape, Forms>> = LazyLock::new(|| {
        let mut forms = HashMap::new();
        for scope in SCOPES {
            for search in [false, true] {
                let shape = Shape { scope, search, from: false, backward: false };
                let narrow = format!("{scope}{}", if search { SEARCH } else { "" });
                let text = |clients: &dyn Fn(&str) -> String| {
                    format!("select count(*) from ({}) c", clients(&narrow))
                };
                forms.insert(shape, Forms::new(text));
            }
        }
        forms
    });
    let Some(forms) = FORMS.get(&filter.shape(false, false)) else { return Ok(0) };
    let query = filter.reach(caller).statement::<BigInt>(forms, |query| filter.bind(query));
    Ok(query.get_result(connection).await?)
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
