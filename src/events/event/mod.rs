//! The closed list of events: what each says, whom it concerns, which mail it causes.
//!
//! Ids in payloads are global ids, as on every other way out of the house.

mod audience;
mod catalogue;

pub use audience::{Audience, Mail, Recipient};
pub use catalogue::NAMES;

use crate::caller::{Action, Mode, UserKey};
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
