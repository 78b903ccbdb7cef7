//! The catalogues in `docs/`, written from the enums that they are about.

use crate::caller::{Action, Mode, UserKey};
use crate::error::{ErrorCode, Place};
use crate::events::event::{Parties, PauseReason, Terms};
use crate::events::{Event, MailTemplate, Subject};
use crate::id::NodeType;
use chrono::{DateTime, TimeDelta};
use std::fmt::Write;
use uuid::Uuid;

/// `docs/errors.md`.
pub fn errors() -> String {
    let mut text = "# Error codes\n\nWritten by `locum schema --errors`.\n\n| code | where | what it means | what to do |\n|---|---|---|---|\n".to_owned();
    for code in ErrorCode::ALL {
        let place = match code.place() {
            Place::UserErrors => "`userErrors`".to_owned(),
            Place::Errors(status) => format!("`errors`, HTTP {status}"),
        };
        let _ = writeln!(text, "| `{}` | {place} | {} | {} |", code.as_str(), code.meaning(), code.remedy());
    }
    text
}

/// `docs/events.md`.
pub fn events() -> String {
    let mut text = "# Events\n\nWritten by `locum schema --events`. Ids are global ids.\n".to_owned();
    for event in examples() {
        let json = serde_json::to_value(&event).unwrap_or_default();
        let name = json["type"].as_str().unwrap_or_default();
        let audience = event.audience();
        let mut hears: Vec<_> = audience
            .capabilities
            .iter()
            .map(|capability| format!("everybody with `{}`", capability.as_str()))
            .collect();
        if !audience.users.is_empty() {
            hears.insert(0, "the people concerned".to_owned());
        }
        let mail = event
            .mail()
            .map(|mail| format!(" It causes the mail `{}`.", mail.template.as_str()))
            .unwrap_or_default();
        let payload = serde_json::to_string_pretty(&json["payload"]).unwrap_or_default();
        let _ = write!(
            text,
            "\n## {name}\n\n{} Heard by {}.{mail}\n\n```json\n{payload}\n```\n",
            event.meaning(),
            hears.join(" and ")
        );
    }
    text
}

