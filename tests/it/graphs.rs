//! Random firms, and a plain model of who reaches what in them: `design/model.md` §2, written once more without a database.
//! A run that finds a difference says its seed; `TEST_SEED=… bin/test graphs` repeats it.

mod firm;

use crate::support::{Actor, TestApp, app_with, seed};
use firm::{Change, Firm, WORDS, folded};
use locum::id::{NodeType, decode, encode};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// So many firms of each story.
const FIRMS: u64 = 4;

async fn house() -> TestApp {
    app_with(|config| {
        config.limits.cost_bucket = 1_000_000_000;
        config.limits.sign_ins_per_minute = 1_000_000;
    })
    .await
}

fn uuid(id: &Value) -> Uuid {
    decode(id.as_str().unwrap()).unwrap().1
}

fn texts(values: &Value) -> Vec<String> {
    values.as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

/// The clients that somebody finds, of whom there are less than a page; they come by name, and are counted right.
async fn found(actor: &Actor, scope: Value, search: Option<&str>) -> BTreeSet<Uuid> {
    let query =
        "query ($scope: ClientScope, $search: String) { clients(scope: $scope, search: $search, first: 100) {
        totalCount edges { node { id } } } }";
    let seen = actor.send(query, json!({ "scope": scope, "search": search })).await;
    let edges = seen.at("/data/clients/edges").as_array().unwrap_or_else(|| panic!("{}", seen.json));
    assert_eq!(seen.at("/data/clients/totalCount"), edges.len());
    let ids: BTreeSet<_> = edges.iter().map(|edge| uuid(&edge["node"]["id"])).collect();
    assert_eq!(ids.len(), edges.len(), "each is there once");
    ids
}

/// What somebody may do with each of these clients: level and ways, as (way, of the principal).
async fn decisions(
    actor: &Actor,
    clients: &[Uuid],
) -> BTreeMap<Uuid, (String, BTreeSet<(String, Option<String>)>)> {
    let query =
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Client { id viewerAccess { level paths { kind level
        principalPath { kind } } } } } }";
    let ids: Vec<_> = clients.iter().map(|id| encode(NodeType::Client, *id)).collect();
    let seen = actor.send(query, json!({ "ids": ids })).await;
    assert_eq!(seen.code(), None, "{}", seen.json);
    let nodes = seen.at("/data/nodes").as_array().unwrap();
    let decision = |node: &Value| {
        let access = &node["viewerAccess"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let ways = access["paths"].as_array().unwrap().iter();
        let ways: BTreeSet<_> =
            ways.map(|way| (text(&way["kind"]).unwrap(), text(&way["principalPath"]["kind"]))).collect();
        assert!(!ways.is_empty(), "nobody sees a client without a way to it");
        (uuid(&node["id"]), (text(&access["level"]).unwrap(), ways))
    };
    nodes.iter().filter(|node| !node.is_null()).map(decision).collect()
}

#[tokio::test]
async fn everybody_reaches_what_the_plain_model_says_and_finds_it() {
    let seed = seed(11);
    for seed in seed..seed + FIRMS {
        println!("TEST_SEED={seed}");
        let (app, mut chance) = (house().await, StdRng::seed_from_u64(seed));
        let firm = Firm::draw(&app, &mut chance).await;
        let clients: Vec<_> = firm.clients.keys().copied().collect();
        for (id, person) in &firm.people {
            let actor = app.actor(&person.handle).await;
            let reach = firm.reach(*id);
            assert_eq!(found(&actor, Value::Null, None).await, reach, "{} of seed {seed}", person.handle);
            for (group, members) in &firm.groups {
                let scope = json!({ "workgroup": encode(NodeType::Workgroup, *group) });
                let inside = |client: &&Uuid| firm.clients[*client].group == Some(*group);
                let expected: BTreeSet<_> = reach.iter().filter(inside).copied().collect();
                let seen = found(&actor, scope, None).await;
                assert!(members.people.contains(id) || seen.is_subset(&reach));
                assert_eq!(seen, expected, "{} in a workgroup, seed {seed}", person.handle);
            }
            for _ in 0..6 {
                let words = *WORDS.choose(&mut chance).unwrap();
                let end =
                    words.char_indices().nth(chance.random_range(1..4)).map_or(words.len(), |(end, _)| end);
                let part = &words[..end];
                let matches = |client: &&Uuid| folded(&firm.clients[*client].words).contains(&folded(part));
                let expected: BTreeSet<_> = reach.iter().filter(matches).copied().collect();
                let seen = found(&actor, Value::Null, Some(part)).await;
                assert_eq!(seen, expected, "{} looks for {part:?}, seed {seed}", person.handle);
                if person.administers {
                    let expected: BTreeSet<_> = firm.clients.keys().filter(matches).copied().collect();
                    let seen = found(&actor, json!({ "pool": "DIRECTORY" }), Some(part)).await;
                    assert_eq!(seen, expected, "{} looks for {part:?} in the directory", person.handle);
                }
            }
            let decided = decisions(&actor, &clients).await;
            for client in &clients {
                let ways: BTreeSet<_> = firm.ways(*id, *client).into_iter().map(|way| (way, None)).collect();
                let expected =
                    firm::level(ways.iter().map(|(way, _)| way.as_str())).map(|level| (level, ways));
                assert_eq!(decided.get(client), expected.as_ref(), "{} of seed {seed}", person.handle);
            }
        }
    }
}

