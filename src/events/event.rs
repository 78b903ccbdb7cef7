//! The closed list of events: what each says, whom it concerns, which mail it causes.
//!
//! Ids in payloads are global ids, as on every other way out of the house.

use crate::caller::{Action, Capability, Mode, UserKey};
use crate::id::{self, NodeType};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Serialize, Serializer};
use uuid::Uuid;

/// Something that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject(pub NodeType, pub Uuid);

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&id::encode(self.0, self.1))
    }
}

impl Subject {
    /// A user, without their firm.
    pub fn user(key: UserKey) -> Self {
        Self(NodeType::User, key.id)
    }
}

crate::text_enum! {
    /// The mails that locum sends; their words are in `src/delivery/templates/`.
    pub enum MailTemplate {
        /// Someone may act for a principal: a registration link or the login link, as the address needs it.
        DelegationGranted = "delegation_granted",
        /// A member of staff is invited: a registration link.
        StaffInvited = "staff_invited",
        /// A link to set a new password.
        PasswordReset = "password_reset",
        /// The password was changed.
        PasswordChanged = "password_changed",
        /// Someone keeps guessing the password.
        SignInsRefused = "sign_ins_refused",
        /// Someone acts for the principal for the first time.
        FirstImpersonation = "first_impersonation",
        /// What was done in the principal's name on a day.
        DailySummary = "daily_summary",
    }
}

/// Both sides of a delegation.
#[derive(Clone, Copy, Debug)]
pub struct Parties {
    pub principal: UserKey,
    pub delegate: Option<UserKey>,
}

/// What a delegation is limited to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    pub scope: Vec<Action>,
    pub all_clients: bool,
    pub valid_from: DateTime<Utc>,
    pub valid_until: Option<DateTime<Utc>>,
    /// Whether it holds at certain hours of the week only.
    pub scheduled: bool,
    pub reason_required: bool,
}

