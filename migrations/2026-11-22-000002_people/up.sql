create table firms (
  id uuid not null,
  slug text not null,
  name text not null,
  time_zone text not null,
  allow_external_delegates boolean not null default true,
  created_at timestamptz not null,
  version integer not null default 1,
  constraint firms_pkey primary key (id),
  constraint firms_slug unique (slug),
  constraint firms_slug_form check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')
);

create table users (
  firm_id uuid not null,
  id uuid not null,
  handle text not null,
  email text not null,
  email_verified_at timestamptz,
  display_name text not null,
  kind text not null,
  level text,
  capabilities text[] not null default '{}',
  status text not null,
  can_login boolean not null,
  password_hash text,
  details jsonb not null default '{}',
  created_at timestamptz not null,
  version integer not null default 1,
  -- Whether this person may be the adviser of a client: the key that clients refer to (I4, I5).
  can_advise boolean not null generated always as (kind = 'ADVISER') stored,
  constraint users_pkey primary key (firm_id, id),
  constraint users_firm foreign key (firm_id) references firms,
  constraint users_kind check (kind in ('ADVISER', 'ASSISTANT', 'BACK_OFFICE', 'COMPANY_REP')),
  constraint users_capabilities check (capabilities <@ array['SETUP_ADMIN', 'CLIENT_ADMIN', 'PORTAL_ADMIN', 'AUDITOR']),
  constraint users_status check (status in ('PENDING', 'ACTIVE', 'INACTIVE')),
  constraint users_active_has_verified_email check (status <> 'ACTIVE' or email_verified_at is not null),
  -- I15
  constraint users_inactive_cannot_login check (status <> 'INACTIVE' or not can_login),
  constraint users_adviser_key unique (firm_id, id, can_advise)
);
create unique index users_handle on users (firm_id, lower(handle));
create index users_email on users (lower(email), firm_id);
create index users_capable on users using gin (capabilities) where capabilities <> '{}';

create table sessions (
  firm_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  kind text not null default 'SIGN_IN',
  token_hash bytea not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  last_seen_at timestamptz not null,
  ended_at timestamptz,
  end_reason text,
  constraint sessions_pkey primary key (firm_id, id),
  constraint sessions_user foreign key (firm_id, user_id) references users,
  constraint sessions_kind check (kind in ('SIGN_IN')),
  constraint sessions_token unique (token_hash),
  constraint sessions_end check ((ended_at is null) = (end_reason is null)),
  constraint sessions_end_reason check (end_reason in ('SIGNED_OUT', 'SIGNED_OUT_EVERYWHERE', 'PASSWORD_CHANGED', 'PASSWORD_RESET', 'INACTIVATED')),
  -- What an impersonation refers to (I18).
  constraint sessions_sign_in_key unique (firm_id, id, user_id, kind)
);
create index sessions_open on sessions (firm_id, user_id) where ended_at is null;

-- A device that a person signed in from before: someone else's wrong guesses do not slow it down.
create table devices (
  firm_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  token_hash bytea not null,
  created_at timestamptz not null,
  last_used_at timestamptz not null,
  constraint devices_pkey primary key (firm_id, id),
  constraint devices_user foreign key (firm_id, user_id) references users,
  constraint devices_token unique (token_hash)
);

-- How often something was tried; the key is a hash of what is counted, known to us or not.
create table throttles (
  key bytea not null,
  count integer not null,
  window_ends_at timestamptz not null,
  failures integer not null default 0,
  blocked_until timestamptz,
  updated_at timestamptz not null,
  constraint throttles_pkey primary key (key)
);
create index throttles_old on throttles (updated_at);

-- Someone asked for a reset; whether there is such a person is found out later, by the relay,
-- so that the answer takes the same time for everybody.
create table password_reset_requests (
  id uuid not null,
  firm_slug text not null,
  login text not null,
  requested_at timestamptz not null,
  constraint password_reset_requests_pkey primary key (id)
);

grant select, insert, update on firms, users, sessions to locum_app;
grant select, insert, update, delete on devices, throttles, password_reset_requests to locum_app;