#[tokio::test]
async fn a_delegate_reaches_what_the_principal_reaches_as_far_as_the_scope_and_the_mode_go() {
    let seed = seed(23);
    for seed in seed..seed + FIRMS {
        println!("TEST_SEED={seed}");
        let (app, mut chance) = (house().await, StdRng::seed_from_u64(seed));
        let firm = Firm::draw(&app, &mut chance).await;
        let clients: Vec<_> = firm.clients.keys().copied().collect();
        let bo = app.actor("bo").await;
        for (id, person) in firm.people.iter().filter(|(_, person)| person.works) {
            let principal = app.actor(&person.handle).await;
            let mut terms =
                json!({ "scope": if chance.random() { json!(["VIEW", "EDIT"]) } else { json!(["VIEW"]) } });
            let mut reach = firm.reach(*id);
            if chance.random() {
                reach.retain(|_| chance.random());
                let listed = reach.iter().map(|id| encode(NodeType::Client, *id)).collect::<Vec<_>>();
                terms["clients"] = json!(listed);
            }
            let mode = if chance.random() { "READ_WRITE" } else { "READ_ONLY" };
            let edits = mode == "READ_WRITE" && terms["scope"] == json!(["VIEW", "EDIT"]);
            if terms["clients"] == json!([]) {
                continue;
            }
            let delegation = principal.granted("bo@harbour.example", terms).await;
            let started = bo.start(&delegation, mode).await;
            if mode == "READ_WRITE" && !edits {
                assert!(started.code().is_none_or(|code| code == "SCOPE_EXCEEDED"), "{}", started.json);
            }
            if started.code().is_none() {
                assert_eq!(
                    found(&bo, Value::Null, None).await,
                    reach,
                    "for {} of seed {seed}",
                    person.handle
                );
                let decided = decisions(&bo, &clients).await;
                assert_eq!(decided.keys().copied().collect::<BTreeSet<_>>(), reach);
                for (client, (level, ways)) in decided {
                    let expected = firm.working_ways(*id, client);
                    let expected =
                        expected.into_iter().map(|way| ("DELEGATION".to_owned(), Some(way))).collect();
                    assert_eq!(ways, expected, "for {} of seed {seed}", person.handle);
                    assert_eq!(
                        level,
                        if edits { "EDIT" } else { "VIEW" },
                        "for {} of seed {seed}",
                        person.handle
                    );
                }
                bo.stop().await;
            }
            principal.revoke(&delegation).await;
        }
    }
}

/// Who gains and loses what by an answer: (person, client) to the ways before and after.
type Changes = BTreeMap<(Uuid, Uuid), (BTreeSet<String>, BTreeSet<String>)>;

