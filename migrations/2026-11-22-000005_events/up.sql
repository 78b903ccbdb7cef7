-- One row per firm, locked by the last statement of a transaction: position order is commit order.
create table event_heads (
  firm_id uuid not null,
  position bigint not null default 0,
  hash bytea not null default '\x',
  constraint event_heads_pkey primary key (firm_id),
  constraint event_heads_firm foreign key (firm_id) references firms
);

-- I22: append-only (no right to change it, and a trigger for whoever has the right), gapless, chained.
create table events (
  firm_id uuid not null,
  position bigint not null,
  id uuid not null,
  type text not null,
  occurred_at timestamptz not null,
  actor_kind text not null,
  actor_firm_id uuid,
  actor_id uuid,
  principal_firm_id uuid,
  principal_id uuid,
  impersonation_id uuid,
  session_id uuid,
  subjects uuid[] not null,
  payload jsonb not null,
  previous_hash bytea not null,
  hash bytea not null,
  constraint events_pkey primary key (firm_id, id),
  constraint events_firm foreign key (firm_id) references firms,
  constraint events_position unique (firm_id, position),
  -- I21
  constraint events_actor_kind check (actor_kind in ('USER', 'OPERATOR', 'SYSTEM')),
  constraint events_actor check ((actor_kind = 'USER') = (actor_id is not null) and (actor_id is null) = (actor_firm_id is null)),
  constraint events_principal check ((principal_id is null) = (impersonation_id is null) and (principal_id is null) = (principal_firm_id is null))
);

-- Who hears of an event, settled when it is written.
create table event_audience (
  firm_id uuid not null,
  recipient_id uuid not null,
  position bigint not null,
  constraint event_audience_pkey primary key (firm_id, recipient_id, position),
  constraint event_audience_event foreign key (firm_id, position) references events (firm_id, position)
);

create function event_hash(event events) returns bytea
language sql stable
return sha256(event.previous_hash || convert_to(jsonb_build_array(
  event.firm_id, event.position, event.id, event.type, (extract(epoch from event.occurred_at) * 1000000)::bigint,
  event.actor_kind, event.actor_firm_id, event.actor_id, event.principal_firm_id, event.principal_id, event.impersonation_id, event.session_id,
  event.subjects, event.payload
)::text, 'UTF8'));

-- Appends a batch under the head row and answers the firm's last position. Each element has the columns
-- of an event, and: audience (user ids), audience_capabilities (those who have one of them), mails.
create function append_events(firm uuid, batch jsonb) returns bigint
language plpgsql as $$
declare
  head event_heads;
  element jsonb;
  event events;
begin
  select * into strict head from event_heads where firm_id = firm for update;
  for element in select jsonb_array_elements(batch) loop
    event := jsonb_populate_record(null::events, element);
    head.position := head.position + 1;
    event.firm_id := firm;
    event.position := head.position;
    event.previous_hash := head.hash;
    event.hash := event_hash(event);
    head.hash := event.hash;
    insert into events values (event.*);
    insert into event_audience (firm_id, recipient_id, position)
    select firm, recipient::uuid, head.position from jsonb_array_elements_text(element -> 'audience') as recipient
    on conflict do nothing;
    if element -> 'audience_capabilities' <> '[]' then
      insert into event_audience (firm_id, recipient_id, position)
      select firm, users.id, head.position from users
      where users.firm_id = firm and users.status = 'ACTIVE' and users.capabilities <> '{}'
        and users.capabilities && array(select jsonb_array_elements_text(element -> 'audience_capabilities'))
      on conflict do nothing;
    end if;
    if element -> 'mails' <> '[]' then
      insert into mail_deliveries (firm_id, id, event_id, template, user_id, delegation_id, state, next_attempt_at, created_at)
      select firm, mail.id, event.id, mail.template, mail.user_id, mail.delegation_id, 'QUEUED', event.occurred_at, event.occurred_at
      from jsonb_populate_recordset(null::mail_deliveries, element -> 'mails') as mail;
    end if;
  end loop;
  update event_heads set position = head.position, hash = head.hash where firm_id = firm;
  return head.position;
