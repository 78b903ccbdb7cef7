//! What is too much is refused, at once, by its code: abuse cases 13, 18, 19 and 23.

use crate::support::{Actor, TestApp, app, app_with, stranger};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A refusal takes 250 ms at most; the unoptimised build has a second.
const AT_ONCE: Duration = Duration::from_secs(1);

async fn refused_at_once(app: &TestApp, actor: &Actor, name: &str, query: &str, code: &str) {
    let began = Instant::now();
    let refused = actor.send(query, json!({})).await;
    let took = began.elapsed();
    assert_eq!(refused.code().as_deref(), Some(code), "{name}: {}", refused.json);
    assert_eq!(refused.json.get("data"), None, "{name}");
    assert!(took < AT_ONCE, "{name} took {took:?}");
    let alive = stranger(&app.base).send("{ __typename }", json!({})).await;
    assert_eq!(alive.code(), None, "after {name}");
}

fn repeated(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().join(" ")
}

/// `levels` fragments, each spreading the next one twice, and what the last one has.
fn fan_out(levels: usize, last: &str) -> String {
    let spreads = repeated(levels, |n| format!("fragment f{n} on Query {{ ...f{} ...f{} }}", n + 1, n + 1));
    format!("{{ ...f0 }} {spreads} fragment f{levels} on Query {{ {last} }}")
}

#[tokio::test]
async fn abuse_18_documents_that_are_too_much_are_refused_at_once() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let (parse, cost, validation) = ("GRAPHQL_PARSE_FAILED", "COST_EXCEEDED", "GRAPHQL_VALIDATION_FAILED");
    let cases = [
        ("200,000 tokens", format!("{{ {} }}", "a ".repeat(200_000)), parse),
        ("32 kB and a byte", format!("{{ __typename }} #{}", "x".repeat((32 << 10) - 15)), parse),
        ("4,001 tokens", format!("{{ {} }}", "a ".repeat(3_999)), parse),
        ("10,000 braces", "{".repeat(10_000), parse),
        ("10,000 fields deep", "{a".repeat(10_000), parse),
        ("10,000 lists in an argument", format!("{{ node(id: {}", "[".repeat(10_000)), parse),
        ("10,000 lists in a type", format!("query ($a: {}", "[".repeat(10_000)), parse),
        ("10,000 objects in an argument", format!("{{ node(id: {}", "{a:".repeat(10_000)), parse),
        (
            "65 lists in an argument",
            format!("{{ node(id: {}{}) {{ id }} }}", "[".repeat(65), "]".repeat(65)),
            parse,
        ),
        ("a string without an end", format!("{{ node(id: \"{}", "x".repeat(30_000)), parse),
        ("a block string without an end", format!("{{ node(id: \"\"\"{}", "\\\"\"\"".repeat(7_000)), parse),
        ("16 levels", format!("{{ viewer {}{} }}", "{ a ".repeat(15), "}".repeat(15)), cost),
        (
            "31 aliases",
            format!("{{ viewer {{ {} }} }}", repeated(31, |n| format!("a{n}: user {{ id }}"))),
            cost,
        ),
        (
            "31 aliases by a fragment",
            format!("{{ viewer {{ {} }} }} fragment F on Viewer {{ a: user {{ id }} }}", "...F ".repeat(31)),
            cost,
        ),
        ("21 root fields", format!("{{ {} }}", "viewer { user { id } } ".repeat(21)), cost),
        (
            "21 root fields by a fragment",
            format!("{{ {} }} fragment F on Query {{ viewer {{ user {{ id }} }} }}", "...F ".repeat(21)),
            cost,
        ),
        (
            "51 directives",
            format!("{{ viewer {} {{ user {{ id }} }} }}", "@include(if: true) ".repeat(51)),
            cost,
        ),
        (
            "51 directives by a fragment",
            format!(
                "{{ {} }} fragment F on Query {{ viewer {{ user @skip(if: false) {{ id }} }} }}",
                "...F ".repeat(51)
            ),
            cost,
        ),
        (
            "50 unknown directives",
            format!("{{ viewer {} {{ user {{ id }} }} }}", "@x ".repeat(50)),
            validation,
        ),
        (
            "10,000 points",
            format!("{{ clients(first: 100) {{ edges {{ node {{ {} }} }} }} }}", "id name ".repeat(50)),
            cost,
        ),
        (
            "10,000 points from the end",
            format!("{{ clients(last: 100) {{ edges {{ node {{ {} }} }} }} }}", "id name ".repeat(50)),
            cost,
        ),
        ("a fan-out to 2^20 fields", fan_out(20, "__typename"), cost),
        (
            "a fan-out to 2^20 fields of a list",
            fan_out(20, "viewer { principals { principal { name } } }"),
            cost,
        ),
        ("a fan-out to 2^30 spreads of nothing", fan_out(30, "...nothing"), cost),
        (
            "a fan-out in an operation that is not meant",
            format!("query A {{ __typename }} query B {}", fan_out(30, "__typename")),
            cost,
        ),
        (
            "a chain of 350 fragments",
            format!(
                "{{ ...f0 }} {} fragment f350 on Query {{ __typename }}",
                repeated(350, |n| format!("fragment f{n} on Query {{ ...f{} }}", n + 1))
            ),
            cost,
        ),
        (
            "60 fragments inside each other",
            format!("{{ {} __typename {} }}", "... on Query { ".repeat(60), "}".repeat(60)),
            cost,
        ),
        ("a fragment inside itself", "{ ...F } fragment F on Query { ...F }".to_owned(), validation),
        (
            "a fragment inside itself, twice",
            "{ ...F } fragment F on Query { viewer { user { id } } ...F ...F }".to_owned(),
            validation,
        ),
        (
            "fragments inside each other",
            "{ ...F } fragment F on Query { ...G ...G } fragment G on Query { ...F ...F __typename }"
                .to_owned(),
            validation,
        ),
        (
            "a fragment that nobody spreads, inside itself",
            "{ __typename } fragment F on Query { ...F __typename }".to_owned(),
            validation,
        ),
        (
            "one name for 1,000 fields",
            format!(
                "{{ viewer {{ {} }} }}",
                repeated(30, |n| format!(
                    "user {{ {} }}",
                    if n % 2 == 0 { "id " } else { "a: id " }.repeat(30)
                ))
            ),
            cost,
        ),
        (
            "900 variables",
            format!("query ({}) {{ __typename }}", repeated(900, |n| format!("$v{n}: Int"))),
            validation,
        ),
    ];
    for (name, query, code) in cases {
        refused_at_once(&app, &ana, name, &query, code).await;
    }
}

