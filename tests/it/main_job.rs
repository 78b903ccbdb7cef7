//! The whole way: a real book of business is imported, an adviser lets someone act for her, the mail arrives, that person
//! registers and reads her clients as her, and both stand in the log.

use crate::support::{Actor, app, stranger};
use std::path::Path;
use std::process::Command;

const PASSPHRASE: &str = "vier alte Frauen spielen Schach";

#[tokio::test]
async fn a49_pf_01_to_pf_22_from_an_imported_book_to_a_reader_in_her_name() {
    let app = app().await;
    let books = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chinook");
    let imported = locum(
        &app.database.url,
        &[
            "import",
            "--firm",
            "harbour",
            "--people",
            books.join("people.csv").to_str().unwrap(),
            "--clients",
            books.join("clients.csv").to_str().unwrap(),
            "--invite",
        ],
    )
    .await;
    assert!(imported.contains('8') && imported.contains("59"), "{imported}");

    let invitation = app.mail_to("jane@chinookcorp.com").await;
    stranger(&app.base).register_as(&invitation.token("/register"), "jpeacock", PASSPHRASE).await;
    let jane = Actor::sign_in(&app.base, "harbour", "jpeacock", PASSPHRASE).await;
    let clients = jane.client_names().await;
    assert_eq!(clients.len(), 21);
    assert!(
        clients.contains(&"Luís Gonçalves".to_owned()) && clients.contains(&"François Tremblay".to_owned()),
        "{clients:?}"
    );

    jane.add_back_office_user("bea@office.example").await;
    let mail = app.mail_to("bea@office.example").await;
    stranger(&app.base).register_as(&mail.token("/register"), "bea", PASSPHRASE).await;
    let bea = Actor::sign_in(&app.base, "harbour", "bea", PASSPHRASE).await;
    let principals = bea.send("{ viewer { principals { id } } }", serde_json::json!({})).await;
    bea.start(&principals.text("/data/viewer/principals/0/id"), "READ_ONLY").await;
    assert_eq!(bea.client_names().await, clients, "she sees what Jane sees");
    bea.stop().await;

    let seen = jane.events().await;
    let read = seen.iter().find(|event| event["type"] == "ImpersonatedAction").unwrap();
    assert_eq!((&read["actor"]["handle"], &read["principal"]["handle"]), (&"bea".into(), &"jpeacock".into()));
}

async fn locum(database: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_locum"));
    command.args(arguments).env("DATABASE_URL", database);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}