end
$$;

create function events_are_append_only() returns trigger
language plpgsql as $$
begin
  raise exception 'the event log is append-only' using errcode = 'integrity_constraint_violation', constraint = 'events_append_only';
end
$$;
create trigger events_append_only before update or delete or truncate on events
  for each statement execute function events_are_append_only();
create trigger event_audience_append_only before update or delete or truncate on event_audience
  for each statement execute function events_are_append_only();

-- What leaves the house by mail because of an event; the words are in the template, the link is minted on sending.
create table mail_deliveries (
  firm_id uuid not null,
  id uuid not null,
  event_id uuid not null,
  template text not null,
  user_id uuid,
  delegation_id uuid,
  state text not null,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null,
  claimed_until timestamptz,
  last_error text,
  created_at timestamptz not null,
  finished_at timestamptz,
  constraint mail_deliveries_pkey primary key (firm_id, id),
  constraint mail_deliveries_event foreign key (firm_id, event_id) references events,
  constraint mail_deliveries_user foreign key (firm_id, user_id) references users,
  constraint mail_deliveries_delegation foreign key (firm_id, delegation_id) references delegations,
  constraint mail_deliveries_recipient check (num_nonnulls(user_id, delegation_id) = 1),
  constraint mail_deliveries_state check (state in ('QUEUED', 'SENT', 'FAILED', 'SUPPRESSED')),
  constraint mail_deliveries_finished check ((state = 'QUEUED') = (finished_at is null))
);
create index mail_deliveries_due on mail_deliveries (next_attempt_at) where state = 'QUEUED';

-- A one-time link: only the hash of its token is kept.
create table links (
  firm_id uuid not null,
  id uuid not null,
  purpose text not null,
  token_hash bytea not null,
  mail_id uuid not null,
  user_id uuid,
  delegation_id uuid,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  consumed_at timestamptz,
  constraint links_pkey primary key (firm_id, id),
  constraint links_mail foreign key (firm_id, mail_id) references mail_deliveries,
  constraint links_user foreign key (firm_id, user_id) references users,
  constraint links_delegation foreign key (firm_id, delegation_id) references delegations,
  constraint links_purpose check (purpose in ('REGISTRATION', 'PASSWORD_RESET', 'UNWANTED')),
  constraint links_subject check (num_nonnulls(user_id, delegation_id) = 1),
  constraint links_token unique (token_hash)
);
create index links_of_delegation on links (firm_id, delegation_id) where consumed_at is null;
create index links_of_user on links (firm_id, user_id) where consumed_at is null;

-- Addresses whose owner said "this is not for me"; hashed, for we are not to keep them.
create table mail_suppressions (
  firm_id uuid not null,
  address_hash bytea not null,
  created_at timestamptz not null,
  constraint mail_suppressions_pkey primary key (firm_id, address_hash),
  constraint mail_suppressions_firm foreign key (firm_id) references firms
);

-- The first success of a mutation that was sent with an idempotency key.
create table idempotency_records (
  firm_id uuid not null,
  user_id uuid not null,
  key text not null,
  field text not null,
  body_hash bytea not null,
  payload jsonb not null,
  created_at timestamptz not null,
  constraint idempotency_records_pkey primary key (firm_id, user_id, key, field),
  constraint idempotency_records_user foreign key (firm_id, user_id) references users
);
create index idempotency_records_old on idempotency_records (created_at);

grant select, insert, update on event_heads to locum_app;
grant select, insert on events, event_audience to locum_app;
grant select, insert, update on mail_deliveries, links to locum_app;
grant select, insert on mail_suppressions to locum_app;
grant select, insert, update, delete on idempotency_records to locum_app;
