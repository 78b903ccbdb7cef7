//! What the catalogue of events says of each, beside an example.

use super::Event;

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

impl Event {
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
