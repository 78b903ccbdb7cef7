//! The large firm. Rows are made here and written in large batches, each a transaction of its own: by way of the domain it
//! would take hours.

use super::{Args, names};
use crate::db::statement::sql;
use crate::domain::firm::{self, NewFirm};
use crate::error::Result;
use crate::events::{Author, Log};
use crate::id;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use rand::RngExt;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Advisers by how many workgroups they are in. They own none.
pub const REACHES: [(&str, usize); 3] = [("in1", 1), ("in20", 20), ("in200", 200)];
/// In how many others are, at the most.
const GROUPS: usize = 3;
/// Clients of one transaction.
const BATCH: usize = 10_000;

/// Makes the firm.
pub async fn make(args: &Args, log: &Log, hash: &str, chance: &mut StdRng) -> Result<()> {
    let new = NewFirm {
        slug: args.firm.clone(),
        name: "Scale & Partners".to_owned(),
        time_zone: "Europe/London".to_owned(),
        handle: "sam".to_owned(),
        email: format!("sam@{}.example", args.firm),
        display_name: "Sam Okoro".to_owned(),
    };
    let made = log.transact(Author::Operator, async |tx| firm::create(tx, new, Some(hash.to_owned())).await);
    let firm = made.await?.0.id;
    let users = add_users(args, log, firm, hash, chance).await?;
    let (_, advisers) = users.split_at(users.len() / 10);
    let groups = add_workgroups(args, log, firm, &users, chance).await?;
    for from in (0..args.clients).step_by(BATCH) {
        let batch = from..args.clients.min(from + BATCH);
        let clients = batch.map(|number| Client::draw(number, log, advisers, &groups, chance)).collect();
        add_clients(log, firm, clients).await?;
    }
    Ok(())
}

/// The firm's users: the assistants first, then the advisers, of whom the first ones are those of [`REACHES`].
async fn add_users(args: &Args, log: &Log, firm: Uuid, hash: &str, chance: &mut StdRng) -> Result<Vec<Uuid>> {
    let ids: Vec<_> = (0..args.users).map(|_| id::new(log.clock.now())).collect();
    let assistants = ids.len() / 10;
    let mut handles: Vec<_> = (0..args.users).map(|number| format!("user{number}")).collect();
    for (handle, (own, _)) in handles.iter_mut().skip(assistants).zip(REACHES) {
        *handle = own.to_owned();
    }
    let names: Vec<_> = (0..args.users).map(|number| names::name(number, chance)).collect();
    let kinds: Vec<_> =
        (0..args.users).map(|n| if n < assistants { "ASSISTANT" } else { "ADVISER" }.to_owned()).collect();
    log.transact(Author::Operator, async |tx| {
        let insert = sql::<Text>(
            "insert into users (firm_id, id, handle, email, email_verified_at, display_name, kind, status, can_login,
               password_hash, created_at)
             select f.id, n.id, n.handle, n.handle || '@' || f.slug || '.example', ?, n.name, n.kind, 'ACTIVE', true, ?, ?
             from firms f, unnest(?, ?, ?, ?) as n (id, handle, name, kind) where f.id = ?",
        );
        let insert = insert.bind(tx.now).bind(hash.to_owned()).bind(tx.now);
        let insert = insert.bind(ids.clone()).bind(handles).bind(names).bind(kinds).bind(firm);
        insert.execute(tx.sql()).await?;
        Ok(())
    })
    .await?;
    Ok(ids)
}

