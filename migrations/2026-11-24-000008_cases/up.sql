-- A titled document of facts about a client. Who may see it follows from who may see the client.
create table cases (
  firm_id uuid not null,
  id uuid not null,
  client_id uuid not null,
  title text not null,
  facts jsonb not null,
  state text not null default 'OPEN',
  created_at timestamptz not null,
  updated_at timestamptz not null,
  version integer not null default 1,
  constraint cases_pkey primary key (firm_id, id),
  constraint cases_client foreign key (firm_id, client_id) references clients,
  constraint cases_facts check (jsonb_typeof(facts) = 'array'),
  constraint cases_state check (state in ('OPEN', 'ARCHIVED'))
);
create index cases_of_client on cases (firm_id, client_id, id);

-- A link to a case on paper: opened once, within minutes, by whoever holds the session and, if it was made while
-- impersonating, still impersonates.
create table case_prints (
  firm_id uuid not null,
  id uuid not null,
  case_id uuid not null,
  session_firm_id uuid not null,
  session_id uuid not null,
  impersonation_id uuid,
  token_hash bytea not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  opened_at timestamptz,
  constraint case_prints_pkey primary key (firm_id, id),
  constraint case_prints_case foreign key (firm_id, case_id) references cases,
  constraint case_prints_session foreign key (session_firm_id, session_id) references sessions,
  constraint case_prints_impersonation foreign key (firm_id, impersonation_id) references impersonations,
  constraint case_prints_token unique (token_hash)
);
create index case_prints_old on case_prints (expires_at);

grant select, insert, update on cases to locum_app;
grant select, insert, update, delete on case_prints to locum_app;
