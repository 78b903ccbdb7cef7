//! What people do about workgroups, and about whose clients are.

use super::{Actor, Answer, PASSPHRASE, TestApp};
use serde_json::{Value, json};

const GROUP: &str = "workgroup { id description memberCount version owner { handle } }";
const CHANGES: &str =
    "accessChanges { gainedCount lostCount peopleCount changes { user { handle } client { name }
    levelBefore levelAfter pathsBefore pathsAfter } }";
const INVITE: &str =
    "invite { id workgroupId workgroupDescription inviter { handle } invitee { handle } expiresAt }";
const CLIENT: &str = "client { id name type version primaryAdviser { handle } secondaryAdviser { handle }
    workgroup { id description } }";

impl Actor {
    /// Calls a mutation about workgroups or clients with whatever the input has.
    pub async fn call(&self, mutation: &str, input: Value) -> Answer {
        self.call_with(mutation, input, &[]).await
    }

    /// The same with further headers.
    pub async fn call_with(&self, mutation: &str, input: Value, headers: &[(&str, &str)]) -> Answer {
        let fields = match mutation {
            "createWorkgroup" | "updateWorkgroup" | "joinWorkgroup" => GROUP.to_owned(),
            "restoreWorkgroup" => format!("leftOutCount {GROUP} {CHANGES}"),
            "inviteToWorkgroup" | "ignoreInvite" | "revokeInvite" => INVITE.to_owned(),
            "setDefaultWorkgroup" => "user { handle }".to_owned(),
            "createClient" => CLIENT.to_owned(),
            "setClientWorkgroup" | "setClientAdvisers" => format!("{CLIENT} {CHANGES}"),
            _ => format!("{GROUP} {CHANGES}"),
        };
        let type_of_input = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!(
            "mutation ($input: {type_of_input}!) {{ {mutation}(input: $input) {{ {fields} userErrors {{ __typename code message field
              ... on ConflictError {{ currentVersion }} ... on ForbiddenError {{ rule grantableBy }}
              ... on WorkgroupChoiceError {{ choices {{ id description }} }} }} }} }}"
        );
        self.send_with(&query, json!({ "input": input }), headers).await
    }

    /// Creates a workgroup; answers its id.
    pub async fn workgroup(&self, description: &str) -> String {
        let created = self.call("createWorkgroup", json!({ "description": description })).await;
        created.text("/data/createWorkgroup/workgroup/id")
    }

    /// Invites somebody; answers the invite's id.
    pub async fn invited(&self, group: &str, handle: &str) -> String {
        let invited = self.try_invite(group, handle).await;
        invited.text("/data/inviteToWorkgroup/invite/id")
    }

    pub async fn try_invite(&self, group: &str, handle: &str) -> Answer {
        self.call("inviteToWorkgroup", json!({ "workgroupId": group, "handle": handle })).await
    }

    pub async fn join(&self, invite: &str) -> Answer {
        self.call("joinWorkgroup", json!({ "inviteId": invite })).await
    }

    /// Takes somebody into a workgroup of this person's.
    pub async fn takes_in(&self, group: &str, other: &Actor) {
        let invite = self.invited(group, &other.who().await).await;
        assert_eq!(other.join(&invite).await.code(), None);
    }

    /// Puts a client into a workgroup; answers its id.
    pub async fn shares(&self, client: &str, group: &str) -> String {
        let id = self.client_id(client).await;
        let put = self.call("setClientWorkgroup", json!({ "clientId": id, "workgroupId": group })).await;
        assert_eq!(put.code(), None, "{client}");
        id
    }

    /// The person's own global id.
    pub async fn id(&self) -> String {
        self.send("{ viewer { actor { id } } }", json!({})).await.text("/data/viewer/actor/id")
    }

    /// The profile page: a person's workgroups, invites, default, and how they may add clients.
    pub async fn profile(&self) -> Value {
        let groups = "totalCount edges { node { id description memberCount owner { handle } } }";
        let query = format!(
            "{{ viewer {{ workgroupsCreated {{ {groups} }} workgroupsJoined {{ {groups} }} defaultWorkgroup {{ id description }}
              invites {{ totalCount edges {{ node {{ {} }} }} }}
              addClientRule {{ __typename ... on FreeAdd {{ defaultWorkgroup {{ id }} }} ... on FixedAdd {{ workgroup {{ id owner {{ handle }} }} }}
                ... on ChooseAdd {{ workgroups {{ id description }} }} ... on ImpossibleAdd {{ code reason }} }} }} }}",
            &INVITE[9..INVITE.len() - 2]
        );
        let answer = self.send(&query, json!({})).await;
        assert_eq!(answer.code(), None, "{}", answer.json);
        answer.at("/data/viewer").clone()
    }

    /// The types of the events that this person has heard of since a number of them, each with its data.
    pub async fn heard_since(&self, count: usize) -> Vec<(String, Value)> {
        let events = self.events().await.into_iter().skip(count);
        events.map(|event| (event["type"].as_str().unwrap().to_owned(), event["data"].clone())).collect()
    }
}