async fn add_workgroups(
    args: &Args,
    log: &Log,
    firm: Uuid,
    users: &[Uuid],
    chance: &mut StdRng,
) -> Result<Vec<Uuid>> {
    let groups: Vec<_> = (0..args.workgroups).map(|_| id::new(log.clock.now())).collect();
    let (assistants, advisers) = users.split_at(users.len() / 10);
    let (wide, others) = advisers.split_at(REACHES.len());
    let owners: Vec<_> = groups.iter().filter_map(|_| pick(others, chance)).collect();
    let mut members: BTreeSet<_> = groups.iter().copied().zip(owners.iter().copied()).collect();
    for (user, (_, count)) in wide.iter().zip(REACHES) {
        let first = chance.random_range(0..groups.len());
        members.extend(
            groups.iter().cycle().skip(first).take(count.min(groups.len())).map(|group| (*group, *user)),
        );
    }
    for user in assistants.iter().chain(others) {
        members.extend((0..GROUPS).filter_map(|_| Some((pick(&groups, chance)?, *user))));
    }
    let descriptions = (0..groups.len()).map(|number| format!("Workgroup {number}")).collect::<Vec<_>>();
    let (of_groups, users): (Vec<_>, Vec<_>) = members.into_iter().unzip();
    log.transact(Author::Operator, async |tx| {
        let insert = sql::<Text>(
            "insert into workgroups (firm_id, id, owner_id, description, created_at)
             select ?, n.id, n.owner, n.description, ? from unnest(?, ?, ?) as n (id, owner, description)",
        );
        let insert = insert.bind(firm).bind(tx.now).bind(groups.clone()).bind(owners).bind(descriptions);
        insert.execute(tx.sql()).await?;
        let insert = sql::<Text>(
            "insert into memberships (firm_id, workgroup_id, user_id, joined_at)
             select ?, n.workgroup, n.member, ? from unnest(?, ?) as n (workgroup, member)",
        );
        insert.bind(firm).bind(tx.now).bind(of_groups).bind(users).execute(tx.sql()).await?;
        Ok(())
    })
    .await?;
    Ok(groups)
}

struct Client {
    id: Uuid,
    name: String,
    email: String,
    primary: Option<Uuid>,
    secondary: Option<Uuid>,
    workgroup: Option<Uuid>,
}

impl Client {
    /// One of ten is unassigned, one of four has a second adviser, six of ten are in a workgroup.
    fn draw(number: usize, log: &Log, advisers: &[Uuid], groups: &[Uuid], chance: &mut StdRng) -> Self {
        let primary = advisers.get(number % advisers.len().max(1)).copied();
        let primary = primary.filter(|_| number / advisers.len().max(1) % 10 != 9);
        let secondary = pick(advisers, chance).filter(|id| chance.random_ratio(1, 4) && Some(*id) != primary);
        let workgroup = pick(groups, chance).filter(|_| chance.random_ratio(6, 10));
        let (id, name) = (id::new(log.clock.now()), names::name(number, chance));
        Self { id, name, email: format!("client{number}@mail.example"), primary, secondary, workgroup }
    }
}

fn pick(from: &[Uuid], chance: &mut StdRng) -> Option<Uuid> {
    from.get(chance.random_range(0..from.len().max(1))).copied()
}

async fn add_clients(log: &Log, firm: Uuid, clients: Vec<Client>) -> Result<()> {
    let of = |id: fn(&Client) -> Option<Uuid>| clients.iter().map(id).collect::<Vec<_>>();
    let ids: Vec<_> = clients.iter().map(|client| client.id).collect();
    let (primary, secondary) = (of(|client| client.primary), of(|client| client.secondary));
    let workgroups = of(|client| client.workgroup);
    let (names, emails): (Vec<_>, Vec<_>) =
        clients.into_iter().map(|client| (client.name, client.email)).unzip();
    log.transact(Author::Operator, async |tx| {
        let insert = sql::<Text>(
            "insert into clients (firm_id, id, name, emails, primary_adviser_id, secondary_adviser_id, workgroup_id, created_at)
             select ?, n.id, n.name, array[n.email], n.adviser, n.second, n.workgroup, ?
             from unnest(?, ?, ?, ?, ?, ?) as n (id, name, email, adviser, second, workgroup)",
        );
        let insert = insert.bind(firm).bind(tx.now).bind(ids).bind(names).bind(emails);
        insert.bind(primary).bind(secondary).bind(workgroups).execute(tx.sql()).await?;
        Ok(())
    })
    .await
}
