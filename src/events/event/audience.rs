//! Whom an event concerns: who hears of it, which mail it causes, what it is about, whose sessions it changes.

use super::{Event, MailTemplate};
use crate::caller::{Capability, UserKey};
use uuid::Uuid;

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
}
