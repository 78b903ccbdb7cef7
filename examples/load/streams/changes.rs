//! What happens while everybody follows: people let each other act for them, and take it back.

use crate::client::{Connection, graphql};
use crate::firm::{Session, email};
use crate::measure::Work;
use crate::operations::{ADD, REVOKE, delegation_id};
use anyhow::Context;
use serde_json::json;

/// Changes in turns: each is heard by a principal and their delegate, on all of their sockets.
pub struct Changes {
    pairs: Vec<Pair>,
    turn: usize,
}

struct Pair {
    principal: String,
    delegate: String,
    /// The delegation between the two, if there is one.
    delegation: Option<String>,
}

impl Changes {
    /// Between one half of these people and the other.
    pub fn among(people: &[Session]) -> Self {
        let (principals, delegates) = people.split_at(people.len() / 2);
        let pair = |(principal, delegate): (&Session, &Session)| Pair {
            principal: principal.token.reveal().to_owned(),
            delegate: email(&delegate.handle),
            delegation: None,
        };
        Self { pairs: principals.iter().zip(delegates).map(pair).collect(), turn: 0 }
    }
}

impl Work for &mut Changes {
    async fn once(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let turn = self.turn % self.pairs.len();
        self.turn += 1;
        let pair = self.pairs.get_mut(turn).context("there is nobody")?;
        if let Some(delegation) = pair.delegation.take() {
            let revoke = graphql(Some(&pair.principal), REVOKE, &json!({ "id": delegation }));
            return connection.ask(&revoke).await?.check("\"state\":\"REVOKED\"");
        }
        let add = graphql(Some(&pair.principal), ADD, &json!({ "email": pair.delegate }));
        let answer = connection.ask(&add).await?;
        answer.check("\"userErrors\":[]")?;
        pair.delegation = Some(delegation_id(answer.body)?);
        Ok(())
    }
}
