//! The house itself: the direction of its arrows, its constraints, its migrations, its generated files.

use crate::support::{Database, app};
use locum::cli::catalogue;
use locum::db::migrations;
use locum::error::rules::RULES;
use locum::graphql::sdl;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Who may use whom: a floor knows the floors below it, and those that stand beside.
const FLOORS: [(&str, &[&str]); 9] = [
    ("cli", &["app", "http", "graphql", "delivery", "domain", "events", "db"]),
    ("app", &["http", "graphql", "delivery", "domain", "events", "db"]),
    ("http", &["graphql", "domain", "events", "db"]),
    ("graphql", &["domain", "events", "db"]),
    ("delivery", &["events", "db"]),
    ("domain", &["events", "db"]),
    ("events", &["db"]),
    ("db", &[]),
    ("beside", &[]),
];

/// Importable from everywhere, importing nothing of the house but each other.
const BESIDE: [&str; 15] = [
    "caller",
    "config",
    "defaults",
    "error",
    "id",
    "clock",
    "reach",
    "sealed",
    "secret",
    "signing",
    "text_enum",
    "row",
    "json_column",
    "payload",
    "connection",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The first word behind each `crate::` of a file.
fn uses(text: &str) -> BTreeSet<String> {
    let code =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        match part.strip_prefix('{') {
            Some(list) => {
                let list = list.split('}').next().unwrap_or_default();
                found.extend(
                    list.split(',').map(|one| one.trim().split("::").next().unwrap_or_default().to_owned()),
                );
            }
            None => {
                found.insert(part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
    found.remove("");
    found
}

#[test]
fn no_floor_knows_the_floors_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for file in sources(&root) {
        let inside = file.strip_prefix(&root).unwrap();
        let top = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if matches!(top, "main" | "lib") {
            continue;
        }
        let floor = if BESIDE.contains(&top) { "beside" } else { top };
        let allowed = FLOORS
            .iter()
            .find(|(name, _)| *name == floor)
            .unwrap_or_else(|| panic!("{top} is on no floor"))
            .1;
        for used in uses(&std::fs::read_to_string(&file).unwrap()) {
            if used != top && !BESIDE.contains(&used.as_str()) && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} uses {used}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_nouns_of_the_domain_are_acyclic() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain");
    let mut uses_of = BTreeMap::<String, BTreeSet<String>>::new();
    for file in sources(&root) {
        let noun = file
            .strip_prefix(&root)
            .unwrap()
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let nouns = text.split("crate::domain::").skip(1).chain(text.split("use super::").skip(1));
        let named = nouns.flat_map(|part| {
            let part = part.split(';').next().unwrap_or_default();
            part.trim_start_matches('{')
                .split([',', '{', '}', ':', ' ', '\n'])
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
        uses_of.entry(noun).or_default().extend(named);
    }
    let nouns: BTreeSet<_> = uses_of.keys().cloned().collect();
    for (noun, used) in &mut uses_of {
        used.retain(|other| nouns.contains(other) && other != noun);
    }
    // Take away whoever uses nobody, until nobody is left.
    while let Some(free) = uses_of.iter().find(|(_, used)| used.is_empty()).map(|(noun, _)| noun.clone()) {
        uses_of.remove(&free);
        uses_of.values_mut().for_each(|used| {
            used.remove(&free);
        });
    }
    assert!(uses_of.is_empty(), "these go in a circle: {uses_of:#?}");
}

#[tokio::test]
async fn every_named_constraint_has_a_rule_and_every_rule_a_constraint() {
    let database = Database::create().await;
    let rows = database
        .client()
        .await
        .query(
            "select conname::text from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'p'
             union select indexrelid::regclass::text from pg_index join pg_class on pg_class.oid = indrelid
             where relnamespace = 'public'::regnamespace and indisunique and not indisprimary
             union select 'events_append_only'",
            &[],
        )
        .await
        .unwrap();
    let in_database: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let in_rules: BTreeSet<String> = RULES.iter().map(|(name, _, _)| (*name).to_owned()).collect();
    assert_eq!(in_database, in_rules);
}

#[tokio::test]
async fn every_migration_can_be_taken_back_and_run_again() {
    let database = Database::empty().await;
    let client = database.client().await;
    let shape = async || -> Vec<String> {
        let columns = "select table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || coalesce(column_default, '')
             from information_schema.columns where table_schema = 'public'
             union all select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
             where connamespace = 'public'::regnamespace
             union all select indexdef from pg_indexes where schemaname = 'public'
             union all select proname || md5(prosrc) from pg_proc where pronamespace = 'public'::regnamespace
             union all select table_name || privilege_type from information_schema.role_table_grants where grantee = 'locum_app'";
        let mut rows: Vec<String> =
            client.query(columns, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        rows.sort();
        rows
    };
    let versions = migrations::run(&database.url).await.unwrap();
    assert_eq!(versions.len(), migrations::versions().unwrap().len());
    let whole = shape().await;
    for _ in &versions {
        migrations::revert(&database.url).await.unwrap();
    }
    let left: Vec<_> =
        shape().await.into_iter().filter(|row| !row.contains("__diesel_schema_migrations")).collect();
    assert!(left.is_empty(), "left behind: {left:#?}");
    migrations::run(&database.url).await.unwrap();
    assert_eq!(shape().await, whole);
}

#[test]
fn the_generated_files_are_fresh() {
    let read =
        |name: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    assert!(read("schema.graphql") == sdl(), "run bin/generate: schema.graphql is stale");
    assert!(read("docs/errors.md") == catalogue::errors(), "run bin/generate: docs/errors.md is stale");
    assert!(read("docs/events.md") == catalogue::events(), "run bin/generate: docs/events.md is stale");
}

#[tokio::test]
async fn diesels_schema_is_the_databases() {
    let database = Database::create().await;
    let rows = database
        .client()
        .await
        .query(
            "select table_name::text, column_name::text, is_nullable = 'YES', udt_name::text from information_schema.columns
             where table_schema = 'public' and table_name <> '__diesel_schema_migrations' order by table_name, ordinal_position",
            &[],
        )
        .await
        .unwrap();
    let mut in_database = BTreeSet::new();
    for row in rows {
        let (table, column, nullable, udt): (String, String, bool, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        let plain = |udt: &str| match udt {
            "uuid" => "Uuid",
            "text" => "Text",
            "bool" => "Bool",
            "int2" => "Int2",
            "int4" => "Int4",
            "int8" => "Int8",
            "timestamptz" => "Timestamptz",
            "bytea" => "Bytea",
            "jsonb" => "Jsonb",
            "date" => "Date",
            other => panic!("a type that the test does not know: {other}"),
        };
        let kind = match udt.strip_prefix('_') {
            Some(element) => format!("Array<{}>", plain(element)),
            None => plain(&udt).to_owned(),
        };
        in_database.insert(format!(
            "{table}.{column} {}",
            if nullable { format!("Nullable<{kind}>") } else { kind }
        ));
    }
    let mut in_diesel = BTreeSet::new();
    let (mut table, mut renamed) = (String::new(), None);
    for line in std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/db/schema.rs"))
        .unwrap()
        .lines()
    {
        let line = line.trim();
        if line.starts_with("diesel::joinable") {
            continue;
        }
        if let Some((name, _)) = line.split_once(" (").filter(|_| line.ends_with('{')) {
            table = name.to_owned();
        } else if let Some(name) = line.strip_prefix("#[sql_name = \"") {
            renamed = Some(name.trim_end_matches("\"]").to_owned());
        } else if let Some((column, kind)) = line.split_once(" -> ") {
            let column = renamed.take().unwrap_or_else(|| column.to_owned());
            in_diesel.insert(format!("{table}.{column} {}", kind.trim_end_matches(',')));
        }
    }
    assert_eq!(in_database, in_diesel, "run bin/generate");
}

#[tokio::test]
async fn i22_the_service_cannot_change_the_log() {
    let app = app().await;
    let client = app.database.client().await;
    client.batch_execute("set role locum_app").await.unwrap();
    for attempt in [
        "update events set type = 'x'",
        "delete from events",
        "truncate events",
        "delete from event_audience",
    ] {
        let refused = client.batch_execute(attempt).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "{attempt}");
    }
    client.batch_execute("reset role").await.unwrap();
    let refused = client.batch_execute("delete from events").await.unwrap_err();
    assert_eq!(refused.as_db_error().unwrap().constraint(), Some("events_append_only"));
}

#[tokio::test]
async fn i22_the_log_has_no_gaps_and_its_chain_holds() {
    let app = app().await;
    let ana = app.actor("ana").await;
    for round in 0..5 {
        let added = ana.add_back_office_user(&format!("round{round}@else.example")).await;
        ana.revoke(&added.text("/data/addBackOfficeUser/delegation/id")).await;
    }
    let broken = app
        .database
        .client()
        .await
        .query(
            "select position from (
               select e.*, lag(hash, 1, '\\x'::bytea) over w as before, row_number() over w as expected, event_hash(e) as computed
               from events e window w as (partition by firm_id order by position)) chained
             where position <> expected or previous_hash <> before or hash <> computed",
            &[],
        )
        .await
        .unwrap();
    assert!(broken.is_empty());
}
