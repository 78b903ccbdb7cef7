//! The closed list of the paths by which a person reaches clients. Each of them stands here once, in the forms that
//! statements need; nothing else decides access.

use super::Level;

crate::text_enum! {
    /// A path by which somebody reaches a client.
    pub enum PathKind {
        /// Is its primary adviser. Ends when another one is set.
        PrimaryAdviser = "PRIMARY_ADVISER",
        /// Is its secondary adviser. Ends when another one is set, or none.
        SecondaryAdviser = "SECONDARY_ADVISER",
        /// Is a member of the workgroup that the client is in. Ends when either leaves it.
        Workgroup = "WORKGROUP",
        /// Administers the firm's clients, or the firm. Ends with the capability.
        ClientAdmin = "CLIENT_ADMIN",
        /// Acts for somebody who reaches it. Ends with the impersonation.
        Delegation = "DELEGATION",
    }
}

impl PathKind {
    /// How far it goes; through a delegation, as far as the principal's own path at the most.
    pub fn level(self) -> Level {
        match self {
            Self::PrimaryAdviser => Level::Manage,
            Self::SecondaryAdviser | Self::Workgroup => Level::Edit,
            Self::ClientAdmin => Level::Directory,
            Self::Delegation => Level::View,
        }
    }
}

/// A path, in the forms that statements need.
pub(super) struct Path {
    pub kind: PathKind,
    /// The clients of a person whose firm and id are bound, in this order, that no stronger path reaches: where they stand in
    /// the list, for an index has no more. `{narrow}` reads them as `c`.
    pub clients: &'static str,
    /// That the person whose id is `{person}` reaches the client `c`.
    pub holds: &'static str,
    /// Those who reach clients: `c` with `{more}` behind its conditions, as client_id, user_id.
    pub holders: &'static str,
    /// What a client `c` is reached through, as an SQL expression in `holders`, and since when.
    pub via: &'static str,
    pub since: &'static str,
}

/// Those by which somebody works on clients. The strongest come first; none reaches a client that one before it reaches.
pub(super) static WORKING: [Path; 3] = [
    Path {
        kind: PathKind::PrimaryAdviser,
        clients: "select c.firm_id, c.id, c.name, true as whole from clients c where c.firm_id = ? and c.primary_adviser_id = ?{narrow}",
        holds: "c.primary_adviser_id = {person}",
        holders: "clients c cross join lateral (select c.primary_adviser_id as user_id) h
            where c.primary_adviser_id is not null{more}",
        via: "null::uuid",
        since: "c.primary_adviser_since",
    },
    Path {
        kind: PathKind::SecondaryAdviser,
        clients: "select c.firm_id, c.id, c.name, true as whole from clients c where c.firm_id = ? and c.secondary_adviser_id = ?{narrow}",
        holds: "c.secondary_adviser_id = {person}",
        holders: "clients c cross join lateral (select c.secondary_adviser_id as user_id) h
            where c.secondary_adviser_id is not null{more}",
        via: "null::uuid",
        since: "c.secondary_adviser_since",
    },
    Path {
        kind: PathKind::Workgroup,
        clients: "select w.* from (select firm_id, workgroup_id, user_id from memberships where firm_id = ? and user_id = ?) m
            cross join lateral (
              select c.firm_id, c.id, c.name, true as whole from clients c where c.firm_id = m.firm_id and c.workgroup_id = m.workgroup_id
              and c.primary_adviser_id is distinct from m.user_id and c.secondary_adviser_id is distinct from m.user_id{narrow}) w",
        holds: "exists (select from memberships m
            where m.firm_id = c.firm_id and m.workgroup_id = c.workgroup_id and m.user_id = {person})",
        holders: "clients c join memberships h on h.firm_id = c.firm_id and h.workgroup_id = c.workgroup_id
            where true{more}",
        via: "c.workgroup_id",
        since: "greatest(c.workgroup_since, h.joined_at)",
    },
];

/// That the client `c` is worked on by a person whose id is this SQL expression.
pub fn reached_by(person: &str) -> String {
    let holds: Vec<_> = WORKING.iter().map(|path| path.holds.replace("{person}", person)).collect();
    format!("({})", holds.join(" or "))
}

/// The rest of the firm's clients, of whom those with the capability see what stands in the directory.
pub(super) fn directory() -> String {
    format!(
        "select d.* from ({PERSON}) s cross join lateral ({}) d",
        unreached("clients", "c.firm_id = s.firm_id")
    )
}

/// The same with words that are searched for, bound before the rest, and once more what narrows. Seldom words are looked
/// up; the clients that have common ones are soon found on the way through the list.
pub(super) fn directory_searched() -> String {
    format!(
        "with hits as materialized (select * from clients where firm_id = ? and words like (
             select '%' || regexp_replace(search_form(?), '([\\\\%_])', '\\\\\\1', 'g') || '%') limit 2001)
         select d.* from ({PERSON}) s cross join lateral (({}) union all ({})) d",
        unreached("hits", "(select count(*) from hits) <= 2000"),
        unreached("clients", "c.firm_id = s.firm_id and (select count(*) from hits) > 2000")
    )
}

const PERSON: &str = "select ?::uuid as firm_id, ?::uuid as id";

fn unreached(source: &str, condition: &str) -> String {
    format!(
        "select c.firm_id, c.id, c.name, false as whole from {source} c where {condition} and {} is not true{{narrow}}",
        reached_by("s.id")
    )
}
