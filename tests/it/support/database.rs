//! A database for each story, copied from a template that is migrated once.

use locum::db::migrations;
use sha2::{Digest, Sha256};
use tokio_postgres::{Client, NoTls};

/// A database of one's own; dropped with the story.
pub struct Database {
    pub url: String,
    name: String,
}

impl Database {
    /// Copies the template.
    pub async fn create() -> Self {
        let template = template().await;
        let name = format!("story_{}", locum::id::new(chrono::DateTime::UNIX_EPOCH).simple());
        let admin = connect(&server()).await;
        admin.batch_execute(&format!("create database {name} template {template}")).await.unwrap();
        Self { url: url_of(&name), name }
    }

    /// A connection beside the service, as the owner of the database.
    pub async fn client(&self) -> Client {
        connect(&self.url).await
    }

    /// An empty database.
    pub async fn empty() -> Self {
        let name = format!("story_{}", locum::id::new(chrono::DateTime::UNIX_EPOCH).simple());
        connect(&server()).await.batch_execute(&format!("create database {name}")).await.unwrap();
        Self { url: url_of(&name), name }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (name, url) = (self.name.clone(), server());
        // The runtime is about to end, so this has one of its own.
        let drop = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let _ = connect(&url)
                    .await
                    .batch_execute(&format!("drop database if exists {name} with (force)"))
                    .await;
            });
        });
        let _ = drop.join();
    }
}

#[expect(clippy::disallowed_methods, reason = "bin/test says where the server is")]
fn server() -> String {
    std::env::var("DATABASE_URL").expect("run the tests with bin/test: it starts a PostgreSQL for them")
}

fn url_of(name: &str) -> String {
    let server = server();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The template's name; made if it is not there yet. Its name says which migrations it has.
async fn template() -> String {
    let name = format!("template_{}", &fingerprint()[..16]);
    let admin = connect(&server()).await;
    // Of many stories that start at once, one makes it.
    admin.batch_execute("select pg_advisory_lock(710001)").await.unwrap();
    let there = admin.query("select from pg_database where datname = $1", &[&name]).await.unwrap();
    if there.is_empty() {
        let making = format!("{name}_making");
        admin.batch_execute(&format!("drop database if exists {making}")).await.unwrap();
        admin.batch_execute(&format!("create database {making}")).await.unwrap();
        migrations::run(&url_of(&making)).await.unwrap();
        admin.batch_execute(&format!("alter database {making} rename to {name}")).await.unwrap();
    }
    admin.batch_execute("select pg_advisory_unlock(710001)").await.unwrap();
    name
}

fn fingerprint() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("up.sql")).collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(std::fs::read(file).unwrap());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
