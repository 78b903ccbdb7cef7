// @generated automatically by Diesel CLI.

diesel::table! {
    use diesel::sql_types::*;

    accounts (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        name -> Text,
        created_at -> Timestamptz,
        version -> Int4,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    case_prints (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        case_id -> Uuid,
        session_firm_id -> Uuid,
        session_id -> Uuid,
        impersonation_id -> Nullable<Uuid>,
        token_hash -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        opened_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    cases (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        client_id -> Uuid,
        title -> Text,
        facts -> Jsonb,
        state -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int4,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    clients (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        name -> Text,
        emails -> Array<Text>,
        #[sql_name = "type"]
        type_ -> Text,
        reference -> Nullable<Text>,
        details -> Jsonb,
        account_id -> Nullable<Uuid>,
        primary_adviser_id -> Nullable<Uuid>,
        secondary_adviser_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        version -> Int4,
        adviser_can_advise -> Bool,
        workgroup_id -> Nullable<Uuid>,
        primary_adviser_since -> Nullable<Timestamptz>,
        secondary_adviser_since -> Nullable<Timestamptz>,
        workgroup_since -> Nullable<Timestamptz>,
        words -> Text,
        brief_words -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    delegation_clients (firm_id, delegation_id, client_id) {
        firm_id -> Uuid,
        delegation_id -> Uuid,
        client_id -> Uuid,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    delegations (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        principal_id -> Uuid,
        email -> Text,
        delegate_firm_id -> Nullable<Uuid>,
        delegate_id -> Nullable<Uuid>,
        slot -> Int2,
        actions -> Array<Text>,
        valid_from -> Timestamptz,
        valid_until -> Nullable<Timestamptz>,
        state -> Text,
        created_at -> Timestamptz,
        activated_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        version -> Int4,
        only_listed_clients -> Bool,
        schedule -> Nullable<Jsonb>,
        reason_required -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    deleted_workgroups (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        owner_id -> Uuid,
        description -> Text,
        created_at -> Timestamptz,
        version -> Int4,
        deleted_at -> Timestamptz,
        deleted_by -> Uuid,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    devices (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        user_id -> Uuid,
        token_hash -> Bytea,
        created_at -> Timestamptz,
        last_used_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    event_audience (firm_id, recipient_id, position) {
        firm_id -> Uuid,
        recipient_id -> Uuid,
        position -> Int8,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    event_heads (firm_id) {
        firm_id -> Uuid,
        position -> Int8,
        hash -> Bytea,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    events (firm_id, id) {
        firm_id -> Uuid,
        position -> Int8,
        id -> Uuid,
        #[sql_name = "type"]
        type_ -> Text,
        occurred_at -> Timestamptz,
        actor_kind -> Text,
        actor_firm_id -> Nullable<Uuid>,
        actor_id -> Nullable<Uuid>,
        principal_firm_id -> Nullable<Uuid>,
        principal_id -> Nullable<Uuid>,
        impersonation_id -> Nullable<Uuid>,
        session_id -> Nullable<Uuid>,
        subjects -> Array<Uuid>,
        payload -> Jsonb,
        previous_hash -> Bytea,
        hash -> Bytea,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    firms (id) {
        id -> Uuid,
        slug -> Text,
        name -> Text,
        time_zone -> Text,
        allow_external_delegates -> Bool,
        created_at -> Timestamptz,
        version -> Int4,
        strict_workgroup_moves -> Bool,
        invite_days -> Nullable<Int2>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    idempotency_records (firm_id, user_id, key, field) {
        firm_id -> Uuid,
        user_id -> Uuid,
        key -> Text,
        field -> Text,
        body_hash -> Bytea,
        payload -> Jsonb,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    impersonations (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        delegation_id -> Uuid,
        principal_id -> Uuid,
        actor_firm_id -> Uuid,
        actor_id -> Uuid,
        session_id -> Uuid,
        session_kind -> Text,
        mode -> Text,
        reason -> Nullable<Text>,
        started_at -> Timestamptz,
        expires_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        end_reason -> Nullable<Text>,
        left_at -> Nullable<Timestamptz>,
        expiry_reason -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    invites (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        workgroup_id -> Uuid,
        inviter_id -> Uuid,
        invitee_id -> Uuid,
        invitee_can_join -> Bool,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    links (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        purpose -> Text,
        token_hash -> Bytea,
        mail_id -> Uuid,
        user_id -> Nullable<Uuid>,
        delegation_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        consumed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    mail_deliveries (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        event_id -> Uuid,
        template -> Text,
        user_id -> Nullable<Uuid>,
        delegation_id -> Nullable<Uuid>,
        state -> Text,
        attempts -> Int4,
        next_attempt_at -> Timestamptz,
        claimed_until -> Nullable<Timestamptz>,
        last_error -> Nullable<Text>,
        created_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
        address_hash -> Nullable<Bytea>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    mail_suppressions (firm_id, address_hash) {
        firm_id -> Uuid,
        address_hash -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    memberships (firm_id, workgroup_id, user_id) {
        firm_id -> Uuid,
        workgroup_id -> Uuid,
        user_id -> Uuid,
        joined_at -> Timestamptz,
        member_can_join -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    password_reset_requests (id) {
        id -> Uuid,
        firm_slug -> Text,
        login -> Text,
        requested_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    past_assignments (firm_id, client_id, role, held_from) {
        firm_id -> Uuid,
        client_id -> Uuid,
        role -> Text,
        holder_id -> Uuid,
        held_from -> Timestamptz,
        held_until -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    past_memberships (firm_id, workgroup_id, user_id, held_from) {
        firm_id -> Uuid,
        workgroup_id -> Uuid,
        user_id -> Uuid,
        held_from -> Timestamptz,
        held_until -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    sessions (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        user_id -> Uuid,
        kind -> Text,
        token_hash -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        end_reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    throttles (key) {
        key -> Bytea,
        count -> Int4,
        window_ends_at -> Timestamptz,
        failures -> Int4,
        blocked_until -> Nullable<Timestamptz>,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    users (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        handle -> Text,
        email -> Text,
        email_verified_at -> Nullable<Timestamptz>,
        display_name -> Text,
        kind -> Text,
        level -> Nullable<Text>,
        capabilities -> Array<Text>,
        status -> Text,
        can_login -> Bool,
        password_hash -> Nullable<Text>,
        details -> Jsonb,
        created_at -> Timestamptz,
        version -> Int4,
        can_advise -> Bool,
        daily_summary -> Bool,
        summarized_on -> Nullable<Date>,
        can_join -> Bool,
        default_workgroup_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    webhook_deliveries (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        webhook_id -> Uuid,
        position -> Int8,
        state -> Text,
        attempts -> Int4,
        next_attempt_at -> Nullable<Timestamptz>,
        last_attempt_at -> Nullable<Timestamptz>,
        status_code -> Nullable<Int4>,
        answer -> Nullable<Text>,
        created_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    webhooks (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        place -> Int2,
        url -> Text,
        description -> Text,
        event_types -> Array<Text>,
        state -> Text,
        pause_reason -> Nullable<Text>,
        secret -> Bytea,
        old_secret -> Nullable<Bytea>,
        old_secret_until -> Nullable<Timestamptz>,
        position -> Int8,
        failing_since -> Nullable<Timestamptz>,
        quiet_until -> Nullable<Timestamptz>,
        claims -> Int8,
        claimed_until -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        version -> Int4,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    workgroups (firm_id, id) {
        firm_id -> Uuid,
        id -> Uuid,
        owner_id -> Uuid,
        description -> Text,
        created_at -> Timestamptz,
        version -> Int4,
        owner_can_advise -> Bool,
    }
}

diesel::joinable!(accounts -> firms (firm_id));
diesel::joinable!(clients -> firms (firm_id));
diesel::joinable!(event_heads -> firms (firm_id));
diesel::joinable!(events -> firms (firm_id));
diesel::joinable!(mail_suppressions -> firms (firm_id));
diesel::joinable!(users -> firms (firm_id));
diesel::joinable!(webhooks -> firms (firm_id));
diesel::joinable!(workgroups -> firms (firm_id));

diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    case_prints,
    cases,
    clients,
    delegation_clients,
    delegations,
    deleted_workgroups,
    devices,
    event_audience,
    event_heads,
    events,
    firms,
    idempotency_records,
    impersonations,
    invites,
    links,
    mail_deliveries,
    mail_suppressions,
    memberships,
    password_reset_requests,
    past_assignments,
    past_memberships,
    sessions,
    throttles,
    users,
    webhook_deliveries,
    webhooks,
    workgroups,
);
