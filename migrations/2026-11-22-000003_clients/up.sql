create table accounts (
  firm_id uuid not null,
  id uuid not null,
  name text not null,
  created_at timestamptz not null,
  version integer not null default 1,
  constraint accounts_pkey primary key (firm_id, id),
  constraint accounts_firm foreign key (firm_id) references firms
);

create table clients (
  firm_id uuid not null,
  id uuid not null,
  name text not null,
  emails text[] not null default '{}',
  type text not null default 'CLIENT',
  reference text,
  details jsonb not null default '{}',
  account_id uuid,
  primary_adviser_id uuid,
  secondary_adviser_id uuid,
  created_at timestamptz not null,
  version integer not null default 1,
  -- Always true: the other half of the keys below.
  adviser_can_advise boolean not null generated always as (true) stored,
  constraint clients_pkey primary key (firm_id, id),
  constraint clients_firm foreign key (firm_id) references firms,
  constraint clients_type check (type in ('PROSPECT', 'CLIENT', 'INACTIVE', 'TEST')),
  -- I7
  constraint clients_account foreign key (firm_id, account_id) references accounts,
  -- I4, I5, I7
  constraint clients_primary_adviser foreign key (firm_id, primary_adviser_id, adviser_can_advise)
    references users (firm_id, id, can_advise),
  constraint clients_secondary_adviser foreign key (firm_id, secondary_adviser_id, adviser_can_advise)
    references users (firm_id, id, can_advise),
  -- I6
  constraint clients_two_advisers check (primary_adviser_id <> secondary_adviser_id)
);
create unique index clients_reference on clients (firm_id, reference);
create index clients_by_primary_adviser on clients (firm_id, primary_adviser_id, name, id);
create index clients_by_secondary_adviser on clients (firm_id, secondary_adviser_id, name, id)
  where secondary_adviser_id is not null;

grant select, insert, update on accounts, clients to locum_app;
