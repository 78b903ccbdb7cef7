-- An address that a firm's events are pushed to.
create table webhooks (
  firm_id uuid not null,
  id uuid not null,
  -- A firm has so many places for them.
  place smallint not null,
  url text not null,
  description text not null,
  -- Which events; none means all.
  event_types text[] not null default '{}',
  state text not null default 'ACTIVE',
  pause_reason text,
  -- Sealed: they are needed to sign, so a hash would not do.
  secret bytea not null,
  old_secret bytea,
  old_secret_until timestamptz,
  -- The cursor: every event up to here has had its first attempt.
  position bigint not null,
  failing_since timestamptz,
  -- The receiver asked to be left alone until then.
  quiet_until timestamptz,
  -- One node serves it at a time; the count tells a claim from a later one.
  claims bigint not null default 0,
  claimed_until timestamptz,
  created_at timestamptz not null,
  version integer not null default 1,
  constraint webhooks_pkey primary key (firm_id, id),
  constraint webhooks_firm foreign key (firm_id) references firms,
  constraint webhooks_place unique (firm_id, place),
  -- `WEBHOOKS` in src/error/rules.rs only says so in answers.
  constraint webhooks_at_most check (place between 1 and 20),
  constraint webhooks_state check (state in ('ACTIVE', 'PAUSED')),
  constraint webhooks_pause check ((state = 'PAUSED') = (pause_reason is not null)),
  constraint webhooks_pause_reason check (pause_reason in ('REQUESTED', 'GONE', 'FAILING')),
  constraint webhooks_old_secret check ((old_secret is null) = (old_secret_until is null))
);
create index webhooks_active on webhooks (claimed_until) where state = 'ACTIVE';

-- What became of an event at an endpoint, from its first attempt on.
create table webhook_deliveries (
  firm_id uuid not null,
  id uuid not null,
  webhook_id uuid not null,
  position bigint not null,
  state text not null,
  attempts integer not null,
  next_attempt_at timestamptz,
  last_attempt_at timestamptz,
  status_code integer,
  answer text,
  created_at timestamptz not null,
  finished_at timestamptz,
  constraint webhook_deliveries_pkey primary key (firm_id, id),
  constraint webhook_deliveries_webhook foreign key (firm_id, webhook_id) references webhooks on delete cascade,
  constraint webhook_deliveries_event foreign key (firm_id, position) references events (firm_id, position),
  constraint webhook_deliveries_one_per_event unique (firm_id, webhook_id, position),
  constraint webhook_deliveries_state check (state in ('QUEUED', 'DELIVERED', 'FAILED')),
  constraint webhook_deliveries_finished check ((state = 'QUEUED') = (finished_at is null)),
  constraint webhook_deliveries_next check ((state = 'QUEUED') = (next_attempt_at is not null))
);
create index webhook_deliveries_due on webhook_deliveries (firm_id, webhook_id, next_attempt_at) where state = 'QUEUED';
create index webhook_deliveries_of_webhook on webhook_deliveries (firm_id, webhook_id, id);
create index webhook_deliveries_old on webhook_deliveries (finished_at);

grant select, insert, update, delete on webhooks, webhook_deliveries to locum_app;