#[tokio::test]
async fn abuse_18_what_is_just_not_too_much_is_taken() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let cases = [
        ("32 kB", format!("{{ __typename }} #{}", "x".repeat((32 << 10) - 16))),
        ("commas are no tokens", format!("{{ __typename {} }}", ",".repeat(10_000))),
        ("comments neither", format!("{{ __typename }} {}", "#{[(\n".repeat(2_000))),
        ("brackets in strings neither", format!("{{ node(id: \"{}\") {{ id }} }}", "{".repeat(1_000))),
        ("30 aliases", format!("{{ viewer {{ {} }} }}", repeated(30, |n| format!("a{n}: user {{ id }}")))),
        ("20 root fields", format!("{{ {} }}", "viewer { user { id } } ".repeat(20))),
        (
            "50 directives",
            format!(
                "{{ {} }}",
                repeated(20, |_| "__typename @include(if: true) @skip(if: false)".to_owned())
            ),
        ),
        (
            "30 fragments inside each other",
            format!("{{ {} __typename {} }}", "... on Query { ".repeat(30), "}".repeat(30)),
        ),
        ("a fan-out to 2^9 fields that are one", fan_out(4, "__typename")),
        ("a page of 100", "{ clients(first: 100) { edges { node { id name version } } } }".to_owned()),
    ];
    for (name, query) in cases {
        let taken = ana.send(&query, json!({})).await;
        assert_eq!(taken.code(), None, "{name}: {}", taken.json);
    }
}

