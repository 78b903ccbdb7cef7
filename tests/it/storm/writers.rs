//! Those who change something all the time, and insist until they are answered.

use super::at;
use super::nodes::Addresses;
use crate::support::{Actor, Answer};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

const ADD: &str = "mutation ($email: String!) { addBackOfficeUser(input: { email: $email }) {
    delegation { id } userErrors { code } } }";
const REVOKE: &str = "mutation ($id: ID!) { revokeDelegation(input: { delegationId: $id }) {
    delegation { id } userErrors { code } } }";

/// Lets somebody act, and takes it back, again and again; answers the delegations.
pub async fn write(person: Actor, addresses: Addresses, mut chance: StdRng, until: Instant) -> Vec<String> {
    let mut written = Vec::new();
    for round in 0.. {
        if Instant::now() >= until {
            break;
        }
        let email = format!("round{round}@else.example");
        let added = insist(&person, &addresses, &mut chance, ADD, json!({ "email": email })).await;
        let id = added.text("/data/addBackOfficeUser/delegation/id");
        let revoked = insist(&person, &addresses, &mut chance, REVOKE, json!({ "id": id })).await;
        assert_eq!(revoked.code(), None);
        written.push(locum::id::decode(&id).unwrap().1.to_string());
        tokio::time::sleep(Duration::from_millis(chance.random_range(50..400))).await;
    }
    written
}

/// Repeats a change, with the key that makes it one, until it is answered.
async fn insist(
    person: &Actor,
    addresses: &Addresses,
    chance: &mut StdRng,
    query: &str,
    variables: Value,
) -> Answer {
    let key = format!("{:x}", chance.random::<u64>());
    let began = Instant::now();
    loop {
        let there = at(person, addresses, chance);
        let headers = [("idempotency-key", key.as_str())];
        let answer = tokio::time::timeout(PATIENCE, there.try_send(query, variables.clone(), &headers)).await;
        match answer {
            Ok(Ok(answer)) => match answer.code().as_deref() {
                None => return answer,
                // These tell whoever asks to come back, and nothing else is an answer to a fault.
                Some("UNAVAILABLE" | "IDEMPOTENCY_IN_PROGRESS") => {}
                Some(other) => panic!("{other}: {answer:?}"),
            },
            // Nobody is there, or they died meanwhile.
            Ok(Err(_)) => {}
            Err(_) => panic!("no answer within {PATIENCE:?}"),
        }
        assert!(began.elapsed() < Duration::from_secs(30), "a change was not taken for so long");
        tokio::time::sleep(Duration::from_millis(chance.random_range(20..100))).await;
    }
}
