//! What is done about a mail before it goes out: deciding, counting, minting, in one short transaction; then wording.

use super::letter::{self, Deeds, Facts, Letter};
use super::links::{Links, Purpose};
use super::mail::{Message, SendError};
use super::store::{self, Claim, End, Subject};
use super::templates::{Templates, Values};
use crate::caller::{Action, Mode, UserKey};
use crate::error::Result;
use crate::events::Tx;
use crate::secret::{self, Purpose as Secret, Token};
use chrono::{DateTime, NaiveDate, Utc};
use lettre::message::Mailbox;

/// What to do about a mail.
pub enum Prepared {
    /// Word it, and send it.
    Ready(Box<Ready>),
    /// Nothing: it is not to go out, and the row says why.
    Suppressed,
    /// Nothing: another node has it, for the claim lapsed.
    Lost,
}

/// A mail that is right, and what it says.
pub struct Ready {
    /// Who caused it, if it was somebody of the firm.
    pub sender: Option<UserKey>,
    letter: Letter,
    address: String,
    values: Values,
    at: DateTime<Utc>,
}

/// Finds out which mail is right, counts it against the limits, and mints its links.
pub async fn prepare(tx: &mut Tx, links: &Links, claim: &Claim) -> Result<Prepared> {
    if !store::renew(tx, claim).await? {
        return Ok(Prepared::Lost);
    }
    let facts = store::facts(tx, claim).await?;
    let letter = match letter::decide(claim.template, &facts) {
        Ok(letter) => letter,
        Err(why) => return suppress(tx, claim, why.to_owned()).await,
    };
    let address = facts.address().unwrap_or_default().to_owned();
    let hash = secret::hash(address.to_lowercase().as_bytes());
    if let Some(why) = objection(tx, claim, letter, &hash).await? {
        return suppress(tx, claim, why).await;
    }
    store::address(tx, claim, hash).await?;
    let values = values(tx, links, claim, letter, &facts).await?;
    let sender = facts.sender.map(|id| UserKey { firm: claim.firm, id });
    Ok(Prepared::Ready(Box::new(Ready { sender, letter, address, values, at: tx.now })))
}

async fn suppress(tx: &mut Tx, claim: &Claim, why: String) -> Result<Prepared> {
    store::finish(tx, claim, End::Suppressed, Some(why)).await?;
    Ok(Prepared::Suppressed)
}

/// Why the address may not get the mail.
async fn objection(tx: &mut Tx, claim: &Claim, letter: Letter, address: &[u8]) -> Result<Option<String>> {
    let Some(kinds) = letter.allowance() else { return Ok(None) };
    let against = store::against(tx, claim, address, kinds).await?;
    let (to_address, from_firm) = (tx.limits.mails_per_address_per_day, tx.limits.mails_per_firm_per_day);
    Ok(if against.suppressed && letter.can_be_unwanted() {
        Some("the address's owner wants no invitations from this firm".to_owned())
    } else if against.to_address >= to_address {
        Some(format!("the address gets {to_address} such mails a day at most"))
    } else if against.from_firm >= from_firm {
        Some(format!("the firm sends {from_firm} such mails a day at most"))
    } else {
        None
    })
}

/// Mints the links, and puts the rest in words.
async fn values(tx: &mut Tx, links: &Links, claim: &Claim, letter: Letter, facts: &Facts) -> Result<Values> {
    let at = |moment: DateTime<Utc>| in_words(moment, &facts.firm.time_zone);
    let mut values = Values {
        name: facts.name().map(name),
        firm: name(&facts.firm.name),
        when: at(facts.occurred_at),
        handle: facts.user.as_ref().map(|user| user.handle.clone()),
        ..Values::default()
    };
    if let Some((purpose, of)) = letter.link(facts) {
        values.link = Some(mint(tx, links, claim, purpose, of).await?);
        values.until = Some(at(tx.now + purpose.holds()));
    }
    if let Some(grant) = &facts.grant {
        values.principal = Some(name(&grant.principal));
        values.scope = Some(scope_in_words(&grant.scope));
        (values.begins, values.ends) = (grant.begins.map(at), grant.ends.map(at));
        (values.scheduled, values.listed) = (grant.scheduled, grant.listed);
        values.unwanted =
            Some(mint(tx, links, claim, Purpose::Unwanted, Subject::Delegation(grant.id)).await?);
    }
    if let Some(acting) = &facts.acting {
        values.actor = Some(name(&acting.actor));
        values.changes = acting.mode == Mode::ReadWrite;
        values.reason = acting.reason.as_deref().map(name);
    }
    if let Some(summary) = &facts.summary {
        values.days = Some(days_in_words(summary.first, summary.last));
        let deeds = summary.deeds.iter().cloned();
        values.deeds = deeds.map(|deeds| Deeds { actor: name(&deeds.actor), ..deeds }).collect();
    }
    if let (Letter::GrantToSignIn, Some(account)) = (letter, &facts.account) {
        values.link = Some(links.sign_in(account).into());
        values.handle = Some(account.handle.clone());
        values.sign_in_firm = Some(account.firm.clone());
    }
    Ok(values)
}