async fn make(actor: &Actor, change: &Change, dry_run: bool) -> Changes {
    let (name, mut input) = change.as_mutation();
    input["dryRun"] = json!(dry_run);
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let query = format!(
        "mutation ($input: {kind}!) {{ {name}(input: $input) {{ accessChanges {{ gainedCount lostCount
           changes {{ user {{ id }} clientId pathsBefore pathsAfter }} }} userErrors {{ code message }} }} }}"
    );
    let seen = actor.send(&query, json!({ "input": input })).await;
    assert_eq!(seen.code(), None, "{change:?}: {}", seen.json);
    let told = seen.at(&format!("/data/{name}/accessChanges"));
    let set = |ways: &Value| texts(ways).into_iter().collect::<BTreeSet<_>>();
    let of = |change: &Value| {
        let key = (uuid(&change["user"]["id"]), uuid(&change["clientId"]));
        (key, (set(&change["pathsBefore"]), set(&change["pathsAfter"])))
    };
    let changes: Changes = told["changes"].as_array().unwrap().iter().map(of).collect();
    let gained = changes.values().filter(|(before, _)| before.is_empty()).count();
    let lost = changes.values().filter(|(_, after)| after.is_empty()).count();
    assert_eq!((&told["gainedCount"], &told["lostCount"]), (&json!(gained), &json!(lost)));
    changes
}

fn difference(before: &Firm, after: &Firm) -> Changes {
    let pairs =
        before.people.keys().flat_map(|person| before.clients.keys().map(|client| (*person, *client)));
    let ways = |(person, client)| (before.working_ways(person, client), after.working_ways(person, client));
    pairs.map(|pair| (pair, ways(pair))).filter(|(_, (before, after))| before != after).collect()
}

#[tokio::test]
async fn a_change_that_is_tried_says_what_the_change_then_does() {
    let seed = seed(37);
    for seed in seed..seed + FIRMS {
        println!("TEST_SEED={seed}");
        let (app, mut chance) = (house().await, StdRng::seed_from_u64(seed));
        let mut firm = Firm::draw(&app, &mut chance).await;
        let mut actors = BTreeMap::new();
        for (id, person) in &firm.people {
            actors.insert(*id, app.actor(&person.handle).await);
        }
        for _ in 0..25 {
            let Some((by, change)) = firm.draw_change(&mut chance) else { continue };
            let after = firm.after(&change);
            let expected = difference(&firm, &after);
            assert_eq!(make(&actors[&by], &change, true).await, expected, "tried, {change:?}, seed {seed}");
            let people: Vec<_> = firm.people.keys().copied().collect();
            let somebody = *people.choose(&mut chance).unwrap();
            assert_eq!(
                found(&actors[&somebody], Value::Null, None).await,
                firm.reach(somebody),
                "nothing happened"
            );
            assert_eq!(make(&actors[&by], &change, false).await, expected, "done, {change:?}, seed {seed}");
            firm = after;
            assert_eq!(
                found(&actors[&somebody], Value::Null, None).await,
                firm.reach(somebody),
                "seed {seed}"
            );
        }
        for (person, actor) in &actors {
            assert_eq!(found(actor, Value::Null, None).await, firm.reach(*person), "in the end, seed {seed}");
        }
        remove_all_ways(&firm, &actors).await;
    }
}

/// Takes the ways to a client away one by one: it is reached as long as one is left, and then no more.
async fn remove_all_ways(firm: &Firm, actors: &BTreeMap<Uuid, Actor>) {
    let sam = &actors[&firm.admin()];
    let mut firm = firm.clone();
    for client in firm.clients.keys().copied().collect::<Vec<_>>() {
        for change in
            [Change::Primary(client, None), Change::Secondary(client, None), Change::Move(client, None)]
        {
            for (person, actor) in actors.iter().filter(|(id, _)| !firm.people[*id].administers) {
                let seen = decisions(actor, &[client]).await.remove(&client);
                let ways: BTreeSet<_> =
                    seen.map(|(_, ways)| ways.into_iter().map(|(way, _)| way).collect()).unwrap_or_default();
                assert_eq!(ways, firm.ways(*person, client));
            }
            make(sam, &change, false).await;
            firm = firm.after(&change);
        }
        for (_, actor) in actors.iter().filter(|(id, _)| !firm.people[*id].administers) {
            assert!(decisions(actor, &[client]).await.is_empty());
        }
    }
}