#[tokio::test]
async fn abuse_18_nested_lists_in_variables_are_refused_at_once() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let client = reqwest::Client::new();
    for depth in [100, 10_000, 400_000] {
        let lists = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let body = format!(
            r#"{{"query":"query ($x: [ID!]!) {{ nodes(ids: $x) {{ id }} }}","variables":{{"x":{lists}}}}}"#
        );
        let began = Instant::now();
        let request = client.post(format!("{}/graphql", app.base)).header("content-type", "application/json");
        let request = request
            .header("accept", "application/graphql-response+json")
            .bearer_auth(ana.token.as_ref().unwrap());
        let response = request.body(body).send().await.unwrap();
        assert_eq!(response.status(), 400, "{depth}");
        let json: Value = response.json().await.unwrap();
        assert_eq!(
            json.pointer("/errors/0/extensions/code"),
            Some(&json!("BAD_USER_INPUT")),
            "{depth}: {json}"
        );
        assert!(began.elapsed() < AT_ONCE, "{depth} took {:?}", began.elapsed());
    }
    assert_eq!(ana.client_names().await.len(), 3);
}

#[tokio::test]
async fn more_than_five_mutations_are_refused_and_none_is_done() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let add = |n: usize| {
        format!(
            "a{n}: addBackOfficeUser(input: {{ email: \"n{n}@else.example\" }}) {{ userErrors {{ code }} }}"
        )
    };
    for query in [
        format!("mutation {{ {} }}", repeated(6, add)),
        format!("mutation {{ {} }} fragment F on Mutation {{ {} }}", "...F ".repeat(6), add(0)),
    ] {
        let refused = ana.send(&query, json!({})).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_deref()),
            (429, Some("COST_EXCEEDED")),
            "{query}"
        );
    }
    assert_eq!(app.count("select count(*) from delegations").await, 0);
    let five = ana.send(&format!("mutation {{ {} }}", repeated(5, add)), json!({})).await;
    assert_eq!(five.at("/data/a1/userErrors"), &json!([]));
    assert_eq!(five.at("/data/a4/userErrors/0/code"), "LIMIT_REACHED");
}

#[tokio::test]
async fn abuse_13_one_request_signs_in_once() {
    let app = app().await;
    let nobody = stranger(&app.base);
    let sign_in = "signIn(input: { firm: \"harbour\", username: \"ana\", password: \"locum-demo-passphrase\" }) { token }";
    let cases = [
        format!("mutation {{ a: {sign_in} b: {sign_in} }}"),
        format!("mutation {{ {sign_in} {sign_in} }}"),
        format!("mutation {{ ...F ...F }} fragment F on Mutation {{ {sign_in} }}"),
        format!("mutation {{ ... {{ {sign_in} }} ... {{ {sign_in} }} }}"),
        format!(
            "mutation {{ ...F {sign_in} }} fragment F on Mutation {{ ...G }} fragment G on Mutation {{ {sign_in} }}"
        ),
        format!("mutation {{ {sign_in} signOut {{ signedOut }} }}"),
        format!("mutation {{ {sign_in} __typename }}"),
    ];
    for query in cases {
        let refused = nobody.send(&query, json!({})).await;
        assert!(
            matches!(refused.code().as_deref(), Some("COST_EXCEEDED" | "UNAUTHENTICATED")),
            "{query}: {}",
            refused.json
        );
    }
    assert_eq!(app.count("select count(*) from sessions").await, 0);
    let batch = json!([{ "query": format!("mutation {{ {sign_in} }}") }, { "query": format!("mutation {{ {sign_in} }}") }]);
    let refused =
        reqwest::Client::new().post(format!("{}/graphql", app.base)).json(&batch).send().await.unwrap();
    assert_eq!(refused.status(), 400, "no batches");
    assert_eq!(nobody.send(&format!("mutation {{ {sign_in} }}"), json!({})).await.code(), None);
}

