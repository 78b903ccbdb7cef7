//! A random firm, in the database and beside it.

use crate::support::TestApp;
use locum::id::{NodeType, encode};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What names and addresses are made of.
pub const WORDS: [&str; 12] = [
    "Zoë",
    "Łukasz",
    "smith",
    "Ångström",
    "O'Brien",
    "100%",
    "a_b",
    "back\\x",
    "Straße",
    "SMITHERS",
    "Müller",
    "xyz",
];

/// As search compares: the accents of [`WORDS`] taken away.
pub fn folded(words: &str) -> String {
    let plain = |letter: char| match letter {
        'ë' => "e".to_owned(),
        'Ł' => "l".to_owned(),
        'Å' => "a".to_owned(),
        'ö' => "o".to_owned(),
        'ü' => "u".to_owned(),
        'ß' => "ss".to_owned(),
        other => other.to_lowercase().to_string(),
    };
    words.trim().chars().map(plain).collect()
}

#[derive(Clone, Debug)]
pub struct Person {
    pub handle: String,
    /// Whether they may advise, and whether they work on clients at all.
    pub advises: bool,
    pub works: bool,
    pub administers: bool,
}

#[derive(Clone, Debug)]
pub struct Group {
    pub owner: Uuid,
    pub people: BTreeSet<Uuid>,
}

#[derive(Clone, Debug)]
pub struct Client {
    pub words: String,
    pub primary: Option<Uuid>,
    pub secondary: Option<Uuid>,
    pub group: Option<Uuid>,
}

#[derive(Clone, Debug)]
pub struct Firm {
    pub people: BTreeMap<Uuid, Person>,
    pub groups: BTreeMap<Uuid, Group>,
    pub clients: BTreeMap<Uuid, Client>,
}

/// Something that changes who reaches what.
#[derive(Clone, Debug)]
pub enum Change {
    Move(Uuid, Option<Uuid>),
    Primary(Uuid, Option<(Uuid, String)>),
    Secondary(Uuid, Option<(Uuid, String)>),
    Remove(Uuid, Uuid),
    Leave(Uuid, Uuid),
    Transfer(Uuid, Uuid),
    Delete(Uuid),
}

/// The strongest of these ways' levels, out of the design's table.
pub fn level<'w>(ways: impl Iterator<Item = &'w str>) -> Option<String> {
    let rank = |way: &str| match way {
        "PRIMARY_ADVISER" => (3, "MANAGE"),
        "SECONDARY_ADVISER" | "WORKGROUP" => (2, "EDIT"),
        "CLIENT_ADMIN" => (0, "DIRECTORY"),
        other => panic!("{other}"),
    };
    ways.map(rank).max().map(|(_, level)| level.to_owned())
}

fn quoted(id: Option<Uuid>) -> String {
    id.map_or("null".to_owned(), |id| format!("'{id}'"))
}