impl Answer {
    /// What the first field of the answer has at a JSON pointer.
    pub fn of(&self, pointer: &str) -> &Value {
        let first = self.at("/data").as_object().and_then(|data| data.values().next());
        first.and_then(|field| field.pointer(pointer)).unwrap_or(&Value::Null)
    }

    /// Who gains and who loses which client: `ana +Chidi Okafor`, `ben -Chidi Okafor`, `ben ~Chidi Okafor`.
    pub fn changes(&self) -> Vec<String> {
        let changes = self.of("/accessChanges/changes").as_array().unwrap_or_else(|| panic!("{}", self.json));
        let line = |change: &Value| {
            let sign = match (change["levelBefore"].is_null(), change["levelAfter"].is_null()) {
                (true, _) => '+',
                (_, true) => '-',
                _ => '~',
            };
            let text = |pointer: &str| change.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
            format!("{} {sign}{}", text("/user/handle"), text("/client/name"))
        };
        let mut lines: Vec<_> = changes.iter().map(line).collect();
        lines.sort();
        lines
    }
}

impl TestApp {
    /// Adds an adviser to `harbour`, and signs in as them.
    pub async fn newcomer(&self, handle: &str, kind: &str) -> Actor {
        self.sql(&format!(
            "insert into users (firm_id, id, handle, email, email_verified_at, display_name, kind, status, can_login, password_hash, created_at)
             select firm_id, gen_random_uuid(), '{handle}', '{handle}@harbour.example', now(), '{handle}', '{kind}', 'ACTIVE', true, password_hash, now()
             from users where handle = 'ana' and email = 'ana@harbour.example'"
        ))
        .await;
        Actor::sign_in(&self.base, "harbour", handle, PASSPHRASE).await
    }

    /// The name of the constraint that refuses statements behind the service's back; they have to be refused.
    pub async fn refused_by(&self, statements: &str) -> String {
        let error = self.database.client().await.batch_execute(statements).await.expect_err(statements);
        let constraint = error.as_db_error().and_then(|error| error.constraint());
        constraint.unwrap_or_else(|| panic!("{statements}: {error:?}")).to_owned()
    }

    /// All that a change could leave behind, counted.
    pub async fn traces(&self) -> Vec<(String, String)> {
        let client = self.database.client().await;
        let mut traces = Vec::new();
        for table in [
            "events",
            "workgroups",
            "memberships",
            "invites",
            "deleted_workgroups",
            "past_assignments",
            "past_memberships",
            "idempotency_records",
            "clients",
            "users",
        ] {
            let find =
                format!("select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {table} t");
            traces.push((table.to_owned(), client.query_one(&find, &[]).await.unwrap().get(0)));
        }
        traces
    }
}
