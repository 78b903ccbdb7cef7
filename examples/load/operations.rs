//! What is asked of the service.

use crate::client::{Answer, Connection, graphql};
use crate::firm::{PASSPHRASE, SLUG};
use crate::measure::Work;
use anyhow::Context;
use serde_json::json;

/// For whom a back-office user may act.
pub const PRINCIPALS: &str = "{ viewer { principals { principal { name } scope } } }";
/// A page of an adviser's clients.
pub const CLIENTS: &str =
    "{ clients(first: 50) { edges { node { name primaryAdviser { name } secondaryAdviser { name } } } } }";
/// A page of an adviser's cases with what they say.
const CASES: &str =
    "{ cases(first: 20) { edges { node { title state facts { name value } client { name } } } } }";
const START: &str = "mutation ($id: ID!) { startImpersonation(input: { delegationId: $id }) {
    impersonation { id } userErrors { code } } }";
const STOP: &str = "mutation { stopImpersonation { impersonation { endReason } userErrors { code } } }";
pub const ADD: &str = "mutation ($email: String!) { addBackOfficeUser(input: { email: $email }) {
    delegation { id } userErrors { code } } }";
pub const REVOKE: &str = "mutation ($id: ID!) { revokeDelegation(input: { delegationId: $id }) {
    delegation { state } userErrors { code } } }";
const SIGN_IN: &str = "mutation ($firm: String!, $username: String!, $password: String!) {
    signIn(input: { firm: $firm, username: $username, password: $password }) { token userErrors { code } } }";

/// The same requests in turn, each of which has this in its answer.
pub struct Asking {
    requests: Vec<Vec<u8>>,
    next: usize,
    expected: &'static str,
}

impl Asking {
    /// For the back-office user's principals.
    pub fn principals(token: &str) -> Self {
        let requests = vec![graphql(Some(token), PRINCIPALS, &json!({}))];
        Self { requests, next: 0, expected: "\"scope\":[\"VIEW\",\"EDIT\",\"PRINT\"]" }
    }

    /// For an adviser's clients.
    pub fn clients(token: &str) -> Self {
        let requests = vec![graphql(Some(token), CLIENTS, &json!({}))];
        Self { requests, next: 0, expected: "\"secondaryAdviser\":{\"name\":" }
    }

    /// For an adviser's cases.
    pub fn cases(token: &str) -> Self {
        let requests = vec![graphql(Some(token), CASES, &json!({}))];
        Self { requests, next: 0, expected: "\"facts\":[{\"name\":" }
    }

    /// For new sessions of these people in turn.
    pub fn sign_ins<'h>(handles: impl Iterator<Item = &'h str>) -> Self {
        let variables = |handle| json!({ "firm": SLUG, "username": handle, "password": PASSPHRASE });
        let requests = handles.map(|handle| graphql(None, SIGN_IN, &variables(handle))).collect();
        Self { requests, next: 0, expected: "\"userErrors\":[]" }
    }

    /// Asks once; answers what came back.
    pub async fn ask<'c>(&mut self, connection: &'c mut Connection) -> anyhow::Result<Answer<'c>> {
        let request = self.requests.get(self.next).context("there is nothing to ask")?;
        self.next = (self.next + 1) % self.requests.len();
        let answer = connection.ask(request).await?;
        answer.check(self.expected)?;
        Ok(answer)
    }
}

impl Work for Asking {
    async fn once(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        self.ask(connection).await.map(drop)
    }
}

/// A delegate who begins to act for a principal, reads their clients, and stops.
pub struct Acting {
    start: Vec<u8>,
    read: Vec<u8>,
    stop: Vec<u8>,
}

impl Acting {
    /// In the session with this token, by a delegation.
    pub fn by(token: &str, delegation: &str) -> Self {
        let start = graphql(Some(token), START, &json!({ "id": delegation }));
        let (read, stop) =
            (graphql(Some(token), CLIENTS, &json!({})), graphql(Some(token), STOP, &json!({})));
        Self { start, read, stop }
    }

    /// Begins, and does not stop.
    pub async fn begin(&self, connection: &mut Connection) -> anyhow::Result<()> {
        connection.ask(&self.start).await?.check("\"userErrors\":[]")
    }
}

impl Work for Acting {
    async fn once(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        self.begin(connection).await?;
        connection.ask(&self.read).await?.check("\"secondaryAdviser\":{\"name\":")?;
        connection.ask(&self.stop).await?.check("\"endReason\":\"STOPPED\"")
    }
}

/// A principal who lets someone act for them, and takes it back.
pub struct Delegating {
    token: String,
    /// Part of the addresses, which are all different.
    name: String,
    round: usize,
}

impl Delegating {
    /// The principal with this token.
    pub fn of(token: &str, name: String) -> Self {
        Self { token: token.to_owned(), name, round: 0 }
    }

    /// Sends the first half; answers the address and what came back. The address is outside of the firm.
    pub async fn add<'c>(&mut self, connection: &'c mut Connection) -> anyhow::Result<(String, Answer<'c>)> {
        self.round += 1;
        let email = format!("{}.{}@else.example", self.name, self.round);
        let answer = connection.ask(&graphql(Some(&self.token), ADD, &json!({ "email": email }))).await?;
        answer.check("\"userErrors\":[]")?;
        Ok((email, answer))
    }

    /// Sends the second half.
    pub async fn revoke<'c>(&self, connection: &'c mut Connection, id: &str) -> anyhow::Result<Answer<'c>> {
        let answer = connection.ask(&graphql(Some(&self.token), REVOKE, &json!({ "id": id }))).await?;
        answer.check("\"state\":\"REVOKED\"")?;
        Ok(answer)
    }
}

/// The delegation's id in the answer to the first half.
pub fn delegation_id(body: &str) -> anyhow::Result<String> {
    let id = body.split_once("\"id\":\"").and_then(|(_, rest)| rest.split_once('"'));
    Ok(id.with_context(|| format!("no delegation in {body}"))?.0.to_owned())
}

impl Work for Delegating {
    async fn once(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let (_, answer) = self.add(connection).await?;
        let id = delegation_id(answer.body)?;
        self.revoke(connection, &id).await.map(drop)
    }
}
