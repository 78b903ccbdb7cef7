-- What a grant is limited to beside its actions and dates: which clients, at which hours of the week, with a reason.
alter table delegations
  add column only_listed_clients boolean not null default false,
  add column schedule jsonb,
  add column reason_required boolean not null default false,
  add constraint delegations_schedule check (jsonb_typeof(schedule) = 'array');
create index delegations_due on delegations (valid_until) where ended_at is null;

-- The clients of a delegation that has `only_listed_clients`.
create table delegation_clients (
  firm_id uuid not null,
  delegation_id uuid not null,
  client_id uuid not null,
  constraint delegation_clients_pkey primary key (firm_id, delegation_id, client_id),
  constraint delegation_clients_delegation foreign key (firm_id, delegation_id) references delegations,
  constraint delegation_clients_client foreign key (firm_id, client_id) references clients
);

-- Why the impersonation will have ended once `expires_at` has passed.
alter table impersonations
  add column expiry_reason text not null default 'EXPIRED',
  add constraint impersonations_expiry_reason check (expiry_reason in ('EXPIRED', 'SCHEDULE'));
create index impersonations_of_principal on impersonations (firm_id, principal_id, id);
create index events_of_impersonation on events (firm_id, impersonation_id, position) where impersonation_id is not null;

-- Whether a person wants a mail each morning about what was done in their name, and the last day that one was due for.
alter table users
  add column daily_summary boolean not null default false,
  add column summarized_on date,
  add constraint users_summarized_since check (not daily_summary or summarized_on is not null);
create index users_with_summary on users (firm_id) where daily_summary;

grant select, insert, delete on delegation_clients to locum_app;
create index events_in_name_of on events (firm_id, principal_id, occurred_at) where principal_id is not null;