/// One of each.
pub fn examples() -> Vec<Event> {
    let id = |n: u128| Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + n);
    let key = UserKey { firm: id(1), id: id(2) };
    let parties = Parties { principal: key, delegate: Some(UserKey { firm: id(1), id: id(3) }) };
    let user = Subject(NodeType::User, id(2));
    let (principal, actor, delegate) = (user, Subject(NodeType::User, id(3)), Subject(NodeType::User, id(3)));
    let delegation = Subject(NodeType::Delegation, id(4));
    let impersonation = Subject(NodeType::Impersonation, id(5));
    let (client, case) = (Subject(NodeType::Client, id(7)), Subject(NodeType::Case, id(8)));
    let webhook = Subject(NodeType::Webhook, id(9));
    let (workgroup, invite) = (Subject(NodeType::Workgroup, id(10)), Subject(NodeType::Invite, id(11)));
    let (readers, at) = (vec![key], DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
    let terms = Terms {
        scope: vec![Action::View, Action::Edit, Action::Print],
        all_clients: true,
        valid_from: at,
        valid_until: None,
        scheduled: false,
        reason_required: false,
    };
    let (mode, reason) = (Mode::ReadOnly, Some("Quarter-end review".to_owned()));
    vec![
        Event::FirmRegistered { firm: Subject(NodeType::Firm, id(1)), slug: "harbour".to_owned(), user: key },
        Event::UserInvited { user, handle: "ana".to_owned(), key },
        Event::UserRegistered { user, handle: "ana".to_owned(), key },
        Event::UserUpdated { user, version: 2, key },
        Event::PasswordResetRequested { user, key, registered: true },
        Event::PasswordChanged { user, key },
        Event::SignInsRefused { user, failures: 10, key },
        Event::FirmUpdated { firm: Subject(NodeType::Firm, id(1)), version: 2 },
        Event::FirmImported { people: 8, clients: 59 },
        Event::ClientUpdated { client, version: 2, readers: readers.clone() },
        Event::ClientCreated { client, readers: readers.clone() },
        Event::ClientAdvisersChanged {
            client,
            version: 3,
            primary_adviser: Some(user),
            secondary_adviser: None,
            readers: readers.clone(),
        },
        Event::ClientWorkgroupChanged {
            client,
            version: 4,
            workgroup: Some(workgroup),
            readers: readers.clone(),
        },
        Event::AccessGained { user, count: 1, clients: vec![client], readers: readers.clone() },
        Event::AccessLost { user, count: 1, clients: vec![client], readers: readers.clone() },
        Event::WorkgroupCreated { workgroup, owner: user, readers: readers.clone() },
        Event::WorkgroupUpdated { workgroup, version: 2, readers: readers.clone() },
        Event::WorkgroupOwnerChanged { workgroup, owner: user, readers: readers.clone() },
        Event::WorkgroupDeleted { workgroup, readers: readers.clone() },
        Event::WorkgroupRestored { workgroup, readers: readers.clone() },
        Event::InviteCreated { invite, workgroup, inviter: user, invitee: actor, readers: readers.clone() },
        Event::InviteRemoved { invite, workgroup, invitee: actor, readers: readers.clone() },
        Event::MembershipStarted { workgroup, user, readers: readers.clone() },
        Event::MembershipEnded { workgroup, user, readers: readers.clone() },
        Event::DefaultWorkgroupChanged { user, workgroup: Some(workgroup), key },
        Event::CaseCreated { case, client, readers: readers.clone() },
        Event::CaseUpdated { case, client, version: 2, readers: readers.clone() },
        Event::CasePrinted { case, client, version: 2, readers },
        Event::DelegationCreated { delegation, principal, terms: terms.clone(), parties },
        Event::DelegationChanged { delegation, principal, terms, parties },
        Event::DelegationInviteResent { delegation, principal, parties },
        Event::DelegationActivated { delegation, principal, delegate, parties },
        Event::DelegationRevoked { delegation, principal, parties },
        Event::DelegationDeclined { delegation, principal, parties },
        Event::DelegationExpired { delegation, principal, parties },
        Event::ImpersonationStarted {
            impersonation,
            principal,
            actor,
            mode,
            reason: reason.clone(),
            first: true,
            parties,
        },
        Event::ImpersonationSwitched { impersonation, principal, actor, mode, reason, first: false, parties },
        Event::ImpersonationEnded {
            impersonation,
            principal,
            actor,
            end_reason: "STOPPED",
            ended_at: at,
            parties,
        },
        Event::ImpersonatedAction {
            impersonation,
            action: Action::View,
            operation: "case",
            objects: vec![case],
            parties,
        },
        Event::DailySummaryDue {
            user,
            since: at.date_naive(),
            until: at.date_naive() + TimeDelta::days(1),
            key,
        },
        Event::EmailSent { mail: id(6), template: MailTemplate::DelegationGranted, sender: Some(key) },
        Event::EmailFailed {
            mail: id(6),
            template: MailTemplate::DelegationGranted,
            reason: "550 no such mailbox".to_owned(),
            sender: Some(key),
        },
        Event::AccessDenied {
            code: ErrorCode::NotWhileImpersonating.as_str().to_owned(),
            operation: "addBackOfficeUser".to_owned(),
        },
        Event::WebhookCreated { webhook },
        Event::WebhookUpdated { webhook, version: 2 },
        Event::WebhookDeleted { webhook },
        Event::WebhookSecretRotated { webhook },
        Event::WebhookPaused { webhook, reason: PauseReason::Failing },
        Event::WebhookResumed { webhook },
        Event::WebhookReplayed { webhook },
        Event::WebhookTested { webhook },
    ]
}
