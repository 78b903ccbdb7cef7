create table delegations (
  firm_id uuid not null,
  id uuid not null,
  principal_id uuid not null,
  email text not null,
  delegate_firm_id uuid,
  delegate_id uuid,
  slot smallint not null,
  actions text[] not null,
  valid_from timestamptz not null,
  valid_until timestamptz,
  state text not null,
  created_at timestamptz not null,
  activated_at timestamptz,
  ended_at timestamptz,
  version integer not null default 1,
  constraint delegations_pkey primary key (firm_id, id),
  constraint delegations_principal foreign key (firm_id, principal_id) references users,
  -- The one edge that may cross firms: the delegate's own key.
  constraint delegations_delegate foreign key (delegate_firm_id, delegate_id) references users match full,
  -- I1: what keeps it at two; `SEATS` in src/error/rules.rs only says so in answers.
  constraint delegations_two_seats check (slot in (1, 2)),
  -- I3
  constraint delegations_not_to_oneself check ((delegate_firm_id, delegate_id) is distinct from (firm_id, principal_id)),
  constraint delegations_actions check (actions <@ array['VIEW', 'EDIT', 'PRINT', 'SHARE'] and 'VIEW' = any (actions)),
  constraint delegations_validity check (valid_from < valid_until),
  constraint delegations_state check (state in ('PENDING', 'ACTIVE', 'DECLINED', 'REVOKED', 'EXPIRED')),
  constraint delegations_end check ((state in ('PENDING', 'ACTIVE')) = (ended_at is null)),
  constraint delegations_active_has_delegate check (state <> 'ACTIVE' or delegate_id is not null),
  -- What an impersonation refers to: it is of exactly these two people.
  constraint delegations_parties unique (firm_id, id, principal_id, delegate_firm_id, delegate_id)
);
-- I1
create unique index delegations_seat on delegations (firm_id, principal_id, slot) where ended_at is null;
-- I2
create unique index delegations_one_per_email on delegations (firm_id, principal_id, lower(email)) where ended_at is null;
create index delegations_of_delegate on delegations (delegate_firm_id, delegate_id) where ended_at is null;
create index delegations_by_id on delegations (id);
create index delegations_waiting on delegations (lower(email)) where state = 'PENDING';

create table impersonations (
  firm_id uuid not null,
  id uuid not null,
  delegation_id uuid not null,
  principal_id uuid not null,
  actor_firm_id uuid not null,
  actor_id uuid not null,
  session_id uuid not null,
  session_kind text not null generated always as ('SIGN_IN') stored,
  mode text not null,
  reason text,
  started_at timestamptz not null,
  expires_at timestamptz not null,
  last_seen_at timestamptz not null,
  ended_at timestamptz,
  end_reason text,
  -- When the actor took note of the end. Until then the session does nothing else:
  -- whoever was acting as another must not find themselves acting as themselves unawares.
  left_at timestamptz,
  constraint impersonations_pkey primary key (firm_id, id),
  constraint impersonations_delegation foreign key (firm_id, delegation_id, principal_id, actor_firm_id, actor_id)
    references delegations (firm_id, id, principal_id, delegate_firm_id, delegate_id),
  -- I18: only a sign-in's session, so that none starts inside another.
  constraint impersonations_session foreign key (actor_firm_id, session_id, actor_id, session_kind)
    references sessions (firm_id, id, user_id, kind),
  constraint impersonations_mode check (mode in ('READ_ONLY', 'READ_WRITE')),
  -- I19; past this the clock ends it at every use, and so do the delegation's own dates.
  constraint impersonations_at_most_eight_hours check (expires_at > started_at and expires_at <= started_at + interval '8 hours'),
  constraint impersonations_end check ((ended_at is null) = (end_reason is null)),
  constraint impersonations_end_reason check (end_reason in ('STOPPED', 'SWITCHED', 'EXPIRED', 'IDLE', 'SCHEDULE', 'REVOKED',
    'PRINCIPAL_ENDED', 'INACTIVATED', 'SIGNED_OUT')),
  constraint impersonations_left_after_end check (left_at is null or ended_at is not null)
);
-- I17
create unique index impersonations_one_per_session on impersonations (actor_firm_id, session_id) where left_at is null;
create index impersonations_running on impersonations (firm_id, delegation_id) where ended_at is null;

grant select, insert, update on delegations, impersonations to locum_app;
