//! What people do about delegations, impersonations and the cases that they are for.

use super::{Actor, Answer};
use serde_json::{Value, json};

impl Actor {
    /// Lets someone act, on whatever terms the input has; answers what came back.
    pub async fn grant(&self, email: &str, terms: Value) -> Answer {
        let mut input = json!({ "email": email });
        input.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
        let query = "mutation ($input: AddBackOfficeUserInput!) { addBackOfficeUser(input: $input) {
            delegation { id state scope version validFrom validUntil holdsNow allClients reasonRequired
              onlyClients { name } schedule { day from until } delegate { handle } }
            userErrors { __typename code message field } } }";
        self.send(query, json!({ "input": input })).await
    }

    /// The same, which has to succeed; answers the delegation's id.
    pub async fn granted(&self, email: &str, terms: Value) -> String {
        self.grant(email, terms).await.text("/data/addBackOfficeUser/delegation/id")
    }

    /// Changes a delegation's terms.
    pub async fn update_delegation(&self, id: &str, version: i64, terms: Value) -> Answer {
        let mut input = json!({ "delegationId": id, "expectedVersion": version });
        input.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
        let query = "mutation ($input: UpdateDelegationInput!) { updateDelegation(input: $input) {
            delegation { id state scope version validFrom validUntil holdsNow allClients reasonRequired
              onlyClients { name } schedule { day from until } }
            userErrors { __typename code message field ... on ConflictError { currentVersion } } } }";
        self.send(query, json!({ "input": input })).await
    }

    /// Does not want to act by a delegation any more.
    pub async fn decline(&self, id: &str) -> Answer {
        let query = "mutation ($id: ID!) { declineDelegation(input: { delegationId: $id }) {
            delegation { id state endedAt } userErrors { code message field } } }";
        self.send(query, json!({ "id": id })).await
    }

    /// Has the invitation sent again.
    pub async fn resend(&self, id: &str) -> Answer {
        let query = "mutation ($id: ID!) { resendDelegationInvite(input: { delegationId: $id }) {
            delegation { id state } userErrors { code message field } } }";
        self.send(query, json!({ "id": id })).await
    }

    /// Starts to act, for a reason.
    pub async fn start_because(&self, id: &str, reason: Option<&str>) -> Answer {
        let query = "mutation ($id: ID!, $reason: String) { startImpersonation(input: { delegationId: $id, reason: $reason }) {
            impersonation { id expiresAt } userErrors { code message field } } }";
        self.send(query, json!({ "id": id, "reason": reason })).await
    }

    /// Ends an impersonation of this person.
    pub async fn end_of_me(&self, id: &str) -> Answer {
        let query = "mutation ($id: ID!) { endImpersonationOfMe(input: { impersonationId: $id }) {
            impersonation { id endedAt endReason } userErrors { code message field } } }";
        self.send(query, json!({ "id": id })).await
    }

    /// Who acts or acted for this person, newest first, and what they did.
    pub async fn impersonations_of_me(&self) -> Answer {
        let query = "{ viewer { impersonationsOfMe(first: 15) { totalCount edges { node { id mode reason startedAt endedAt endReason
            actor { handle name } events(first: 25) { edges { node { type actor { handle } principal { handle } data } } } } } } } }";
        self.send(query, json!({})).await
    }

    /// The id of a client that this person sees.
    pub async fn client_id(&self, name: &str) -> String {
        let answer = self.send("{ clients { edges { node { id name } } } }", json!({})).await;
        let edges = answer.at("/data/clients/edges").as_array().unwrap().clone();
        let edge = edges.iter().find(|edge| edge["node"]["name"] == name);
        edge.unwrap_or_else(|| panic!("no client {name}: {answer:?}"))["node"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Opens a case.
    pub async fn create_case(&self, client: &str, title: &str, facts: Value) -> Answer {
        let query = "mutation ($input: CreateCaseInput!) { createCase(input: $input) {
            case { id title state version facts { name value } client { name } } userErrors { __typename code message field
              ... on ForbiddenError { rule grantableBy } } } }";
        let input = json!({ "clientId": client, "title": title, "facts": facts });
        self.send(query, json!({ "input": input })).await
    }

    /// Changes a case.
    pub async fn update_case(&self, id: &str, version: i64, change: Value) -> Answer {
        let mut input = json!({ "caseId": id, "expectedVersion": version });
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let query = "mutation ($input: UpdateCaseInput!) { updateCase(input: $input) {
            case { id title state version facts { name value } } userErrors { __typename code message field
              ... on ConflictError { currentVersion } } } }";
        self.send(query, json!({ "input": input })).await
    }

    /// Asks for a link to print a case.
    pub async fn print_case(&self, id: &str) -> Answer {
        let query = "mutation ($id: ID!) { printCase(input: { caseId: $id }) { url expiresAt case { id }
            userErrors { __typename code message field } } }";
        self.send(query, json!({ "id": id })).await
    }

    /// Changes a client.
    pub async fn update_client(&self, id: &str, version: i64, change: Value) -> Answer {
        let mut input = json!({ "clientId": id, "expectedVersion": version });
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let query = "mutation ($input: UpdateClientInput!) { updateClient(input: $input) {
            client { id name emails type reference version } userErrors { __typename code message field
              ... on ConflictError { currentVersion } } } }";
        self.send(query, json!({ "input": input })).await
    }
}