impl Firm {
    /// Draws one, in place of what `harbour` has.
    pub async fn draw(app: &TestApp, chance: &mut StdRng) -> Self {
        let harbour = "(select id from firms where slug = 'harbour')";
        app.sql(&format!("delete from clients where firm_id = {harbour}")).await;
        let mut people = BTreeMap::new();
        let rows = app.database.client().await;
        let find = format!("select id::text, handle, kind from users where firm_id = {harbour}");
        for row in rows.query(&find, &[]).await.unwrap() {
            let (id, handle, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
            let (advises, works) = (kind == "ADVISER", kind != "BACK_OFFICE");
            people
                .insert(id.parse().unwrap(), Person { administers: handle == "sam", handle, advises, works });
        }
        for number in 0..3 {
            let (id, kind) =
                (Uuid::from_u128(chance.random()), if number == 0 { "ASSISTANT" } else { "ADVISER" });
            let handle = format!("p{number}");
            app.sql(&format!(
                "insert into users (firm_id, id, handle, email, email_verified_at, display_name, kind, status, can_login, password_hash, created_at, capabilities)
                 select firm_id, '{id}', '{handle}', '{handle}@harbour.example', now(), handle, '{kind}', 'ACTIVE', true, password_hash, created_at,
                   '{{{}}}' from users where handle = 'ana' and firm_id = {harbour}",
                if number == 2 { "CLIENT_ADMIN" } else { "" }
            ))
            .await;
            people.insert(id, Person { handle, advises: number > 0, works: true, administers: number == 2 });
        }
        let mut firm = Self { people, groups: BTreeMap::new(), clients: BTreeMap::new() };
        firm.draw_groups(chance);
        for _ in 0..chance.random_range(8..20) {
            firm.draw_client(chance);
        }
        app.sql(&firm.rows()).await;
        firm
    }

    fn draw_groups(&mut self, chance: &mut StdRng) {
        let (advisers, workers) = (self.some(|person| person.advises), self.some(|person| person.works));
        for _ in 0..chance.random_range(0..5) {
            let owner = *advisers.choose(chance).unwrap();
            let mut people: BTreeSet<_> =
                workers.iter().copied().filter(|_| chance.random_ratio(1, 3)).collect();
            people.insert(owner);
            self.groups.insert(Uuid::from_u128(chance.random()), Group { owner, people });
        }
    }

    fn draw_client(&mut self, chance: &mut StdRng) {
        let advisers = self.some(|person| person.advises);
        let words: Vec<_> = (0..2).map(|_| *WORDS.choose(chance).unwrap()).collect();
        let primary = advisers.choose(chance).copied().filter(|_| chance.random_ratio(4, 5));
        let secondary = advisers.choose(chance).copied().filter(|id| chance.random() && Some(*id) != primary);
        let groups: Vec<_> = self.groups.keys().copied().collect();
        let group = groups.choose(chance).copied().filter(|_| chance.random_ratio(2, 3));
        self.clients.insert(
            Uuid::from_u128(chance.random()),
            Client { words: words.join(" "), primary, secondary, group },
        );
    }

    fn some(&self, which: impl Fn(&Person) -> bool) -> Vec<Uuid> {
        self.people.iter().filter(|(_, person)| which(person)).map(|(id, _)| *id).collect()
    }

    fn rows(&self) -> String {
        let harbour = "(select id from firms where slug = 'harbour')";
        let mut rows = String::from("begin;");
        for (id, group) in &self.groups {
            rows += &format!(
                "insert into workgroups (firm_id, id, owner_id, description, created_at) values ({harbour}, '{id}', '{}', 'G', now());",
                group.owner
            );
            for person in &group.people {
                rows += &format!(
                    "insert into memberships (firm_id, workgroup_id, user_id, joined_at) values ({harbour}, '{id}', '{person}', now());"
                );
            }
        }
        for (id, client) in &self.clients {
            // Half of the words are in the name, the others in the address.
            let (name, email) = client.words.split_once(' ').unwrap();
            let [name, email] = [name, email].map(|words| words.replace('\'', "''"));
            rows += &format!(
                "insert into clients (firm_id, id, name, emails, primary_adviser_id, secondary_adviser_id, workgroup_id, created_at)
                 values ({harbour}, '{id}', '{name}', array['{email}'], {}, {}, {}, now());",
                quoted(client.primary), quoted(client.secondary), quoted(client.group)
            );
        }
        rows + "commit;"
    }

    pub fn admin(&self) -> Uuid {
        self.some(|person| person.handle == "sam")[0]
    }

    /// The ways by which somebody works on a client.
    pub fn working_ways(&self, person: Uuid, client: Uuid) -> BTreeSet<String> {
        let client = &self.clients[&client];
        let member = client.group.is_some_and(|group| self.groups[&group].people.contains(&person));
        let ways = [
            (client.primary == Some(person), "PRIMARY_ADVISER"),
            (client.secondary == Some(person), "SECONDARY_ADVISER"),
            (member, "WORKGROUP"),
        ];
        ways.into_iter().filter(|(holds, _)| *holds).map(|(_, way)| way.to_owned()).collect()
    }

    /// All ways by which somebody sees it.
    pub fn ways(&self, person: Uuid, client: Uuid) -> BTreeSet<String> {
        let mut ways = self.working_ways(person, client);
        if self.people[&person].administers {
            ways.insert("CLIENT_ADMIN".to_owned());
        }
        ways
    }

    pub fn reach(&self, person: Uuid) -> BTreeSet<Uuid> {
        self.clients.keys().copied().filter(|client| !self.working_ways(person, *client).is_empty()).collect()
    }

    /// Something that somebody may do, and who.
    pub fn draw_change(&self, chance: &mut StdRng) -> Option<(Uuid, Change)> {
        let clients: Vec<_> = self.clients.keys().copied().collect();
        let groups: Vec<_> = self.groups.keys().copied().collect();
        let client = *clients.choose(chance)?;
        let adviser = self.some(|person| person.advises).choose(chance).copied()?;
        let named =
            Some((adviser, self.people[&adviser].handle.clone())).filter(|_| chance.random_ratio(3, 4));
        let (now, admin) = (&self.clients[&client], self.admin());
        match chance.random_range(0..9) {
            0 | 1 => Some((
                admin,
                Change::Move(client, groups.choose(chance).copied().filter(|_| chance.random_ratio(3, 4))),
            )),
            2 => {
                let group = *groups.choose(chance)?;
                let reaching = self.groups[&group]
                    .people
                    .iter()
                    .copied()
                    .find(|id| self.reach(*id).contains(&client))?;
                Some((reaching, Change::Move(client, Some(group))))
            }
            3 | 4 => {
                let free = named.as_ref().is_none_or(|(id, _)| now.secondary != Some(*id));
                free.then_some((now.primary.unwrap_or(admin), Change::Primary(client, named)))
            }
            5 => {
                let free = named.as_ref().is_none_or(|(id, _)| now.primary != Some(*id));
                free.then_some((admin, Change::Secondary(client, named)))
            }
            6 | 7 => {
                let id = *groups.choose(chance)?;
                let group = &self.groups[&id];
                let others: Vec<_> = group.people.iter().copied().filter(|id| *id != group.owner).collect();
                let person = *others.choose(chance)?;
                let heir = self.people[&person].advises && chance.random();
                match (heir, chance.random::<bool>()) {
                    (true, _) => Some((group.owner, Change::Transfer(id, person))),
                    (false, true) => Some((group.owner, Change::Remove(id, person))),
                    (false, false) => Some((person, Change::Leave(id, person))),
                }
            }
            _ => {
                let id = *groups.choose(chance)?;
                Some((self.groups[&id].owner, Change::Delete(id)))
            }
        }
    }

    pub fn after(&self, change: &Change) -> Self {
        let mut after = self.clone();
        let id_of = |who: &Option<(Uuid, String)>| who.as_ref().map(|(id, _)| *id);
        match change {
            Change::Move(client, group) => after.clients.get_mut(client).unwrap().group = *group,
            Change::Primary(client, who) => after.clients.get_mut(client).unwrap().primary = id_of(who),
            Change::Secondary(client, who) => after.clients.get_mut(client).unwrap().secondary = id_of(who),
            Change::Remove(group, person) | Change::Leave(group, person) => {
                after.groups.get_mut(group).unwrap().people.remove(person);
            }
            Change::Transfer(group, person) => after.groups.get_mut(group).unwrap().owner = *person,
            Change::Delete(group) => {
                after.groups.remove(group);
                let inside = after.clients.values_mut().filter(|client| client.group == Some(*group));
                inside.for_each(|client| client.group = None);
            }
        }
        after
    }
}

impl Change {
    /// The mutation that makes it, and its input.
    pub fn as_mutation(&self) -> (&'static str, Value) {
        let client = |id: &Uuid| encode(NodeType::Client, *id);
        let group = |id: &Uuid| encode(NodeType::Workgroup, *id);
        let user = |id: &Uuid| encode(NodeType::User, *id);
        let handle = |who: &Option<(Uuid, String)>| who.as_ref().map(|(_, handle)| handle.clone());
        match self {
            Self::Move(id, to) => (
                "setClientWorkgroup",
                json!({ "clientId": client(id), "workgroupId": to.as_ref().map(group) }),
            ),
            Self::Primary(id, who) => {
                ("setClientAdvisers", json!({ "clientId": client(id), "primaryAdviserHandle": handle(who) }))
            }
            Self::Secondary(id, who) => (
                "setClientAdvisers",
                json!({ "clientId": client(id), "secondaryAdviserHandle": handle(who) }),
            ),
            Self::Remove(id, who) => {
                ("removeMember", json!({ "workgroupId": group(id), "userId": user(who) }))
            }
            Self::Leave(id, _) => ("leaveWorkgroup", json!({ "workgroupId": group(id) })),
            Self::Transfer(id, who) => {
                ("transferWorkgroup", json!({ "workgroupId": group(id), "userId": user(who) }))
            }
            Self::Delete(id) => ("deleteWorkgroup", json!({ "workgroupId": group(id) })),
        }
    }
}
