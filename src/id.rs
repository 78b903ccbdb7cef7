//! Identifiers: UUIDv7 in the tables, opaque type-tagged strings towards the outside.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use uuid::{NoContext, Timestamp, Uuid};

/// A new UUIDv7 whose time is `now`.
pub fn new(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
}

/// The types that a global id can name; the tag never changes once given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum NodeType {
    Firm = 1,
    User = 2,
    Client = 3,
    Delegation = 4,
    Impersonation = 5,
    Event = 6,
    Account = 7,
    Case = 8,
    Workgroup = 9,
    Invite = 10,
    Webhook = 20,
    WebhookDelivery = 21,
}

impl NodeType {
    const ALL: [Self; 12] = [
        Self::Firm,
        Self::User,
        Self::Client,
        Self::Delegation,
        Self::Impersonation,
        Self::Event,
        Self::Account,
        Self::Case,
        Self::Workgroup,
        Self::Invite,
        Self::Webhook,
        Self::WebhookDelivery,
    ];
}

/// The global id of a row: its type's tag and its UUID, as 23 characters that fit into a URL.
pub fn encode(node: NodeType, id: Uuid) -> String {
    let mut bytes = [0; 17];
    bytes[0] = node as u8;
    bytes[1..].copy_from_slice(id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a global id names; `None` for anything that is not one.
pub fn decode(text: &str) -> Option<(NodeType, Uuid)> {
    if text.len() != 23 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (tag, id) = bytes.split_first()?;
    let node = NodeType::ALL.into_iter().find(|node| *node as u8 == *tag)?;
    Some((node, Uuid::from_slice(id).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_as_what_it_was_and_as_nothing_else() {
        let id = new(DateTime::UNIX_EPOCH);
        assert_eq!(decode(&encode(NodeType::Client, id)), Some((NodeType::Client, id)));
        for wrong in
            ["", "x", "AAAAAAAAAAAAAAAAAAAAAAA", "é".repeat(12).as_str(), &encode(NodeType::User, id)[1..]]
        {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
