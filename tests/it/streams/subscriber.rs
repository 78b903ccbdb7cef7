//! `examples/subscriber.rs`, which people copy: it misses nothing, whatever happens to its line, the service or itself.

use crate::support::{Actor, Program, TestApp, app, eventually};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What leads to a server, until it is cut.
fn line(listener: TcpListener, server: SocketAddr) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(server).await.unwrap();
            let _ = copy_bidirectional(&mut near, &mut far).await;
        }
    })
}

fn subscriber(socket: &str, actor: &Actor, cursor_file: &Path) -> Program {
    let examples = Path::new(env!("CARGO_BIN_EXE_locum")).with_file_name("examples");
    let mut command = Command::new(examples.join("subscriber"));
    command.env("LOCUM_SOCKET", socket).env("LOCUM_CURSOR_FILE", cursor_file);
    command.env("LOCUM_TOKEN", actor.token.as_ref().unwrap()).stderr(Stdio::null());
    Program::start(command)
}

struct Following {
    program: Program,
    /// The version of which it told last.
    version: i64,
}

impl Following {
    /// That it tells of so many changes, in their order.
    async fn tells(&mut self, count: i64) {
        for version in self.version + 1..=self.version + count {
            let line = self.program.line_with("UserUpdated").await;
            let (_, data) = line.split_once("\"UserUpdated\" ").unwrap();
            assert_eq!(serde_json::from_str::<Value>(data).unwrap()["version"], version, "{line}");
        }
        self.version += count;
    }
}

async fn change(actor: &Actor, times: usize) {
    let query =
        "mutation { updateProfile(input: { displayName: \"Ana Underwood\" }) { userErrors { code } } }";
    for _ in 0..times {
        let answer = actor.send(query, json!({})).await;
        assert_eq!(answer.at("/data/updateProfile/userErrors"), &json!([]));
    }
}

async fn version(app: &TestApp) -> i64 {
    app.count("select version::bigint from users where email = 'ana@harbour.example'").await
}

#[tokio::test]
async fn the_subscriber_to_be_copied_goes_on_where_it_was() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = listener.local_addr().unwrap();
    let socket = format!("ws://{near}/graphql");
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.cursor", near.port()));
    let _ = std::fs::remove_file(&file);

    let first = line(listener, app.running.address);
    let program = subscriber(&socket, &ana, &file);
    let mut following = Following { program, version: version(&app).await };
    eventually("it has a cursor", async || file.exists().then_some(())).await;
    change(&ana, 3).await;
    following.tells(3).await;

    // Its line is cut, and it comes back to another server.
    let other = app.second_server().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    change(&ana, 3).await;
    let _second = line(TcpListener::bind(near).await.unwrap(), other.address);
    following.tells(3).await;

    // It is killed, and starts anew.
    drop(following.program);
    change(&ana, 3).await;
    following.program = subscriber(&socket, &ana, &file);
    following.tells(3).await;

    // When the session is over, it says so and ends.
    ana.sign_out().await;
    let end = eventually("it ends", async || following.program.child.try_wait().unwrap()).await;
    assert!(!end.success());
    std::fs::remove_file(&file).unwrap();
}
