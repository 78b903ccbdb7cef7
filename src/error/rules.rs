//! From a constraint's name to the rule it keeps. Every named constraint of the database stands here once.

use super::{Detail, ErrorCode, Refusal};

/// How a constraint can be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// By a caller's input: refused with this code.
    Refused(ErrorCode),
    /// By a caller's input that exceeds a limit of so many.
    Limit(i32),
    /// Only by a mistake of ours: the statements never try it.
    Never,
}

use Met::{Limit, Never, Refused};

/// How many back-office users a principal has at most, for answers; `delegations_two_seats` is what keeps it.
pub const SEATS: i16 = 2;

/// How many webhooks a firm has at most, for answers; `webhooks_at_most` is what keeps it.
pub const WEBHOOKS: i16 = 20;

/// Constraint, invariant of the model or none, how it is met.
pub const RULES: &[(&str, &str, Met)] = &[
    ("delegations_seat", "I1", Limit(SEATS as i32)),
    ("delegations_two_seats", "I1", Limit(SEATS as i32)),
    ("delegations_one_per_email", "I2", Refused(ErrorCode::AlreadyDelegated)),
    ("delegations_not_to_oneself", "I3", Refused(ErrorCode::CannotDelegateToSelf)),
    ("clients_primary_adviser", "I4, I5, I7", Refused(ErrorCode::InvalidInput)),
    ("clients_secondary_adviser", "I4, I5, I7", Refused(ErrorCode::InvalidInput)),
    ("users_adviser_key", "I4, I5", Never),
    ("clients_two_advisers", "I6", Refused(ErrorCode::InvalidInput)),
    ("clients_account", "I7", Refused(ErrorCode::InvalidInput)),
    ("clients_workgroup", "I7, I11", Refused(ErrorCode::NotFound)),
    ("workgroups_owner_is_member", "I8", Refused(ErrorCode::NotAMember)),
    ("workgroups_owner", "I9", Refused(ErrorCode::CannotOwn)),
    ("users_default_workgroup", "I10", Refused(ErrorCode::NotAMember)),
    ("invites_one_per_pair", "I12", Never),
    ("past_assignments_never_overlap", "I14", Never),
    ("past_memberships_never_overlap", "I14", Never),
    ("users_inactive_cannot_login", "I15", Never),
    ("impersonations_one_per_session", "I17", Never),
    ("impersonations_session", "I18", Never),
    ("sessions_sign_in_key", "I18", Never),
    ("impersonations_at_most_eight_hours", "I19", Never),
    ("events_actor_kind", "I21", Never),
    ("events_actor", "I21", Never),
    ("events_principal", "I21", Never),
    ("events_append_only", "I22", Never),
    ("events_position", "I22", Never),
    ("firms_slug", "", Refused(ErrorCode::SlugTaken)),
    ("firms_slug_form", "", Refused(ErrorCode::InvalidInput)),
    ("users_handle", "", Refused(ErrorCode::HandleTaken)),
    ("users_kind", "", Never),
    ("users_capabilities", "", Never),
    ("users_status", "", Never),
    ("users_active_has_verified_email", "", Never),
    ("users_summarized_since", "", Never),
    ("users_firm", "", Never),
    ("sessions_user", "", Never),
    ("sessions_kind", "", Never),
    ("sessions_token", "", Never),
    ("sessions_end", "", Never),
    ("sessions_end_reason", "", Never),
    ("devices_user", "", Never),
    ("devices_token", "", Never),
    ("accounts_firm", "", Never),
    ("clients_firm", "", Never),
    ("clients_type", "", Never),
    ("clients_reference", "", Refused(ErrorCode::InvalidInput)),
    ("clients_since", "", Never),
    ("users_member_key", "", Never),
    ("firms_invite_days", "", Never),
    ("workgroups_firm", "", Never),
    ("workgroups_description", "", Never),
    ("memberships_workgroup", "", Refused(ErrorCode::NotFound)),
    ("memberships_user", "", Refused(ErrorCode::CannotJoin)),
    ("invites_workgroup", "", Refused(ErrorCode::NotFound)),
    ("invites_inviter", "", Never),
    ("invites_invitee", "", Refused(ErrorCode::CannotJoin)),
    ("deleted_workgroups_owner", "", Never),
    ("deleted_workgroups_by", "", Never),
    ("past_assignments_client", "", Never),
    ("past_assignments_role", "", Never),
    ("past_memberships_user", "", Never),
    ("delegations_principal", "", Never),
    ("delegations_delegate", "", Never),
    ("delegations_actions", "", Never),
    ("delegations_validity", "", Refused(ErrorCode::InvalidInput)),
    ("delegations_schedule", "", Never),
    ("delegations_state", "", Never),
    ("delegations_end", "", Never),
    ("delegations_active_has_delegate", "", Never),
    ("delegations_parties", "", Never),
    ("delegation_clients_delegation", "", Never),
    ("delegation_clients_client", "", Never),
    ("impersonations_delegation", "", Never),
    ("impersonations_mode", "", Never),
    ("impersonations_end", "", Never),
    ("impersonations_end_reason", "", Never),
    ("impersonations_expiry_reason", "", Never),
    ("impersonations_left_after_end", "", Never),
    ("cases_client", "", Never),
    ("cases_facts", "", Never),
    ("cases_state", "", Never),
    ("case_prints_case", "", Never),
    ("case_prints_session", "", Never),
    ("case_prints_impersonation", "", Never),
    ("case_prints_token", "", Never),
    ("event_heads_firm", "", Never),
    ("events_firm", "", Never),
    ("event_audience_event", "", Never),
    ("mail_deliveries_event", "", Never),
    ("mail_deliveries_user", "", Never),
    ("mail_deliveries_delegation", "", Never),
    ("mail_deliveries_recipient", "", Never),
    ("mail_deliveries_state", "", Never),
    ("mail_deliveries_finished", "", Never),
    ("mail_suppressions_firm", "", Never),
    ("links_mail", "", Never),
    ("links_user", "", Never),
    ("links_delegation", "", Never),
    ("links_purpose", "", Never),
    ("links_subject", "", Never),
    ("links_token", "", Never),
    ("idempotency_records_user", "", Never),
    ("webhooks_at_most", "", Limit(WEBHOOKS as i32)),
    ("webhooks_firm", "", Never),
    ("webhooks_place", "", Never),
    ("webhooks_state", "", Never),
    ("webhooks_pause", "", Never),
    ("webhooks_pause_reason", "", Never),
    ("webhooks_old_secret", "", Never),
    ("webhook_deliveries_webhook", "", Never),
    ("webhook_deliveries_event", "", Never),
    ("webhook_deliveries_one_per_event", "", Never),
    ("webhook_deliveries_state", "", Never),
    ("webhook_deliveries_finished", "", Never),
    ("webhook_deliveries_next", "", Never),
];

/// The refusal of a constraint that a caller's input met.
pub fn refusal(constraint: &str) -> Option<Refusal> {
    let (_, _, met) = RULES.iter().find(|(name, _, _)| *name == constraint)?;
    match met {
        Never => None,
        Refused(code) => Some(Refusal::new(*code)),
        Limit(limit) => Some(limit_reached(*limit)),
    }
}

/// A limit of so many, all of them used.
pub fn limit_reached(limit: i32) -> Refusal {
    Refusal { detail: Detail::Limit { limit, current: limit }, ..Refusal::new(ErrorCode::LimitReached) }
}