#[tokio::test]
async fn a_page_has_a_hundred_rows_at_most() {
    let app = app().await;
    let ana = app.actor("ana").await;
    for (list, field) in [("clients", "edges { cursor }"), ("events", "edges { cursor }")] {
        for bad in ["first: 101", "last: 101", "first: -1", "last: -1", "first: 2147483647"] {
            let refused = ana.send(&format!("{{ {list}({bad}) {{ {field} }} }}"), json!({})).await;
            assert_eq!(refused.code().as_deref(), Some("BAD_USER_INPUT"), "{list} {bad}");
        }
        for good in ["first: 100", "last: 100", "first: 0"] {
            assert_eq!(
                ana.send(&format!("{{ {list}({good}) {{ {field} }} }}"), json!({})).await.code(),
                None,
                "{list} {good}"
            );
        }
    }
    let nodes = |count: usize| json!({ "ids": vec!["x"; count] });
    let query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    assert_eq!(ana.send(query, nodes(100)).await.at("/data/nodes").as_array().map(Vec::len), Some(100));
    assert_eq!(ana.send(query, nodes(101)).await.code().as_deref(), Some("BAD_USER_INPUT"));
    assert_eq!(ana.send(query, nodes(20_000)).await.code().as_deref(), Some("COST_EXCEEDED"));
}

#[tokio::test]
async fn an_answer_says_what_it_cost() {
    let app = app_with(|config| {
        config.limits.cost_bucket = 1_000;
        config.limits.cost_restore_rate = 1;
    })
    .await;
    let ana = app.actor("ana").await;
    let mut before = 1_000;
    for (query, requested, actual) in [
        ("{ viewer { user { id name } } }", 4, 4),
        ("{ clients(first: 10) { edges { node { name } } } }", 31, 8),
        ("{ clients(first: 100) { edges { node { name } } } }", 301, 8),
        ("query ($n: Int = 20) { clients(last: $n) { edges { node { name } } } }", 61, 8),
        ("{ clients { edges { node { name } } } }", 151, 8),
        ("{ nodes(ids: [\"a\", \"b\", \"c\"]) { id } }", 4, 1),
    ] {
        let seen = ana.send(query, json!({})).await;
        let number = |name: &str| seen.at(&format!("/extensions/cost/{name}")).as_i64().unwrap();
        assert_eq!(
            (number("requested"), number("actual"), number("restoreRate")),
            (requested, actual, 1),
            "{query}"
        );
        // A point or so comes back while the story goes on.
        let expected = before - actual;
        assert!(
            (expected..=expected + 3).contains(&number("remaining")),
            "{query}: {} of {before}",
            number("remaining")
        );
        before = number("remaining");
    }
}

#[tokio::test]
async fn abuse_18_a_session_that_spent_its_points_waits_and_others_do_not() {
    let app = app_with(|config| {
        config.limits.cost_bucket = 400;
        config.limits.cost_restore_rate = 10;
    })
    .await;
    let (ana, again, ben) = (app.actor("ana").await, app.actor("ana").await, app.actor("ben").await);
    let query = "{ clients(first: 100) { edges { node { name } } } }";
    let costly = "{ clients(first: 100) { edges { node { id name version } } } }";
    for _ in 0..40 {
        ana.send(query, json!({})).await;
    }
    let spent = ana.send(query, json!({})).await;
    assert_eq!((spent.status.as_u16(), spent.code().as_deref()), (429, Some("COST_EXCEEDED")));
    let seconds = spent.at("/errors/0/extensions/retryAfter").as_u64().unwrap();
    assert!((1..=31).contains(&seconds), "{seconds}");
    assert_eq!(spent.headers["retry-after"].to_str().unwrap(), seconds.to_string());
    assert_eq!(again.send(query, json!({})).await.code(), None, "the same person, another session");
    assert_eq!(ben.send(query, json!({})).await.code(), None);
    assert_eq!(stranger(&app.base).send("{ __typename }", json!({})).await.code(), None);
    assert_eq!(
        ben.send(costly, json!({})).await.code().as_deref(),
        Some("COST_EXCEEDED"),
        "more than there ever is"
    );
}

