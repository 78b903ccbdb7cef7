//! What people do about their own accounts.

use super::{Actor, Answer};
use serde_json::{Value, json};

impl Actor {
    /// Signs in with whatever the input has.
    pub async fn sign_in_with(&self, input: Value, headers: &[(&str, &str)]) -> Answer {
        let query = "mutation ($input: SignInInput!) { signIn(input: $input) { token deviceToken expiresAt user { handle }
            userErrors { code message field } } }";
        self.send_with(query, json!({ "input": input }), headers).await
    }

    /// Whose data this person sees, by handle; or the code of the refusal.
    pub async fn who(&self) -> String {
        let answer = self.send("{ viewer { user { handle } } }", json!({})).await;
        answer.code().unwrap_or_else(|| answer.text("/data/viewer/user/handle"))
    }

    /// The same person with another token.
    pub fn with(&self, token: &str) -> Self {
        let mut same = self.clone();
        same.token = Some(token.to_owned());
        same
    }

    /// The same person at another server.
    pub fn at(&self, base: &str) -> Self {
        let mut same = self.clone();
        same.base = base.to_owned();
        same
    }

    /// Ends this session.
    pub async fn sign_out(&self) -> Answer {
        self.send("mutation { signOut { signedOut userErrors { code } } }", json!({})).await
    }

    /// Ends all sessions of this person.
    pub async fn sign_out_everywhere(&self) -> Answer {
        self.send("mutation { signOutEverywhere { signedOut userErrors { code } } }", json!({})).await
    }

    /// Registers a firm, whose first user is `kim` unless the input says otherwise.
    pub async fn register_firm(&self, slug: &str, other: Value) -> Answer {
        let mut input = json!({ "slug": slug, "name": "Meadow Advisers", "timeZone": "Europe/Lisbon", "handle": "kim",
            "email": format!("kim@{slug}.example"), "displayName": "Kim Vale" });
        input.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let query = "mutation ($input: RegisterFirmInput!) { registerFirm(input: $input) { firm { slug name timeZone }
            userErrors { __typename code message field ... on ForbiddenError { rule grantableBy } } } }";
        self.send(query, json!({ "input": input })).await
    }

    /// Invites someone to the firm: an adviser, unless the input says otherwise.
    pub async fn invite(&self, handle: &str, email: &str, other: Value) -> Answer {
        let mut input =
            json!({ "handle": handle, "email": email, "displayName": "Cleo Marsh", "kind": "ADVISER" });
        input.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let query = "mutation ($input: InviteUserInput!) { inviteUser(input: $input) { user { handle name email kind status capabilities }
            userErrors { __typename code message field ... on ForbiddenError { rule grantableBy } } } }";
        self.send(query, json!({ "input": input })).await
    }

    /// Completes a registration behind a mail's link.
    pub async fn register(&self, token: &str, password: &str) -> Answer {
        self.register_with(json!({ "token": token, "password": password })).await
    }

    /// The same, with whatever the input has.
    pub async fn register_with(&self, input: Value) -> Answer {
        let query = "mutation ($input: CompleteRegistrationInput!) { completeRegistration(input: $input) {
            user { handle name status } userErrors { code message field } } }";
        self.send(query, json!({ "input": input })).await
    }

    /// Changes the own password.
    pub async fn change_password(&self, current: &str, new: &str) -> Answer {
        let query = "mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { token changed
            userErrors { code message field } } }";
        self.send(query, json!({ "input": { "currentPassword": current, "newPassword": new } })).await
    }

    /// Asks for a link to set a new password.
    pub async fn request_reset(&self, firm: &str, username: &str) -> Answer {
        let query =
            "mutation ($input: RequestPasswordResetInput!) { requestPasswordReset(input: $input) { requested
            userErrors { code message field } } }";
        self.send(query, json!({ "input": { "firm": firm, "username": username } })).await
    }

    /// Sets a new password behind a mail's link.
    pub async fn reset_password(&self, token: &str, new: &str) -> Answer {
        let query = "mutation ($input: ResetPasswordInput!) { resetPassword(input: $input) { user { handle }
            userErrors { code message field } } }";
        self.send(query, json!({ "input": { "token": token, "newPassword": new } })).await
    }
}

impl Answer {
    /// All of it that must not depend on who exists: the status, the names of the headers, the number of statements,
    /// and the body without ids, times and what is left of the allowance.
    pub fn shape(&self) -> (u16, Vec<String>, u64, Value) {
        let mut json = self.json.clone();
        forget(&mut json);
        let mut names: Vec<_> = self.headers.keys().map(|name| name.to_string()).collect();
        names.sort();
        (self.status.as_u16(), names, self.statements(), json)
    }
}

fn forget(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for name in ["id", "createdAt", "remaining"] {
                if let Some(value) = object.get_mut(name) {
                    *value = Value::Null;
                }
            }
            object.values_mut().for_each(forget);
        }
        Value::Array(list) => list.iter_mut().for_each(forget),
        _ => {}
    }
}
