//! What the bad cases of `tests/fixtures/import` are told, as far as no database is needed.

use super::roster::Roster;
use super::row::Examined;
use super::*;
use crate::caller::Kind;
use crate::domain::user::{Status, User};
use chrono::DateTime;
use std::fs::File;

fn source(name: &str) -> Option<Source> {
    let path = format!("{}/tests/fixtures/import/{name}", env!("CARGO_MANIFEST_DIR"));
    let content = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    Some(Source { name: name.to_owned(), content: Box::new(content) })
}

/// The firm has Ana and Ben, who advise, and Asa, who assists.
fn roster() -> Roster {
    let mut roster = Roster::new();
    for (handle, kind) in [("ana", Kind::Adviser), ("ben", Kind::Adviser), ("asa", Kind::Assistant)] {
        roster.note(&User {
            firm_id: Uuid::nil(),
            id: crate::id::new(DateTime::UNIX_EPOCH),
            handle: handle.to_owned(),
            email: format!("{handle}@harbour.example"),
            display_name: handle.to_owned(),
            kind,
            capabilities: Vec::new(),
            status: Status::Active,
            can_login: true,
            version: 1,
        });
    }
    roster
}

/// The report of a file, and how many rows could be added.
async fn report(name: &str) -> (Vec<String>, usize) {
    let (mut told, mut good) = (Vec::new(), 0);
    let mut report = Report::new(|row| told.push(row.to_string()));
    let is_people = name.starts_with("people");
    let (people, clients) = if is_people { (source(name), None) } else { (None, source(name)) };
    let files = Files::open(people, clients, &mut report).await.unwrap_or_else(|error| panic!("{error:?}"));
    let table = files.and_then(|files| files.people.or(files.clients));
    let (mut roster, mut lines) = (if is_people { Roster::new() } else { roster() }, clients::Lines::new());
    if let Some(mut table) = table {
        while let Some(stretch) = table.next().await {
            let rows = stretch.unwrap_or_else(|broken| {
                report.refuse(vec![broken]);
                Vec::new()
            });
            for mut row in rows.iter().filter_map(|row| Examined::begin(row, &table.columns)) {
                if is_people {
                    people::draft(&mut row, &mut roster);
                } else {
                    clients::draft(&mut row, &roster, &mut lines);
                }
                good += usize::from(!row.is_refused());
                report.refuse(row.refused(&table.file).into_iter().collect());
            }
        }
    }
    drop(report);
    (told, good)
}

#[tokio::test]
async fn a49_what_is_right_is_taken_in_every_form() {
    let files = [
        ("people.csv", 3),
        ("people_bom_crlf.csv", 2),
        ("people_header_only.csv", 0),
        ("clients.csv", 3),
        ("clients_quoted.csv", 2),
        ("clients_header_only.csv", 0),
    ];
    for (file, rows) in files {
        assert_eq!(report(file).await, (vec![], rows), "{file}");
    }
}

#[tokio::test]
async fn a49_each_refused_row_says_where_and_why() {
    let nobody = "there is no such person, neither among the imported people nor in the firm";
    let cases = [
        ("people_duplicate_handle.csv", vec![r#"4: handle "ANA": stands in line 2 already"#.to_owned()]),
        (
            "people_bad_values.csv",
            vec![
                r#"2: handle "a": A user ID has 2 to 64 letters, digits, '.', '_' or '-'"#.to_owned(),
                r#"3: email "not-an-address": This is not an email address"#.to_owned(),
                r#"4: display_name "": This must not be empty"#.to_owned(),
                r#"5: kind "BOSS": is not one of ADVISER, ASSISTANT, BACK_OFFICE, COMPANY_REP"#.to_owned(),
                r#"6: handle "": This must not be empty; email "": This must not be empty; display_name "Eve\nAdams": "#
                    .to_owned()
                    + "This has a character that cannot be taken (such as a line break)",
            ],
        ),
        (
            "people_ragged.csv",
            vec!["2: the row has 3 cells, the header has 4".to_owned(), "3: the row has 5 cells, the header has 4".to_owned()],
        ),
        ("people_nul.csv", vec![r#"2: display_name "Ana\0Underwood": holds a NUL character"#.to_owned()]),
        (
            "people_latin1.csv",
            vec!["3: display_name \"Lu\u{fffd}s Gon\u{fffd}alves\": is not UTF-8; save the file as \"CSV UTF-8\"".to_owned()],
        ),
        (
            "people_latin1_inside_quotes.csv",
            vec!["3: display_name \"Ana\\nUnderw\u{fffd}od\": is not UTF-8; save the file as \"CSV UTF-8\"".to_owned()],
        ),
        (
            "clients_unknown_adviser.csv",
            vec![format!(r#"2: primary_adviser "nobody": {nobody}"#), format!(r#"3: secondary_adviser "ghost": {nobody}"#)],
        ),
        (
            "clients_assistant_adviser.csv",
            vec![r#"2: primary_adviser "asa": is of the kind ASSISTANT and cannot advise clients; only an ADVISER can"#.to_owned()],
        ),
        (
            "clients_same_adviser_twice.csv",
            vec![r#"2: secondary_adviser "Ana": is the primary adviser already"#.to_owned()],
        ),
        ("clients_duplicate_reference.csv", vec![r#"4: reference "C-1": stands in line 2 already"#.to_owned()]),
        (
            "clients_bad_values.csv",
            vec![
                r#"2: reference "": This must not be empty"#.to_owned(),
                r#"3: name "": This must not be empty"#.to_owned(),
                r#"4: email "l@z.example; nope": "nope" is not an email address"#.to_owned(),
            ],
        ),
        (
            "clients_several_mistakes_in_a_row.csv",
            vec![
                r#"2: reference "": This must not be empty; name "": This must not be empty; "#.to_owned()
                    + r#"email "nope": This is not an email address; primary_adviser "nobody": "#
                    + nobody,
            ],
        ),
        ("clients_open_quote.csv", vec!["2: a quotation mark opens here and is never closed".to_owned()]),
    ];
    for (file, lines) in cases {
        let expected: Vec<_> = lines.into_iter().map(|line| format!("{file}:{line}")).collect();
        assert_eq!(report(file).await.0, expected);
    }
}

#[tokio::test]
async fn a49_a_header_or_a_file_that_cannot_be_taken_says_why() {
    let cases = [
        ("people_missing_column.csv", "1: email: the column is missing"),
        ("people_duplicate_column.csv", "1: email: the column stands there twice, as column 2 and 4"),
        ("people_unnamed_column.csv", "1: column 4: the column has no name"),
        ("people_utf16.csv", "1: the file is UTF-16; save it as \"CSV UTF-8\""),
        ("clients_misspelt_column.csv", "1: primary_advisor: is this the column primary_adviser? Name it so"),
        ("empty.csv", "1: the file is empty; its first line names the columns, at least reference,name"),
        (
            "clients_text_behind_quote.csv",
            "3: text stands behind a closing quotation mark; inside a quoted cell write it twice (\"\")",
        ),
    ];
    for (file, line) in cases {
        assert_eq!(report(file).await, (vec![format!("{file}:{line}")], 0));
    }
    assert!(report("people_semicolons.csv").await.0.iter().all(|line| line.contains("separated by ';'")));
}