/// What happened. The names are part of the contract; [`Event::meaning`] says what each one means.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", content = "payload", rename_all_fields = "camelCase")]
pub enum Event {
    FirmRegistered {
        firm: Subject,
        slug: String,
        #[serde(skip)]
        user: UserKey,
    },
    UserInvited {
        user: Subject,
        handle: String,
        #[serde(skip)]
        key: UserKey,
    },
    UserRegistered {
        user: Subject,
        handle: String,
        #[serde(skip)]
        key: UserKey,
    },
    UserUpdated {
        user: Subject,
        version: i32,
        #[serde(skip)]
        key: UserKey,
    },
    PasswordResetRequested {
        user: Subject,
        #[serde(skip)]
        key: UserKey,
        #[serde(skip)]
        registered: bool,
    },
    PasswordChanged {
        user: Subject,
        #[serde(skip)]
        key: UserKey,
    },
    SignInsRefused {
        user: Subject,
        failures: i32,
        #[serde(skip)]
        key: UserKey,
    },
    FirmUpdated {
        firm: Subject,
        version: i32,
    },
    FirmImported {
        people: usize,
        clients: usize,
    },
    ClientUpdated {
        client: Subject,
        version: i32,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    ClientCreated {
        client: Subject,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    ClientAdvisersChanged {
        client: Subject,
        version: i32,
        primary_adviser: Option<Subject>,
        secondary_adviser: Option<Subject>,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    ClientWorkgroupChanged {
        client: Subject,
        version: i32,
        workgroup: Option<Subject>,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    AccessGained {
        user: Subject,
        /// How many clients; at most 250 of them are named.
        count: usize,
        clients: Vec<Subject>,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    AccessLost {
        user: Subject,
        /// How many clients; at most 250 of them are named.
        count: usize,
        clients: Vec<Subject>,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    WorkgroupCreated {
        workgroup: Subject,
        owner: Subject,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    WorkgroupUpdated {
        workgroup: Subject,
        version: i32,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    WorkgroupOwnerChanged {
        workgroup: Subject,
        owner: Subject,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    WorkgroupDeleted {
        workgroup: Subject,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    WorkgroupRestored {
        workgroup: Subject,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    InviteCreated {
        invite: Subject,
        workgroup: Subject,
        inviter: Subject,
        invitee: Subject,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    InviteRemoved {
        invite: Subject,
        workgroup: Subject,
        invitee: Subject,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    MembershipStarted {
        workgroup: Subject,
        user: Subject,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    MembershipEnded {
        workgroup: Subject,
        user: Subject,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    DefaultWorkgroupChanged {
        user: Subject,
        workgroup: Option<Subject>,
        #[serde(skip)]
        key: UserKey,
    },
    CaseCreated {
        case: Subject,
        client: Subject,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    CaseUpdated {
        case: Subject,
        client: Subject,
        version: i32,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    CasePrinted {
        case: Subject,
        client: Subject,
        version: i32,
        #[serde(skip)]
        readers: Vec<UserKey>,
    },
    DelegationCreated {
        delegation: Subject,
        principal: Subject,
        #[serde(flatten)]
        terms: Terms,
        #[serde(skip)]
        parties: Parties,
    },
    DelegationChanged {
        delegation: Subject,
        principal: Subject,
        #[serde(flatten)]
        terms: Terms,
        #[serde(skip)]
        parties: Parties,
    },
    DelegationInviteResent {
        delegation: Subject,
        principal: Subject,
        #[serde(skip)]
        parties: Parties,
    },
    DelegationActivated {
        delegation: Subject,
        principal: Subject,
        delegate: Subject,
        #[serde(skip)]
        parties: Parties,
    },
    DelegationRevoked {
        delegation: Subject,
        principal: Subject,
        #[serde(skip)]
        parties: Parties,
    },
    DelegationDeclined {
        delegation: Subject,
        principal: Subject,
        #[serde(skip)]
        parties: Parties,
    },
    DelegationExpired {
        delegation: Subject,
        principal: Subject,
        #[serde(skip)]
        parties: Parties,
    },
    ImpersonationStarted {
        impersonation: Subject,
        principal: Subject,
        actor: Subject,
        mode: Mode,
        reason: Option<String>,
        /// Whether the actor has never acted for the principal before.
        first: bool,
        #[serde(skip)]
        parties: Parties,
    },
    ImpersonationSwitched {
        impersonation: Subject,
        principal: Subject,
        actor: Subject,
        mode: Mode,
        reason: Option<String>,
        /// Whether the actor has never acted for the principal before.
        first: bool,
        #[serde(skip)]
        parties: Parties,
    },
    ImpersonationEnded {
        impersonation: Subject,
        principal: Subject,
        actor: Subject,
        end_reason: &'static str,
        ended_at: DateTime<Utc>,
        #[serde(skip)]
        parties: Parties,
    },
    ImpersonatedAction {
        impersonation: Subject,
        action: Action,
        operation: &'static str,
        objects: Vec<Subject>,
        #[serde(skip)]
        parties: Parties,
    },
    DailySummaryDue {
        user: Subject,
        /// The first day, and the one after the last, in the firm's time zone.
        since: NaiveDate,
        until: NaiveDate,
        #[serde(skip)]
        key: UserKey,
    },
    EmailSent {
        mail: Uuid,
        template: MailTemplate,
        #[serde(skip)]
        sender: Option<UserKey>,
    },
    EmailFailed {
        mail: Uuid,
        template: MailTemplate,
        reason: String,
        #[serde(skip)]
        sender: Option<UserKey>,
    },
    AccessDenied {
        code: String,
        operation: String,
    },
    WebhookCreated {
        webhook: Subject,
    },
    WebhookUpdated {
        webhook: Subject,
        version: i32,
    },
    WebhookDeleted {
        webhook: Subject,
    },
    WebhookSecretRotated {
        webhook: Subject,
    },
    WebhookPaused {
        webhook: Subject,
        reason: PauseReason,
    },
    WebhookResumed {
        webhook: Subject,
    },
    WebhookReplayed {
        webhook: Subject,
    },
    WebhookTested {
        webhook: Subject,
    },
}

crate::text_enum! {
    /// Why nothing is sent to a webhook.
    pub enum PauseReason {
        /// A setup admin wanted it.
        Requested = "REQUESTED",
        /// The receiver answered 410: there is nobody any more.
        Gone = "GONE",
        /// For 120 hours nothing was taken.
        Failing = "FAILING",
    }
}

/// A mail that an event causes.
pub struct Mail {
    pub template: MailTemplate,
    pub recipient: Recipient,
}

/// Whom a mail goes to.
pub enum Recipient {
    User(Uuid),
    /// The address of a delegation, whose owner may be known or not.
    DelegateOf(Uuid),
}

/// Who hears of an event.
#[derive(Default)]
pub struct Audience {
    pub users: Vec<UserKey>,
    /// Everybody of the firm who has one of these.
    pub capabilities: Vec<Capability>,
}

/// The names of all events, as a filter may have them.
pub const NAMES: &[&str] = &[
    "FirmRegistered",
    "UserInvited",
    "UserRegistered",
    "UserUpdated",
    "PasswordResetRequested",
    "PasswordChanged",
    "SignInsRefused",
    "FirmUpdated",
    "FirmImported",
    "ClientUpdated",
    "ClientCreated",
    "ClientAdvisersChanged",
    "ClientWorkgroupChanged",
    "AccessGained",
    "AccessLost",
    "WorkgroupCreated",
    "WorkgroupUpdated",
    "WorkgroupOwnerChanged",
    "WorkgroupDeleted",
    "WorkgroupRestored",
    "InviteCreated",
    "InviteRemoved",
    "MembershipStarted",
    "MembershipEnded",
    "DefaultWorkgroupChanged",
    "CaseCreated",
    "CaseUpdated",
    "CasePrinted",
    "DelegationCreated",
    "DelegationChanged",
    "DelegationInviteResent",
    "DelegationActivated",
    "DelegationRevoked",
    "DelegationDeclined",
    "DelegationExpired",
    "ImpersonationStarted",
    "ImpersonationSwitched",
    "ImpersonationEnded",
    "ImpersonatedAction",
    "DailySummaryDue",
    "EmailSent",
    "EmailFailed",
    "AccessDenied",
    "WebhookCreated",
    "WebhookUpdated",
    "WebhookDeleted",
    "WebhookSecretRotated",
    "WebhookPaused",
    "WebhookResumed",
    "WebhookReplayed",
    "WebhookTested",
];

const SETUP_ADMINS: &[Capability] = &[Capability::SetupAdmin];
const AUDITORS: &[Capability] = &[Capability::Auditor];

impl Event {
    /// Who hears of it; a delegate of another firm hears of it in the log of their own.
    pub fn audience(&self) -> Audience {
        let of = |users: &[Option<UserKey>], capabilities: &[Capability]| Audience {
            users: users.iter().flatten().copied().collect(),
            capabilities: capabilities.to_vec(),
        };
        match self {
            Self::FirmRegistered { user, .. } => of(&[Some(*user)], &[]),
            Self::UserInvited { key, .. }
            | Self::UserRegistered { key, .. }
            | Self::UserUpdated { key, .. } => of(&[Some(*key)], SETUP_ADMINS),
            Self::PasswordResetRequested { key, .. }
            | Self::PasswordChanged { key, .. }
            | Self::SignInsRefused { key, .. }
            | Self::DailySummaryDue { key, .. }
            | Self::DefaultWorkgroupChanged { key, .. } => of(&[Some(*key)], &[]),
            Self::ClientUpdated { readers, .. }
            | Self::ClientCreated { readers, .. }
            | Self::ClientAdvisersChanged { readers, .. }
            | Self::ClientWorkgroupChanged { readers, .. }
            | Self::AccessGained { readers, .. }
            | Self::AccessLost { readers, .. }
            | Self::WorkgroupCreated { readers, .. }
            | Self::WorkgroupUpdated { readers, .. }
            | Self::WorkgroupOwnerChanged { readers, .. }
            | Self::WorkgroupDeleted { readers, .. }
            | Self::WorkgroupRestored { readers, .. }
            | Self::InviteCreated { readers, .. }
            | Self::InviteRemoved { readers, .. }
            | Self::MembershipStarted { readers, .. }
            | Self::MembershipEnded { readers, .. }
            | Self::CaseCreated { readers, .. }
            | Self::CaseUpdated { readers, .. }
            | Self::CasePrinted { readers, .. } => {
                Audience { users: readers.clone(), capabilities: Vec::new() }
            }
            // The delegate need not know that the principal had to ask twice.
            Self::DelegationInviteResent { parties, .. } => of(&[Some(parties.principal)], &[]),
            Self::FirmUpdated { .. } | Self::FirmImported { .. } => of(&[], SETUP_ADMINS),
            Self::DelegationCreated { parties, .. }
            | Self::DelegationChanged { parties, .. }
            | Self::DelegationExpired { parties, .. }
            | Self::DelegationActivated { parties, .. }
            | Self::DelegationRevoked { parties, .. }
            | Self::DelegationDeclined { parties, .. } => {
                of(&[Some(parties.principal), parties.delegate], &[])
            }
            Self::ImpersonationStarted { parties, .. }
            | Self::ImpersonationSwitched { parties, .. }
            | Self::ImpersonationEnded { parties, .. }
            | Self::ImpersonatedAction { parties, .. } => {
                of(&[Some(parties.principal), parties.delegate], AUDITORS)
            }
            Self::EmailSent { sender, .. } | Self::EmailFailed { sender, .. } => of(&[*sender], SETUP_ADMINS),
            Self::AccessDenied { .. } => of(&[], AUDITORS),
            Self::WebhookCreated { .. }
            | Self::WebhookUpdated { .. }
            | Self::WebhookDeleted { .. }
            | Self::WebhookSecretRotated { .. }
            | Self::WebhookPaused { .. }
            | Self::WebhookResumed { .. }
            | Self::WebhookReplayed { .. }
            | Self::WebhookTested { .. } => of(&[], SETUP_ADMINS),
        }
    }

    /// The mail that it causes.
    pub fn mail(&self) -> Option<Mail> {
        let (template, recipient) = match self {
            Self::FirmRegistered { user: key, .. } | Self::UserInvited { key, .. } => {
                (MailTemplate::StaffInvited, Recipient::User(key.id))
            }
            Self::PasswordResetRequested { key, registered, .. } => {
                let template =
                    if *registered { MailTemplate::PasswordReset } else { MailTemplate::StaffInvited };
                (template, Recipient::User(key.id))
            }
            Self::PasswordChanged { key, .. } => (MailTemplate::PasswordChanged, Recipient::User(key.id)),
            Self::SignInsRefused { key, .. } => (MailTemplate::SignInsRefused, Recipient::User(key.id)),
            Self::DelegationCreated { delegation, .. } | Self::DelegationInviteResent { delegation, .. } => {
                (MailTemplate::DelegationGranted, Recipient::DelegateOf(delegation.1))
            }
            Self::ImpersonationStarted { first: true, parties, .. }
            | Self::ImpersonationSwitched { first: true, parties, .. } => {
                (MailTemplate::FirstImpersonation, Recipient::User(parties.principal.id))
            }
            Self::DailySummaryDue { key, .. } => (MailTemplate::DailySummary, Recipient::User(key.id)),
            _ => return None,
        };
        Some(Mail { template, recipient })
    }

    /// The things that it is about.
    pub fn subjects(&self) -> Vec<Uuid> {
        match self {
            Self::FirmRegistered { firm, user, .. } => vec![firm.1, user.id],
            Self::UserInvited { user, .. }
            | Self::UserRegistered { user, .. }
            | Self::UserUpdated { user, .. }
            | Self::PasswordResetRequested { user, .. }
            | Self::PasswordChanged { user, .. }
            | Self::SignInsRefused { user, .. }
            | Self::DailySummaryDue { user, .. } => vec![user.1],
            Self::ClientUpdated { client, .. }
            | Self::ClientCreated { client, .. }
            | Self::ClientAdvisersChanged { client, .. }
            | Self::ClientWorkgroupChanged { client, .. } => vec![client.1],
            Self::AccessGained { user, clients, .. } | Self::AccessLost { user, clients, .. } => {
                std::iter::once(user.1).chain(clients.iter().map(|client| client.1)).collect()
            }
            Self::WorkgroupUpdated { workgroup, .. }
            | Self::WorkgroupDeleted { workgroup, .. }
            | Self::WorkgroupRestored { workgroup, .. } => vec![workgroup.1],
            Self::WorkgroupCreated { workgroup, owner, .. }
            | Self::WorkgroupOwnerChanged { workgroup, owner, .. } => vec![workgroup.1, owner.1],
            Self::InviteCreated { invite, workgroup, invitee, .. }
            | Self::InviteRemoved { invite, workgroup, invitee, .. } => {
                vec![invite.1, workgroup.1, invitee.1]
            }
            Self::MembershipStarted { workgroup, user, .. }
            | Self::MembershipEnded { workgroup, user, .. } => {
                vec![workgroup.1, user.1]
            }
            Self::DefaultWorkgroupChanged { user, .. } => vec![user.1],
            Self::CaseCreated { case, client, .. }
            | Self::CaseUpdated { case, client, .. }
            | Self::CasePrinted { case, client, .. } => vec![case.1, client.1],
            Self::FirmUpdated { firm, .. } => vec![firm.1],
            Self::FirmImported { .. } | Self::AccessDenied { .. } => Vec::new(),
            Self::DelegationCreated { delegation, principal, .. }
            | Self::DelegationChanged { delegation, principal, .. }
            | Self::DelegationInviteResent { delegation, principal, .. }
            | Self::DelegationExpired { delegation, principal, .. }
            | Self::DelegationActivated { delegation, principal, .. }
            | Self::DelegationRevoked { delegation, principal, .. }
            | Self::DelegationDeclined { delegation, principal, .. } => vec![delegation.1, principal.1],
            Self::ImpersonationStarted { impersonation, principal, actor, .. }
            | Self::ImpersonationSwitched { impersonation, principal, actor, .. }
            | Self::ImpersonationEnded { impersonation, principal, actor, .. } => {
                vec![impersonation.1, principal.1, actor.1]
            }
            Self::ImpersonatedAction { impersonation, objects, .. } => {
                std::iter::once(impersonation.1).chain(objects.iter().map(|object| object.1)).collect()
            }
            Self::EmailSent { mail, .. } | Self::EmailFailed { mail, .. } => vec![*mail],
            Self::WebhookCreated { webhook, .. }
            | Self::WebhookUpdated { webhook, .. }
            | Self::WebhookDeleted { webhook, .. }
            | Self::WebhookSecretRotated { webhook, .. }
            | Self::WebhookPaused { webhook, .. }
            | Self::WebhookResumed { webhook, .. }
            | Self::WebhookReplayed { webhook, .. }
            | Self::WebhookTested { webhook, .. } => vec![webhook.1],
        }
    }
}

impl Event {
    /// Whose sessions it changes: somebody starts or ceases to act for a principal, or may cease to.
    pub fn changes_rights_of(&self) -> Option<UserKey> {
        match self {
            Self::DelegationChanged { parties, .. }
            | Self::DelegationRevoked { parties, .. }
            | Self::DelegationDeclined { parties, .. }
            | Self::DelegationExpired { parties, .. }
            | Self::ImpersonationStarted { parties, .. }
            | Self::ImpersonationSwitched { parties, .. }
            | Self::ImpersonationEnded { parties, .. } => parties.delegate,
            _ => None,
        }
    }

    /// When it happens, in a sentence; a new event does not compile without one, and the catalogue has it.
    pub fn meaning(&self) -> &'static str {
        match self {
            Self::FirmRegistered { .. } => "A firm was registered; its first user is invited.",
            Self::UserInvited { .. } => "A member of staff was invited.",
            Self::UserRegistered { .. } => "A person completed their registration.",
            Self::UserUpdated { .. } => "A person changed their profile.",
            Self::PasswordResetRequested { .. } => "A person asked for a link to set a new password.",
            Self::PasswordChanged { .. } => "A person's password was changed; their other sessions ended.",
            Self::SignInsRefused { .. } => "Sign-ins to a person's account keep failing.",
            Self::FirmUpdated { .. } => "The firm's name, its time zone or its policies were changed.",
            Self::FirmImported { .. } => "People and clients were imported.",
            Self::ClientUpdated { .. } => "A client was changed.",
            Self::ClientCreated { .. } => "There is a new client.",
            Self::ClientAdvisersChanged { .. } => {
                "A client's advisers were changed; also whoever does not reach it any more hears of it."
            }
            Self::ClientWorkgroupChanged { .. } => {
                "A client went into a workgroup, or out of one; also whoever does not reach it any more hears of it."
            }
            Self::AccessGained { .. } => {
                "Somebody works on clients from now on whom they did not reach before."
            }
            Self::AccessLost { .. } => "Somebody does not reach clients any more.",
            Self::WorkgroupCreated { .. } => "Somebody created a workgroup.",
            Self::WorkgroupUpdated { .. } => "A workgroup is described in other words.",
            Self::WorkgroupOwnerChanged { .. } => "A workgroup belongs to another member.",
            Self::WorkgroupDeleted { .. } => "A workgroup was deleted; its clients stay with their advisers.",
            Self::WorkgroupRestored { .. } => "A workgroup that was deleted is there again.",
            Self::InviteCreated { .. } => "Somebody is invited to a workgroup.",
            Self::InviteRemoved { .. } => {
                "An invite to a workgroup does not wait any more: it was followed, ignored or taken back."
            }
            Self::MembershipStarted { .. } => "Somebody joined a workgroup.",
            Self::MembershipEnded { .. } => "Somebody left a workgroup, or was taken out of it.",
            Self::DefaultWorkgroupChanged { .. } => {
                "A person's new clients go into another workgroup, or into none."
            }
            Self::CaseCreated { .. } => "A case was opened for a client.",
            Self::CaseUpdated { .. } => "A case was changed.",
            Self::CasePrinted { .. } => "A link to print a case was given out.",
            Self::DelegationCreated { .. } => "A principal lets someone act for them.",
            Self::DelegationChanged { .. } => "The principal changed what the delegation is limited to.",
            Self::DelegationInviteResent { .. } => "The invitation of a pending delegation was sent again.",
            Self::DelegationExpired { .. } => "The delegation's time is over.",
            Self::DelegationActivated { .. } => "The delegate is known now and can act.",
            Self::DelegationRevoked { .. } => "The delegation was taken back.",
            Self::DelegationDeclined { .. } => "The delegate does not want it.",
            Self::ImpersonationStarted { .. } => "Someone acts for a principal from now on.",
            Self::ImpersonationSwitched { .. } => "Someone went over from one principal to this one.",
            Self::ImpersonationEnded { .. } => {
                "Nobody acts for the principal by this impersonation any more."
            }
            Self::ImpersonatedAction { .. } => {
                "Something was read or changed in the principal's name; reading the same is noted once in ten minutes."
            }
            Self::DailySummaryDue { .. } => {
                "Something was done in a person's name in those days, of which they want a summary."
            }
            Self::EmailSent { .. } => "A mail left the house.",
            Self::EmailFailed { .. } => "A mail could not be delivered and is not tried again.",
            Self::AccessDenied { .. } => {
                "Someone was refused something; noted once a minute for each session and code."
            }
            Self::WebhookCreated { .. } => "The firm's events are pushed to an address from now on.",
            Self::WebhookUpdated { .. } => "A webhook's address, description or events were changed.",
            Self::WebhookDeleted { .. } => "A webhook was deleted, with the list of its deliveries.",
            Self::WebhookSecretRotated { .. } => {
                "A webhook has a new secret; the older one is used beside it for 24 hours."
            }
            Self::WebhookPaused { .. } => {
                "Nothing is sent to a webhook any more: a setup admin wanted it, the receiver answered 410, or nothing was taken for 120 hours. Its place in the log is kept."
            }
            Self::WebhookResumed { .. } => "Events are sent to a webhook again, from where it stood.",
            Self::WebhookReplayed { .. } => "Events are sent to a webhook once more.",
            Self::WebhookTested { .. } => {
                "A setup admin tries a webhook out; only that webhook gets it, whatever its filter."
            }
        }
    }
}
