//! Which mail is right, judged when it goes out: between an event and its mail, people register, leave and change
//! their minds.

use super::links::Purpose;
use super::store::Subject;
use crate::caller::{Action, Mode};
use crate::events::MailTemplate;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::Queryable;
use serde::Serialize;
use uuid::Uuid;

/// What there is to know about a mail.
#[derive(Clone, Debug)]
pub struct Facts {
    pub firm: Firm,
    /// When the event happened that causes the mail.
    pub occurred_at: DateTime<Utc>,
    /// Who caused it, if it was somebody of the firm.
    pub sender: Option<Uuid>,
    /// To whom it goes: a user of the firm …
    pub user: Option<Invitee>,
    /// … or the address of a delegation,
    pub grant: Option<Grant>,
    /// which may be that of somebody who has an account.
    pub account: Option<Account>,
    /// Who acts for the recipient.
    pub acting: Option<Acting>,
    /// What was done in the recipient's name, and on which days.
    pub summary: Option<Summary>,
}

/// Somebody acts for the recipient.
#[derive(Clone, Debug, Queryable)]
pub struct Acting {
    pub actor: String,
    pub mode: Mode,
    pub reason: Option<String>,
}

/// What was done in somebody's name.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The first and the last day.
    pub first: NaiveDate,
    pub last: NaiveDate,
    pub deeds: Vec<Deeds>,
}

/// What one person did.
#[derive(Clone, Debug, Queryable, Serialize)]
pub struct Deeds {
    pub actor: String,
    /// How often they acted, and how many things they looked at, changed and printed.
    pub times: i64,
    pub seen: i64,
    pub changed: i64,
    pub printed: i64,
}

/// The firm that the mail is from.
#[derive(Clone, Debug, Queryable)]
pub struct Firm {
    pub name: String,
    /// An IANA name.
    pub time_zone: String,
}

/// A user of the firm.
#[derive(Clone, Debug, Queryable)]
pub struct Invitee {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub handle: String,
    /// Has not registered yet.
    pub pending: bool,
    /// Can sign in.
    pub active: bool,
}

/// A delegation.
#[derive(Clone, Debug, Queryable)]
pub struct Grant {
    pub id: Uuid,
    pub email: String,
    pub principal: String,
    pub scope: Vec<Action>,
    /// From when on, if not from the beginning, and until when.
    pub begins: Option<DateTime<Utc>>,
    pub ends: Option<DateTime<Utc>>,
    /// Whether it holds at certain hours of the week only, and for certain clients only.
    pub scheduled: bool,
    pub listed: bool,
    /// Whether it has a delegate already.
    pub taken: bool,
    /// Neither ended nor past its time.
    pub live: bool,
    /// Whether the principal can still let somebody act for them.
    pub grantable: bool,
}

/// The account of whoever has the delegation's address: its delegate; or somebody of the principal's firm; or, where
/// that firm allows delegates from outside, somebody active of another firm.
#[derive(Clone, Debug, Queryable)]
pub struct Account {
    pub id: Uuid,
    pub name: String,
    pub handle: String,
    /// The short name of the firm where they sign in.
    pub firm: String,
    pub pending: bool,
    pub active: bool,
}

/// A mail that is right. The names of the templates are [`Letter::template`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letter {
    /// A principal lets somebody act for them who has to register first (PF-06): with the account that waits for
    /// them, or a new one.
    GrantToRegister { account: Option<Uuid> },
    /// A principal lets somebody act for them who has an account (PF-07).
    GrantToSignIn,
    /// A member of staff is invited.
    Invitation,
    /// A link to set a new password.
    PasswordReset,
    /// The password was changed.
    PasswordChanged,
    /// Somebody keeps guessing the password.
    SignInsRefused,
    /// Somebody acts for the recipient for the first time.
    FirstImpersonation,
    /// What was done in the recipient's name lately.
    DailySummary,
}

/// Which mail is right, or in a few words why none is.
pub fn decide(template: MailTemplate, facts: &Facts) -> Result<Letter, &'static str> {
    match (template, &facts.user, &facts.grant) {
        (MailTemplate::DelegationGranted, _, Some(grant)) => decide_grant(grant, facts.account.as_ref()),
        (MailTemplate::DelegationGranted, _, None) | (_, None, _) => Err("there is nobody to send it to"),
        (MailTemplate::StaffInvited, Some(user), _) if user.pending => Ok(Letter::Invitation),
        (MailTemplate::StaffInvited, ..) => Err("the person has registered, or is inactive"),
        (_, Some(user), _) if !user.active => Err("the person is not active"),
        (MailTemplate::PasswordReset, ..) => Ok(Letter::PasswordReset),
        (MailTemplate::PasswordChanged, ..) => Ok(Letter::PasswordChanged),
        (MailTemplate::SignInsRefused, ..) => Ok(Letter::SignInsRefused),
        (MailTemplate::FirstImpersonation, ..) => Ok(Letter::FirstImpersonation),
        (MailTemplate::DailySummary, ..) => Ok(Letter::DailySummary),
    }
}

