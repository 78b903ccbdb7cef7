//! The endpoint as GraphQL over HTTP has it: methods, media types, statuses, headers; and what it does with what is no
//! request at all. Abuse cases 17 and 27.

use crate::support::{Actor, Answer, TestApp, app, app_with, eventually, stranger};
use reqwest::{Client, Method, RequestBuilder, header};
use serde_json::{Value, json};
use std::net::IpAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

fn request(app: &TestApp, method: Method, parameters: &[(&str, &str)]) -> RequestBuilder {
    let url = reqwest::Url::parse_with_params(&format!("{}/graphql", app.base), parameters).unwrap();
    Client::new().request(method, url)
}

fn post(app: &TestApp, body: impl Into<String>) -> RequestBuilder {
    request(app, Method::POST, &[]).header("content-type", JSON).body(body.into())
}

async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer { status, headers, json: serde_json::from_str(&text).unwrap_or(Value::Null) }
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// What comes back for bytes, as they are, on a connection of their own.
async fn raw(app: &TestApp, parts: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(app.running.address).await.unwrap();
    for part in parts {
        // The server may have answered, and hung up, before it has read everything.
        if stream.write_all(part).await.is_err() {
            break;
        }
    }
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count) = stream.read(&mut buffer).await {
        read.extend_from_slice(&buffer[..count]);
        if count == 0 || read.windows(4).any(|window| window == b"\r\n\r\n") {
            break;
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn a_query_is_taken_by_get_and_by_post() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let query = "query A($id: ID!) { node(id: $id) { id } } query B { viewer { user { handle } } }";
    let by_get = |parameters: &[(&str, &str)]| {
        answer(request(&app, Method::GET, parameters).bearer_auth(ana.token.as_ref().unwrap()))
    };
    let seen = by_get(&[("query", query), ("operationName", "B")]).await;
    assert_eq!((seen.status.as_u16(), seen.text("/data/viewer/user/handle").as_str()), (200, "ana"));
    let seen = by_get(&[("query", query), ("operationName", "A"), ("variables", r#"{"id":"x"}"#)]).await;
    assert_eq!((seen.status.as_u16(), seen.at("/data")), (200, &json!({ "node": null })));
    let body = json!({ "query": query, "operationName": "B" }).to_string();
    let seen = answer(post(&app, body).bearer_auth(ana.token.as_ref().unwrap())).await;
    assert_eq!(seen.text("/data/viewer/user/handle"), "ana");
    for bad in [
        [("query", "{ __typename }"), ("variables", "[]")],
        [("query", "{ __typename }"), ("extensions", "x")],
    ] {
        assert_eq!(by_get(&bad).await.status, 400, "{bad:?}");
    }
    assert_eq!(by_get(&[]).await.status, 400);
}

#[tokio::test]
async fn abuse_27_a_mutation_by_get_is_refused_and_does_nothing() {
    let app = app().await;
    let ana = app.actor("ana").await;
    for (method, query, name) in [
        (Method::GET, "mutation { signOut { signedOut } }", None),
        (Method::HEAD, "mutation { signOut { signedOut } }", None),
        (Method::GET, "query Q { __typename } mutation M { signOut { signedOut } }", Some("M")),
        (Method::GET, "subscription { events { id } }", None),
    ] {
        let parameters: Vec<_> =
            [("query", query)].into_iter().chain(name.map(|name| ("operationName", name))).collect();
        let refused =
            answer(request(&app, method, &parameters).bearer_auth(ana.token.as_ref().unwrap())).await;
        assert_eq!((refused.status.as_u16(), header(&refused, "allow")), (405, "POST"), "{query}");
    }
    assert_eq!(ana.send("{ viewer { user { handle } } }", json!({})).await.code(), None, "still signed in");
}

#[tokio::test]
async fn abuse_27_what_is_not_json_by_its_type_is_refused_before_it_is_read() {
    let app = app().await;
    let types = [
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-8; charset=utf-16",
        "application/jsonx",
    ];
    for content_type in types {
        let refused =
            answer(request(&app, Method::POST, &[]).header("content-type", content_type).body("not { json"))
                .await;
        assert_eq!(refused.status, 415, "{content_type}");
    }
    let without = request(&app, Method::POST, &[]).body(r#"{"query":"{ __typename }"}"#);
    assert_eq!(answer(without).await.status, 415, "no content type");
    for content_type in
        ["application/json", "APPLICATION/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""]
    {
        let taken = request(&app, Method::POST, &[])
            .header("content-type", content_type)
            .body(r#"{"query":"{ __typename }"}"#);
        assert_eq!(answer(taken).await.status, 200, "{content_type}");
    }
}

#[tokio::test]
async fn abuse_27_with_a_cookie_a_change_needs_an_allowed_origin() {
    let app = app().await;
    let sign_in = json!({ "query": "mutation { signIn(input: { firm: \"harbour\", username: \"ana\", password: \"locum-demo-passphrase\", cookie: true }) { token } }" });
    let signed_in = answer(post(&app, sign_in.to_string()).header("origin", "https://app.example")).await;
    assert_eq!(signed_in.at("/data/signIn/token"), &Value::Null);
    let cookie = header(&signed_in, "set-cookie").split(';').next().unwrap().to_owned();
    let sign_out =
        || post(&app, r#"{"query":"mutation { signOut { signedOut } }"}"#).header("cookie", &cookie);
    for origin in [None, Some("null"), Some("https://evil.example"), Some("https://app.example.evil.example")]
    {
        let request = origin.into_iter().fold(sign_out(), |request, origin| request.header("origin", origin));
        assert_eq!(answer(request).await.status, 403, "{origin:?}");
    }
    let done = answer(sign_out().header("origin", "https://app.example")).await;
    assert_eq!(done.at("/data/signOut/signedOut"), &json!(1));
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let app = app().await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let refused = answer(request(&app, method.clone(), &[])).await;
        assert_eq!((refused.status.as_u16(), header(&refused, "allow")), (405, "GET,HEAD,POST"), "{method}");
    }
}

#[tokio::test]
async fn a_body_of_more_than_a_mebibyte_is_refused_however_it_comes() {
    let app = app().await;
    let padded = |length: usize| {
        let body = r#"{"query":"{ __typename }"}"#;
        body.to_owned() + &" ".repeat(length - body.len())
    };
    assert_eq!(answer(post(&app, padded(1 << 20))).await.status, 200);
    assert_eq!(answer(post(&app, padded((1 << 20) + 1))).await.status, 413);
    let head = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("40000\r\n{}\r\n", " ".repeat(0x40000));
    let chunks = [chunk.as_bytes(); 5];
    let parts: Vec<&[u8]> = [head.as_slice()].into_iter().chain(chunks).collect();
    let refused = raw(&app, &parts).await;
    assert!(refused.starts_with("HTTP/1.1 413 "), "without saying how long it is: {refused}");
}

#[tokio::test]
async fn what_is_not_a_graphql_request_is_400_in_both_media_types() {
    let app = app().await;
    let bodies = [
        "",
        "not json",
        "null",
        "1",
        r#""{ __typename }""#,
        "[]",
        r#"["{ __typename }"]"#,
        r#"["{ __typename }", null, null, null]"#,
        r#"[{"query":"{ __typename }"}]"#,
        "{}",
        r#"{"query":null}"#,
        r#"{"query":7}"#,
        r#"{"query":["{ __typename }"]}"#,
        r#"{"query":"{ __typename }","variables":[]}"#,
        r#"{"query":"{ __typename }","variables":"{}"}"#,
        r#"{"query":"{ __typename }","operationName":7}"#,
        r#"{"query":"{ __typename }","operationName":{}}"#,
        r#"{"query":"{ __typename }","extensions":[]}"#,
        r#"{"query":"{ __typename }","extensions":"x"}"#,
        r#"{"query":"{ __typename }"} {}"#,
        r#"{"query":"{ __typename }","query":"{ viewer { user { id } } }"}"#,
    ];
    for body in bodies {
        for media in [GRAPHQL, JSON] {
            let refused = answer(post(&app, body).header("accept", media)).await;
            assert_eq!((refused.status.as_u16(), refused.json.get("data")), (400, None), "{media} {body}");
            assert!(header(&refused, "content-type").starts_with(media));
            assert!(
                !refused.json.to_string().contains("struct"),
                "nothing of how we are made: {}",
                refused.json
            );
        }
    }
    let taken =
        r#"{"query":"{ __typename }","variables":null,"operationName":null,"extensions":null,"more":1}"#;
    assert_eq!(answer(post(&app, taken)).await.status, 200);
}

#[tokio::test]
async fn the_media_type_is_the_one_that_is_accepted_best() {
    let app = app().await;
    let cases = [
        ("", Some(JSON)),
        ("*/*", Some(JSON)),
        ("application/*", Some(JSON)),
        ("application/json", Some(JSON)),
        ("application/json; charset=utf-8", Some(JSON)),
        ("application/graphql-response+json", Some(GRAPHQL)),
        ("APPLICATION/GRAPHQL-RESPONSE+JSON", Some(GRAPHQL)),
        ("application/graphql-response+json, application/json", Some(GRAPHQL)),
        ("application/json, application/graphql-response+json", Some(JSON)),
        ("application/json;q=0.9, application/graphql-response+json;q=0.8", Some(JSON)),
        ("application/json;q=0.8, application/graphql-response+json;q=0.9", Some(GRAPHQL)),
        ("application/graphql-response+json, */*;q=0.1", Some(GRAPHQL)),
        ("text/html, application/graphql-response+json;q=0.1", Some(GRAPHQL)),
        ("application/json;q=0, */*", Some(GRAPHQL)),
        ("application/json;Q=0, */*", Some(GRAPHQL)),
        ("application/graphql-response+json;q=0, */*", Some(JSON)),
        ("application/json;q=0, application/*;q=0.5, */*", Some(GRAPHQL)),
        ("text/html", None),
        ("*/*;q=0", None),
        ("application/json;q=0", None),
        ("application/*;q=0, */*", None),
    ];
    for (accept, media) in cases {
        let seen = answer(post(&app, r#"{"query":"{ __typename }"}"#).header("accept", accept)).await;
        assert_eq!(seen.status.as_u16(), if media.is_some() { 200 } else { 406 }, "{accept}");
        assert_eq!(
            header(&seen, "content-type"),
            format!("{}; charset=utf-8", media.unwrap_or(JSON)),
            "{accept}"
        );
    }
}

#[tokio::test]
async fn the_status_says_under_each_media_type_whether_it_was_a_request() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let add =
        "mutation ($i: AddBackOfficeUserInput!) { addBackOfficeUser(input: $i) { userErrors { code } } }";
    let two = "mutation ($id: ID!, $i: AddBackOfficeUserInput!) {
        revokeDelegation(input: { delegationId: $id }) { userErrors { code } } addBackOfficeUser(input: $i) { userErrors { code } } }";
    let page = "query ($n: Int) { clients(first: $n) { totalCount } }";
    let node = "query ($id: ID!) { node(id: $id) { id } }";
    let include = "query ($if: Boolean!) { viewer @include(if: $if) { user { id } } }";
    let parse = "GRAPHQL_PARSE_FAILED";
    let validation = "GRAPHQL_VALIDATION_FAILED";
    let input = "BAD_USER_INPUT";
    let cases = [
        ("{", json!({}), parse),
        ("", json!({}), parse),
        ("fragment F on Query { __typename }", json!({}), parse),
        ("{ nothing }", json!({}), validation),
        ("{ viewer }", json!({}), validation),
        ("{ viewer { user { id(x: 1) } } }", json!({}), validation),
        ("{ __typename } fragment F on Query { __typename }", json!({}), validation),
        ("query ($n: Int) { __typename }", json!({}), validation),
        ("query A { __typename } query B { __typename }", json!({}), validation),
        ("subscription { events { id } }", json!({}), validation),
        ("{ clients(first: \"ten\") { totalCount } }", json!({}), input),
        (page, json!({ "n": "ten" }), input),
        (page, json!({ "n": 1.5 }), input),
        (page, json!({ "n": 3_000_000_000_u32 }), input),
        (node, json!({}), input),
        (node, json!({ "id": null }), input),
        (node, json!({ "id": { "a": 1 } }), input),
        (include, json!({}), input),
        (include, json!({ "if": "yes" }), input),
        (add, json!({}), input),
        (add, json!({ "i": null }), input),
        (add, json!({ "i": "bo@harbour.example" }), input),
        (add, json!({ "i": ["bo@harbour.example"] }), input),
        (add, json!({ "i": {} }), input),
        (add, json!({ "i": { "email": 7 } }), input),
        (add, json!({ "i": { "email": "x@y.example", "scope": ["ROOT"] } }), input),
        (two, json!({ "id": "x" }), input),
    ];
    for (query, variables, code) in cases {
        let body = json!({ "query": query, "variables": variables }).to_string();
        for (media, status) in [(GRAPHQL, 400), (JSON, 200)] {
            let request =
                post(&app, body.clone()).header("accept", media).bearer_auth(ana.token.as_ref().unwrap());
            let refused = answer(request).await;
            let seen = (refused.status.as_u16(), refused.json.get("data"), refused.code());
            assert_eq!(
                seen,
                (status, None, Some(code.to_owned())),
                "{media} {query} {variables}: {}",
                refused.json
            );
        }
    }
}

#[tokio::test]
async fn what_was_executed_is_200_with_data_and_what_was_refused_has_its_status() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let partly =
        ana.send("{ viewer { user { handle } } clients(first: 101) { totalCount } }", json!({})).await;
    assert_eq!(
        (partly.status.as_u16(), partly.at("/data")),
        (200, &Value::Null),
        "executed, though nothing is left of it"
    );
    assert!(partly.json.as_object().unwrap().contains_key("data"));
    assert_eq!(partly.code().as_deref(), Some("BAD_USER_INPUT"));
    for media in [GRAPHQL, JSON] {
        let nobody =
            answer(post(&app, r#"{"query":"{ viewer { user { id } } }"}"#).header("accept", media)).await;
        assert_eq!(
            (nobody.status.as_u16(), nobody.code().as_deref()),
            (401, Some("UNAUTHENTICATED")),
            "{media}"
        );
        assert_eq!(nobody.json.get("data"), None);
    }
}

#[tokio::test]
async fn absent_variables_are_as_good_as_their_defaults_or_null() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let query = "query ($first: Int, $after: String, $size: Int = 1) {
        all: clients(first: $first, after: $after) { edges { cursor } } one: clients(first: $size) { edges { cursor } } }";
    let seen = ana.send(query, json!({})).await;
    assert_eq!(seen.code(), None);
    assert_eq!(seen.at("/data/all/edges").as_array().unwrap().len(), 3);
    assert_eq!(seen.at("/data/one/edges").as_array().unwrap().len(), 1);
    let add = "mutation ($email: String!, $handle: String) {
        addBackOfficeUser(input: { email: $email, handle: $handle }) { delegation { state } userErrors { code } } }";
    let added = ana.send(add, json!({ "email": "new@else.example" })).await;
    assert_eq!(added.text("/data/addBackOfficeUser/delegation/state"), "PENDING");
}

#[tokio::test]
async fn pages_of_allowed_origins_may_ask_and_others_may_not() {
    let app = app().await;
    let preflight = |origin: &str| {
        let request = request(&app, Method::OPTIONS, &[])
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        answer(request.header("access-control-request-headers", "authorization,content-type,idempotency-key"))
    };
    let allowed = preflight("https://app.example").await;
    assert_eq!(allowed.status, 200);
    assert_eq!(header(&allowed, "access-control-allow-origin"), "https://app.example");
    assert_eq!(header(&allowed, "access-control-allow-credentials"), "true");
    for name in ["authorization", "content-type", "idempotency-key"] {
        assert!(header(&allowed, "access-control-allow-headers").contains(name), "{name}");
    }
    for origin in ["https://evil.example", "null", "http://app.example", "https://app.example.evil.example"] {
        assert_eq!(header(&preflight(origin).await, "access-control-allow-origin"), "", "{origin}");
        let seen = answer(post(&app, r#"{"query":"{ __typename }"}"#).header("origin", origin)).await;
        assert_eq!(header(&seen, "access-control-allow-origin"), "", "{origin}");
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_is_neither_sniffed_nor_stored() {
    let app = app().await;
    let elsewhere = Client::new().get(format!("{}/nothing-here", app.base));
    let preflight = request(&app, Method::OPTIONS, &[])
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST");
    let requests = [
        (200, post(&app, r#"{"query":"{ __typename }"}"#)),
        (200, request(&app, Method::GET, &[("query", "{ __typename }")])),
        (200, preflight),
        (400, post(&app, "x")),
        (400, request(&app, Method::GET, &[])),
        (401, post(&app, r#"{"query":"{ viewer { user { id } } }"}"#)),
        (404, elsewhere),
        (405, request(&app, Method::GET, &[("query", "mutation { signOut { signedOut } }")])),
        (405, request(&app, Method::PUT, &[])),
        (406, post(&app, "x").header("accept", "text/html")),
        (413, post(&app, " ".repeat((1 << 20) + 1))),
        (415, request(&app, Method::POST, &[])),
    ];
    let mut ids = std::collections::HashSet::new();
    for (status, request) in requests {
        let seen = answer(request).await;
        assert_eq!(seen.status.as_u16(), status);
        assert_eq!(header(&seen, "x-content-type-options"), "nosniff", "{status}");
        assert_eq!(header(&seen, "cache-control"), "no-store", "{status}");
        assert!(
            header(&seen, "x-request-id").len() >= 32 && ids.insert(header(&seen, "x-request-id").to_owned()),
            "{status}"
        );
    }
    let forged = answer(post(&app, r#"{"query":"{ __typename }"}"#).header("x-request-id", "mine")).await;
    assert_ne!(header(&forged, "x-request-id"), "mine");
}

async fn register_from(app: &TestApp, forwarded: &[&str], round: usize) -> Option<String> {
    let query = format!(
        "mutation {{ registerFirm(input: {{ slug: \"firm{round}\", name: \"F\", handle: \"me\", email: \"me@firm{round}.example\", displayName: \"Me\" }}) {{ userErrors {{ code }} }} }}"
    );
    let request = post(app, json!({ "query": query }).to_string());
    let request = forwarded.iter().fold(request, |request, value| request.header("x-forwarded-for", *value));
    answer(request).await.code()
}

#[tokio::test]
async fn a_forwarded_address_is_not_believed_from_just_anybody() {
    let app = app_with(|config| config.limits.public_actions_per_hour = 2).await;
    let mut codes = Vec::new();
    for round in 0..3 {
        codes.push(register_from(&app, &[&format!("203.0.113.{round}")], round).await);
    }
    assert_eq!(
        codes,
        [None, None, Some("RATE_LIMITED".to_owned())],
        "all from one address, whatever they say"
    );
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_last_address_that_it_vouches_for_counts() {
    let app = app_with(|config| {
        config.limits.public_actions_per_hour = 1;
        config.trusted_proxies =
            ["127.0.0.1", "10.0.0.1"].map(|address| address.parse::<IpAddr>().unwrap()).to_vec();
    })
    .await;
    let taken = [None, Some("RATE_LIMITED".to_owned())];
    let mut round = 0;
    for (who, same) in [
        (&["203.0.113.1"][..], &["203.0.113.1"][..]),
        // What stands in front of it, the client wrote.
        (&["203.0.113.2"], &["198.51.100.9, 203.0.113.2"]),
        (&["203.0.113.3"], &["198.51.100.9, not an address, 203.0.113.3"]),
        (&["203.0.113.4"], &["198.51.100.9, x", "203.0.113.4, 10.0.0.1"]),
        (&["203.0.113.5"], &["::ffff:203.0.113.5"]),
        // Whoever has one address of an IPv6 network has them all.
        (&["2001:db8:0:1::1"], &["2001:db8:0:1:8000::"]),
        (&["2001:db8:0:2::1"], &["2001:db8:0:2::2"]),
        // Nothing but proxies, and nothing at all: the proxy itself.
        (&[], &["198.51.100.9, x"]),
    ] {
        let mut codes = Vec::new();
        for forwarded in [who, same] {
            round += 1;
            codes.push(register_from(&app, forwarded, round).await);
        }
        assert_eq!(codes, taken, "{who:?} and {same:?} count as one");
    }
}

#[tokio::test]
async fn a_token_that_is_nobodys_does_not_stand_in_the_way_of_what_needs_none() {
    let app = app().await;
    let mut nobody = stranger(&app.base);
    for token in ["lcs_nobody", "x", "\u{e9}", "lcs_dEJPesa5sVFHXm-RuQWOZsTNFwh3nBA81qtoXCquQ2Q"] {
        nobody.token = Some(token.to_owned());
        assert_eq!(
            nobody.try_sign_in("harbour", "ana", crate::support::PASSPHRASE).await.code(),
            None,
            "{token}"
        );
        assert_eq!(nobody.send("{ __typename }", json!({})).await.code(), None);
        for query in [
            "{ viewer { user { id } } }",
            "{ clients { totalCount } }",
            "mutation { signOut { signedOut } }",
            "{ node(id: \"x\") { id } }",
        ] {
            let refused = nobody.send(query, json!({})).await;
            assert_eq!(
                (refused.status.as_u16(), refused.code().as_deref()),
                (401, Some("UNAUTHENTICATED")),
                "{token} {query}"
            );
        }
    }
}

/// Whatever this is, it is not our fault.
fn is_answered(answer: &Answer, what: &str) {
    assert!(answer.status.as_u16() < 500, "{what}: {}", answer.json);
    assert_ne!(answer.code().as_deref(), Some("INTERNAL_SERVER_ERROR"), "{what}: {}", answer.json);
}

#[tokio::test]
async fn nul_characters_are_bad_input_wherever_they_stand() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let queries = [
        ("query ($x: ID!) { node(id: $x) { id } }", r#"{ node(id: "a\u0000b") { id } }"#),
        ("query ($x: ID!) { nodes(ids: [$x]) { id } }", r#"{ nodes(ids: ["a\u0000b"]) { id } }"#),
        (
            "query ($x: String!) { clients(after: $x) { totalCount } }",
            r#"{ clients(after: "a\u0000b") { totalCount } }"#,
        ),
        (
            "query ($x: String!) { events(after: $x) { edges { cursor } } }",
            r#"{ events(before: "a\u0000b") { edges { cursor } } }"#,
        ),
        (
            "mutation ($x: String!) { addBackOfficeUser(input: { email: $x }) { userErrors { code } } }",
            r#"mutation { addBackOfficeUser(input: { email: "a\u0000b" }) { userErrors { code } } }"#,
        ),
        (
            "mutation ($x: ID!) { revokeDelegation(input: { delegationId: $x }) { userErrors { code } } }",
            r#"query ($x: ID = "a\u0000b") { node(id: $x) { id } }"#,
        ),
        (
            "mutation ($x: String!) { signIn(input: { firm: $x, username: $x, password: $x }) { userErrors { code } } }",
            r#"mutation { signIn(input: { firm: "a\u0000b", username: "x", password: "x" }) { userErrors { code } } }"#,
        ),
    ];
    for (with_variable, literal) in queries {
        for (query, variables) in [
            (with_variable, json!({ "x": "a\0b" })),
            (with_variable, json!({ "x": { "a\0b": 1 } })),
            (literal, json!({})),
        ] {
            let refused = ana.send(query, variables).await;
            assert_eq!(
                (refused.status.as_u16(), refused.code().as_deref()),
                (400, Some("BAD_USER_INPUT")),
                "{query}"
            );
        }
    }
    let cursor = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        [&[7_u8; 16][..], b"a\0b"].concat(),
    );
    let refused =
        ana.send("query ($x: String!) { clients(after: $x) { totalCount } }", json!({ "x": cursor })).await;
    assert_eq!(refused.code().as_deref(), Some("BAD_USER_INPUT"), "inside a cursor");
    let refused = ana.send("{ node(id: \"a\0b\") { id } }", json!({})).await;
    assert_eq!(refused.code().as_deref(), Some("BAD_USER_INPUT"), "in the document itself");
    let kept = ana.add_back_office_user(r"back\u0000slash@else.example").await;
    assert_eq!(kept.code().as_deref(), Some("INVALID_INPUT"), "a backslash is no NUL: {}", kept.json);
}

#[tokio::test]
async fn strange_values_are_refused_and_never_our_fault() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let post = |body: &str| {
        answer(post(&app, body).header("accept", GRAPHQL).bearer_auth(ana.token.as_ref().unwrap()))
    };
    let bodies = [
        r#"{"query":"query ($x: ID!) { node(id: $x) { id } }","variables":{"x":"\ud800"}}"#,
        r#"{"query":"query ($x: ID!) { node(id: $x) { id } }","variables":{"x":"\udc00\ud800"}}"#,
        r#"{"query":"{ node(id: \"\ud800\") { id } }"}"#,
        r#"{"query":"{ node(id: \"\\ud800\") { id } }"}"#,
        r#"{"query":"{ node(id: \"\\ud83d\\ude00\") { id } }"}"#,
        r#"{"query":"{ node(id: \"\\u{110000}\") { id } }"}"#,
        r#"{"query":"{ node(id: \"\"\"\n  \u3000é\n é\"\"\") { id } }"}"#,
        r#"{"query":"query ($n: Int) { clients(first: $n) { totalCount } }","variables":{"n":99999999999999999999999999}}"#,
        r#"{"query":"query ($n: Int) { clients(first: $n) { totalCount } }","variables":{"n":1e400}}"#,
        r#"{"query":"query ($n: Int) { clients(first: $n) { totalCount } }","variables":{"n":-0}}"#,
        r#"{"query":"{ clients(first: 99999999999999999999999999) { totalCount } }"}"#,
        r#"{"query":"{ clients(first: 1e999) { totalCount } }"}"#,
        r#"{"query":"{ clients(first: -1) { totalCount } }"}"#,
        r#"{"query":"{ clients(first: -2147483648) { totalCount } }"}"#,
        r#"{"query":"query ($x: ID!) { node(id: $x) { id } }","variables":{"x":"a","x":"b"}}"#,
        r#"{"query":"{ node(id: {a: 1, a: 2}) { id } }"}"#,
        r#"{"query":"query ($x: ID!, $x: ID!) { node(id: $x) { id } }","variables":{"x":"a"}}"#,
        r#"{"query":"{ a: node(id: 7) { id } a: viewer { user { id } } }"}"#,
        r#"{"query":"query ($x: [[[[ID]]]]) { nodes(ids: $x) { id } }","variables":{"x":[[[["a"]]]]}}"#,
        r#"{"query":"{ node(id: \"ÀÁÂÃÄÅÆÇÈÉÊ\") { id } }"}"#,
    ];
    for body in bodies {
        is_answered(&post(body).await, body);
    }
    let not_utf8 = request(&app, Method::POST, &[])
        .header("content-type", JSON)
        .body(b"{\"query\":\"{ \xff\xfe }\"}".to_vec());
    assert_eq!(answer(not_utf8).await.status, 400);
    let strange_header = request(&app, Method::GET, &[("query", "{ __typename }")])
        .header("authorization", header::HeaderValue::from_bytes(b"Bearer \xff").unwrap());
    assert_eq!(answer(strange_header).await.status, 200);
    assert_eq!(ana.client_names().await.len(), 3, "the house still stands");
}

#[tokio::test]
async fn abuse_17_without_the_explorer_the_schema_is_not_told() {
    let app = app_with(|config| config.explorer = false).await;
    let ana = app.actor("ana").await;
    for query in [
        "{ __schema { types { name } } }",
        "{ __type(name: \"User\") { fields { name } } }",
        "{ viewer { __typename } __schema { queryType { name } } }",
    ] {
        let seen = ana.send(query, json!({})).await;
        let text = seen.json.to_string();
        assert!(
            !text.contains("ClientConnection")
                && !text.contains("displayName")
                && !text.contains("\"Query\""),
            "{query}: {text}"
        );
    }
    for query in [
        "{ viewr { user { id } } }",
        "{ viewer { usr { id } } }",
        "{ client { totalCount } }",
        "{ clients(frist: 1) { totalCount } }",
    ] {
        let refused = ana.send(query, json!({})).await;
        assert_eq!(refused.code().as_deref(), Some("GRAPHQL_VALIDATION_FAILED"), "{query}");
        assert!(
            !refused.json.to_string().to_lowercase().contains("did you mean"),
            "{query}: {}",
            refused.json
        );
    }
    let page = answer(request(&app, Method::GET, &[]).header("accept", "text/html")).await;
    assert_eq!(page.status, 406, "no GraphiQL");
    let asset = answer(Client::new().get(format!("{}/graphql/explorer/explorer.js", app.base))).await;
    assert_eq!(asset.status, 404);
}

#[tokio::test]
async fn abuse_17_a_fault_of_ours_tells_its_request_id_and_nothing_else() {
    let app = app().await;
    let ana = app.actor("ana").await;
    app.sql("alter table clients rename to secret_table").await;
    let broken = ana.send("{ clients { edges { node { name } } } }", json!({})).await;
    assert_eq!(broken.at("/errors/0/extensions/code"), "INTERNAL_SERVER_ERROR");
    assert_eq!(broken.text("/errors/0/extensions/requestId"), header(&broken, "x-request-id"));
    assert_eq!(broken.text("/errors/0/message"), "Something went wrong on our side.");
    let text = broken.json.to_string().to_lowercase();
    for leak in ["select", "relation", "secret_table", "from", "does not exist", ".rs", "diesel", "postgres"]
    {
        assert!(!text.contains(leak), "{leak}: {text}");
    }
    app.sql("alter table delegations rename column slot to secret_column").await;
    let broken = ana.add_back_office_user("new@else.example").await;
    assert_eq!(broken.code().as_deref(), Some("INTERNAL_SERVER_ERROR"));
    assert!(
        !broken.json.to_string().contains("slot") && !broken.json.to_string().contains("column \""),
        "{}",
        broken.json
    );
    app.sql("alter table sessions rename to secret_sessions").await;
    let broken = ana.client_request().await;
    assert_eq!(
        (broken.status.as_u16(), broken.code().as_deref()),
        (500, Some("INTERNAL_SERVER_ERROR")),
        "before execution"
    );
}

#[tokio::test]
async fn a_database_that_throws_everybody_out_is_unavailable_and_then_back() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let connections = app.config.database_pool.min(3);
    for round in 0..5 {
        let held = app.database.client().await;
        held.batch_execute("begin; lock table clients in access exclusive mode").await.unwrap();
        let waiting: Vec<_> = (0..connections)
            .map(|_| {
                tokio::spawn({
                    let ana = ana.clone();
                    async move { ana.client_request().await }
                })
            })
            .collect();
        eventually("all of them wait for the table", async || {
            let waiting = app.count("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").await;
            (waiting >= connections as i64).then_some(())
        })
        .await;
        app.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and usename = current_user and query not like '%lock table%'").await;
        held.batch_execute("commit").await.unwrap();
        for request in waiting {
            let cut = request.await.unwrap();
            assert_eq!(
                (cut.status.as_u16(), cut.code().as_deref()),
                (503, Some("UNAVAILABLE")),
                "round {round}: {}",
                cut.json
            );
            assert!(!header(&cut, "retry-after").is_empty());
        }
        let mut tries = 0;
        eventually("the service is back", async || {
            tries += 1;
            let seen = ana.client_request().await;
            assert!(
                matches!(seen.code().as_deref(), None | Some("UNAVAILABLE")),
                "round {round}: {}",
                seen.json
            );
            seen.code().is_none().then_some(())
        })
        .await;
        assert!(tries <= 9, "no more than the pool has connections: {tries}");
    }
}

impl Actor {
    async fn client_request(&self) -> Answer {
        self.send("{ clients { totalCount } }", json!({})).await
    }
}