async fn mint(tx: &mut Tx, links: &Links, claim: &Claim, purpose: Purpose, of: Subject) -> Result<String> {
    let token = Token::generate(Secret::Link)?;
    store::insert_link(tx, claim, purpose, of, &token).await?;
    Ok(links.with_token(purpose, &token).into())
}

impl Ready {
    /// Puts the mail into words.
    pub fn word(self, claim: &Claim, templates: &Templates, from: &Mailbox) -> Result<Message, SendError> {
        let address = self.address.parse();
        let address =
            address.map_err(|_| SendError::permanent("no mail can be addressed to this address"))?;
        // Only the kind of the error: the rest of it may quote a value, which may be a link.
        let wrong = |error: minijinja::Error| {
            SendError::passing(&format!("a mistake in a template: {:?}", error.kind()))
        };
        let words = templates.render(self.letter.template(), &self.values).map_err(wrong)?;
        let to = Mailbox::new(self.values.name, address);
        let (id, at, from) = (claim.id, self.at, from.clone());
        Ok(Message { id, at, from, to, subject: words.subject, text: words.text, html: words.html })
    }
}

/// A moment in a time zone, as people write it.
fn in_words(moment: DateTime<Utc>, zone: &str) -> String {
    let zone: chrono_tz::Tz = zone.parse().unwrap_or(chrono_tz::UTC);
    format!("{} ({})", moment.with_timezone(&zone).format("%-d %B %Y, %H:%M"), zone.name())
}

/// `23 November 2026`, or `from 20 November 2026 to 23 November 2026`.
fn days_in_words(first: NaiveDate, last: NaiveDate) -> String {
    let [first_day, last_day] = [first, last].map(|day| day.format("%-d %B %Y").to_string());
    if first == last { format!("on {last_day}") } else { format!("from {first_day} to {last_day}") }
}

/// `view, edit and print`.
fn scope_in_words(scope: &[Action]) -> String {
    let mut words: Vec<String> = scope.iter().map(|action| action.as_str().to_lowercase()).collect();
    let last = words.pop().unwrap_or_default();
    if words.is_empty() { last } else { format!("{} and {last}", words.join(", ")) }
}

/// A name as a mail can say it: one line, and nothing that a mail program would make a link of. Anybody can name a
/// firm or themselves after an address, and invite people to it; links in a mail lead only where ours do.
fn name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    let mut characters = text.chars();
    let mut word_before = false;
    while let Some(c) = characters.next() {
        let breaks = c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        name.push(if breaks { ' ' } else { c });
        let rest = characters.clone();
        let joins = match c {
            '.' => word_before && rest.take_while(|c| c.is_alphanumeric() || *c == '-').count() > 1,
            ':' => rest.take(1).any(|c| c == '/'),
            _ => false,
        };
        if joins {
            name.push(WORD_JOINER);
        }
        word_before = c.is_alphanumeric() || c == '-';
    }
    name
}

/// Takes no room and is not seen; no address has it.
const WORD_JOINER: char = '\u{2060}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_moments_in_the_firms_time_zone() {
        let moment = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000) + chrono::TimeDelta::hours(22);
        assert_eq!(in_words(moment, "Europe/Berlin"), "5 October 2024, 00:00 (Europe/Berlin)");
        assert_eq!(in_words(moment, "nowhere"), "4 October 2024, 22:00 (UTC)");
    }

    #[test]
    fn a_scope_is_a_phrase() {
        assert_eq!(scope_in_words(&[Action::View]), "view");
        assert_eq!(scope_in_words(&[Action::View, Action::Edit, Action::Print]), "view, edit and print");
    }

    #[test]
    fn abuse_31_a_name_is_no_link() {
        assert_eq!(name("win at https://evil.example/x"), "win at https:\u{2060}//evil.\u{2060}example/x");
        assert_eq!(name("www.evil.example"), "www.\u{2060}evil.\u{2060}example");
        for plain in ["J.R. Smith", "St. John & Co.", "Ana {{7*7}} <b>", "3.5 %", "a: b"] {
            assert_eq!(name(plain), plain);
        }
        assert_eq!(name("a\r\nb\u{2028}c"), "a  b c");
    }
}