fn decide_grant(grant: &Grant, account: Option<&Account>) -> Result<Letter, &'static str> {
    match account {
        _ if !grant.live => Err("the delegation has ended"),
        _ if !grant.grantable => Err("the principal can no longer let anybody act for them"),
        Some(account) if account.active => Ok(Letter::GrantToSignIn),
        _ if grant.taken => Err("the delegate is not active"),
        Some(account) => Ok(Letter::GrantToRegister { account: Some(account.id) }),
        None => Ok(Letter::GrantToRegister { account: None }),
    }
}

/// Invitations: strangers can cause them, and their recipient may never have heard of the firm.
const INVITATIONS: &[MailTemplate] = &[MailTemplate::DelegationGranted, MailTemplate::StaffInvited];
/// Reset links: strangers can ask for them too, but the account is the recipient's own.
const RESETS: &[MailTemplate] = &[MailTemplate::PasswordReset];

impl Letter {
    /// The file that has its words.
    pub fn template(self) -> &'static str {
        match self {
            Self::GrantToRegister { .. } => "grant_to_register",
            Self::GrantToSignIn => "grant_to_sign_in",
            Self::Invitation => "invitation",
            Self::PasswordReset => "password_reset",
            Self::PasswordChanged => "password_changed",
            Self::SignInsRefused => "sign_ins_refused",
            Self::FirstImpersonation => "first_impersonation",
            Self::DailySummary => "daily_summary",
        }
    }

    /// The mails that share its daily allowance. Invitations have one apart from reset links, so that nobody can use
    /// up another's reset links by inviting them; notices about the own account have none, for nobody can cause them
    /// at will, and whoever attacks an account must not be able to suppress them.
    pub fn allowance(self) -> Option<&'static [MailTemplate]> {
        match self {
            Self::GrantToRegister { .. } | Self::GrantToSignIn | Self::Invitation => Some(INVITATIONS),
            Self::PasswordReset => Some(RESETS),
            Self::PasswordChanged | Self::SignInsRefused | Self::FirstImpersonation | Self::DailySummary => {
                None
            }
        }
    }

    /// Whether "this is not for me" ends it: what others cause, not what the address's owner asks for or must know.
    pub fn can_be_unwanted(self) -> bool {
        self.allowance() == Some(INVITATIONS)
    }

    /// The one-time link that it carries.
    pub fn link(self, facts: &Facts) -> Option<(Purpose, Subject)> {
        let user = facts.user.as_ref().map(|user| Subject::User(user.id));
        let grant = facts.grant.as_ref().map(|grant| Subject::Delegation(grant.id));
        match self {
            Self::GrantToRegister { account } => {
                Some((Purpose::Registration, account.map(Subject::User).or(grant)?))
            }
            Self::Invitation => Some((Purpose::Registration, user?)),
            Self::PasswordReset => Some((Purpose::PasswordReset, user?)),
            Self::GrantToSignIn
            | Self::PasswordChanged
            | Self::SignInsRefused
            | Self::FirstImpersonation
            | Self::DailySummary => None,
        }
    }
}

impl Facts {
    /// The address that the mail goes to.
    pub fn address(&self) -> Option<&str> {
        let user = self.user.as_ref().map(|user| user.email.as_str());
        user.or(self.grant.as_ref().map(|grant| grant.email.as_str()))
    }

    /// The name of whoever has it, if it is known.
    pub fn name(&self) -> Option<&str> {
        let user = self.user.as_ref().map(|user| user.name.as_str());
        user.or(self.account.as_ref().map(|account| account.name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        let (principal, email) = ("Ana".to_owned(), "bea@harbour.example".to_owned());
        Grant {
            id: Uuid::nil(),
            email,
            principal,
            scope: vec![Action::View],
            begins: None,
            ends: None,
            scheduled: false,
            listed: false,
            taken: false,
            live: true,
            grantable: true,
        }
    }

    fn account(pending: bool, active: bool) -> Account {
        let id = Uuid::max();
        Account {
            id,
            name: "Bea".to_owned(),
            handle: "bea".to_owned(),
            firm: "harbour".to_owned(),
            pending,
            active,
        }
    }

    #[test]
    fn pf_06_pf_07_the_address_decides_which_of_the_two_mails_is_right() {
        assert_eq!(decide_grant(&grant(), None), Ok(Letter::GrantToRegister { account: None }));
        assert_eq!(decide_grant(&grant(), Some(&account(false, true))), Ok(Letter::GrantToSignIn));
        let waiting = Letter::GrantToRegister { account: Some(Uuid::max()) };
        assert_eq!(decide_grant(&grant(), Some(&account(true, false))), Ok(waiting));
    }

    #[test]
    fn no_mail_goes_out_whose_reason_is_gone() {
        assert!(decide_grant(&Grant { live: false, ..grant() }, None).is_err());
        assert!(decide_grant(&Grant { grantable: false, ..grant() }, Some(&account(false, true))).is_err());
        assert!(decide_grant(&Grant { taken: true, ..grant() }, Some(&account(false, false))).is_err());
        assert!(decide_grant(&Grant { taken: true, ..grant() }, None).is_err());
    }
}