#[tokio::test]
async fn abuse_18_strangers_in_one_network_spend_from_one_bucket() {
    let app = app_with(|config| {
        config.limits.cost_bucket = 20;
        config.limits.cost_restore_rate = 0;
        config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    let door = stranger(&app.base);
    let remaining = async |address: &str| {
        let answer = door.send_with("{ __typename }", json!({}), &[("x-forwarded-for", address)]).await;
        answer.at("/extensions/cost/remaining").as_i64().unwrap()
    };
    for (address, left) in [("2001:db8:0:1::1", 19), ("2001:db8:0:1:ffff::2", 18), ("2001:db8:0:2::1", 19)] {
        assert_eq!(remaining(address).await, left, "{address}");
    }
}

#[tokio::test]
async fn an_answer_has_twenty_errors_at_most() {
    let app = app().await;
    let ana = app.actor("ana").await;
    for query in [
        format!("{{ viewer {{ {} }} }}", repeated(25, |n| format!("nothing{n}"))),
        format!("query ({}) {{ __typename }}", repeated(25, |n| format!("$v{n}: Int"))),
    ] {
        let refused = ana.send(&query, json!({})).await;
        assert_eq!(refused.at("/errors").as_array().unwrap().len(), 20);
    }
}

/// Inputs with everything that somebody could wish to slip in, each as the mutation's own input has it besides.
const SLIPPED_IN: [(&str, &str); 10] = [
    ("role", "\"ADMIN\""),
    ("firmId", "\"x\""),
    ("tenantId", "\"x\""),
    ("emailVerified", "true"),
    ("master", "true"),
    ("kind", "ADVISER"),
    ("status", "ACTIVE"),
    ("capabilities", "[SETUP_ADMIN]"),
    ("principalId", "\"x\""),
    ("__proto__", "{}"),
];

#[tokio::test]
async fn abuse_23_unknown_input_fields_are_refused_however_they_come() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let mutations = [
        ("addBackOfficeUser", "AddBackOfficeUserInput", json!({ "email": "new@else.example" }), "handle"),
        (
            "completeRegistration",
            "CompleteRegistrationInput",
            json!({ "token": "x", "password": "x" }),
            "displayName",
        ),
        (
            "signIn",
            "SignInInput",
            json!({ "firm": "harbour", "username": "ana", "password": "x" }),
            "deviceToken",
        ),
        ("startImpersonation", "StartImpersonationInput", json!({ "delegationId": "x" }), "reason"),
        (
            "registerFirm",
            "RegisterFirmInput",
            json!({ "slug": "new", "name": "New", "handle": "me", "email": "me@new.example", "displayName": "Me" }),
            "",
        ),
    ];
    for (mutation, input, rest, optional) in mutations {
        let literal: String =
            rest.as_object().unwrap().iter().map(|(name, value)| format!("{name}: {value}, ")).collect();
        for (name, value) in SLIPPED_IN {
            let what = format!("{mutation} with {name}");
            let by_literal = format!(
                "mutation {{ {mutation}(input: {{ {literal}{name}: {value} }}) {{ userErrors {{ code }} }} }}"
            );
            let by_variable =
                format!("mutation ($i: {input}!) {{ {mutation}(input: $i) {{ userErrors {{ code }} }} }}");
            let mut with = rest.clone();
            with[name] = json!("x");
            let mut tries = vec![(by_literal, json!({})), (by_variable, json!({ "i": with }))];
            if !optional.is_empty() {
                // What stands beside a variable that is not given.
                let beside = format!(
                    "mutation ($o: String) {{ {mutation}(input: {{ {literal}{optional}: $o, {name}: {value} }}) {{ userErrors {{ code }} }} }}"
                );
                tries.push((beside, json!({})));
            }
            for (query, variables) in tries {
                let refused = ana.send(&query, variables).await;
                let seen = (refused.status.as_u16(), refused.json.get("data"), refused.code());
                assert_eq!(
                    seen,
                    (400, None, Some("BAD_USER_INPUT".to_owned())),
                    "{what}: {query} {}",
                    refused.json
                );
                assert!(
                    refused.text("/errors/0/message").contains(&format!("unknown field \"{name}\"")),
                    "{what}: {}",
                    refused.json
                );
            }
        }
    }
    assert_eq!(app.count("select count(*) from delegations").await, 0);
    assert_eq!(app.count("select count(*) from firms").await, 2);
}
