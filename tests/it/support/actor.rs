//! People at the front door.

use reqwest::{Client, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

/// Someone with a browser: signed in, or a stranger.
#[derive(Clone)]
pub struct Actor {
    pub base: String,
    pub token: Option<String>,
    pub http: Client,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub json: Value,
}

/// Someone without a session.
pub fn stranger(base: &str) -> Actor {
    // The service brings its own along; a story that runs the program has none yet.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Actor { base: base.to_owned(), token: None, http: Client::new() }
}

impl Actor {
    /// Signs in; the story ends if that fails.
    pub async fn sign_in(base: &str, firm: &str, handle: &str, password: &str) -> Self {
        let mut actor = stranger(base);
        let answer = actor.try_sign_in(firm, handle, password).await;
        let token = answer
            .at("/data/signIn/token")
            .as_str()
            .unwrap_or_else(|| panic!("{handle} cannot sign in: {answer:?}"));
        actor.token = Some(token.to_owned());
        actor
    }

    /// Tries to sign in.
    pub async fn try_sign_in(&self, firm: &str, handle: &str, password: &str) -> Answer {
        let query = "mutation ($input: SignInInput!) { signIn(input: $input) { token deviceToken expiresAt user { id handle }
            userErrors { code message field } } }";
        self.send(query, json!({ "input": { "firm": firm, "username": handle, "password": password } })).await
    }

    /// Sends an operation.
    pub async fn send(&self, query: &str, variables: Value) -> Answer {
        self.send_with(query, variables, &[]).await
    }

    /// Sends an operation with further headers.
    pub async fn send_with(&self, query: &str, variables: Value, headers: &[(&str, &str)]) -> Answer {
        self.try_send(query, variables, headers).await.unwrap()
    }

    /// The same, where the other side may be gone, or go.
    pub async fn try_send(
        &self,
        query: &str,
        variables: Value,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let body = json!({ "query": query, "variables": variables });
        let mut request = self.http.post(format!("{}/graphql", self.base)).json(&body);
        request = request.header("accept", "application/graphql-response+json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {status} {text}"));
        Ok(Answer { status, headers, json })
    }

    /// Registers behind a link.
    pub async fn register_as(&self, token: &str, handle: &str, password: &str) -> Answer {
        let query = "mutation ($input: CompleteRegistrationInput!) { completeRegistration(input: $input) {
            user { handle name kind status } userErrors { code message field } } }";
        let input =
            json!({ "token": token, "handle": handle, "displayName": "Somebody New", "password": password });
        self.send(query, json!({ "input": input })).await
    }

    /// Lets someone act for this person; answers what came back.
    pub async fn add_back_office_user(&self, email: &str) -> Answer {
        let query = "mutation ($email: String!) { addBackOfficeUser(input: { email: $email }) {
            delegation { id email state scope delegate { handle } }
            userErrors { __typename code message field ... on LimitReachedError { limit current }
              ... on AmbiguousEmailError { handles } ... on ForbiddenError { rule grantableBy } } } }";
        self.send(query, json!({ "email": email })).await
    }

    /// Takes a delegation back.
    pub async fn revoke(&self, delegation: &str) -> Answer {
        let query = "mutation ($id: ID!) { revokeDelegation(input: { delegationId: $id }) {
            delegation { id state endedAt } userErrors { code message field } } }";
        self.send(query, json!({ "id": delegation })).await
    }

    /// Starts to act by a delegation.
    pub async fn start(&self, delegation: &str, mode: &str) -> Answer {
        let query = "mutation ($id: ID!, $mode: Mode!) { startImpersonation(input: { delegationId: $id, mode: $mode }) {
            impersonation { id mode expiresAt principal { handle name } } userErrors { code message field } } }";
        self.send(query, json!({ "id": delegation, "mode": mode })).await
    }

    /// Stops acting.
    pub async fn stop(&self) -> Answer {
        let query = "mutation { stopImpersonation { impersonation { id endedAt endReason } userErrors { code message field } } }";
        self.send(query, json!({})).await
    }

    /// The names of the clients that this person sees.
    pub async fn client_names(&self) -> Vec<String> {
        let answer = self.send("{ clients { edges { node { name } } } }", json!({})).await;
        let edges =
            answer.at("/data/clients/edges").as_array().unwrap_or_else(|| panic!("no clients: {answer:?}"));
        edges.iter().map(|edge| edge["node"]["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The events that this person hears of, oldest first.
    pub async fn events(&self) -> Vec<Value> {
        let query = "{ events(first: 100) { edges { node { id type data actor { handle } principal { handle } } } } }";
        let answer = self.send(query, json!({})).await;
        let edges =
            answer.at("/data/events/edges").as_array().unwrap_or_else(|| panic!("no events: {answer:?}"));
        edges.iter().map(|edge| edge["node"].clone()).collect()
    }
}

impl Answer {
    /// What stands at a JSON pointer; null if nothing.
    pub fn at(&self, pointer: &str) -> &Value {
        self.json.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The same, as text.
    pub fn text(&self, pointer: &str) -> String {
        self.at(pointer).as_str().unwrap_or_else(|| panic!("nothing at {pointer}: {}", self.json)).to_owned()
    }

    /// The code of the first error of the answer, or else of the first user error of its first field.
    pub fn code(&self) -> Option<String> {
        let top = self.at("/errors/0/extensions/code").as_str();
        let field = self.at("/data").as_object().and_then(|data| data.values().next());
        let user = field.and_then(|field| field.pointer("/userErrors/0/code")).and_then(Value::as_str);
        top.or(user).map(str::to_owned)
    }

    /// How many SQL statements it took.
    pub fn statements(&self) -> u64 {
        self.headers["x-locum-statements"].to_str().unwrap().parse().unwrap()
    }
}
