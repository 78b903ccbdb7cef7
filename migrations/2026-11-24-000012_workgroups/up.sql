-- Words are found whatever their case and accents are.
create extension if not exists unaccent;
create extension if not exists pg_trgm;
-- Ids beside words in one index, and ranges beside ids.
create extension if not exists btree_gin;
create extension if not exists btree_gist;

-- As search compares it. Immutable in fact: it reads the dictionary that the extension brought along.
create function search_form(words text) returns text
language sql immutable strict parallel safe
return lower(unaccent('unaccent'::regdictionary, words));

-- When the transaction that changes an edge takes place, by the service's clock.
create function edge_time() returns timestamptz
language sql stable
return coalesce(nullif(current_setting('locum.now', true), '')::timestamptz, now());

alter table users
  -- Whether this person may be in workgroups (requirements A19).
  add column can_join boolean not null generated always as (kind in ('ADVISER', 'ASSISTANT')) stored,
  add column default_workgroup_id uuid,
  add constraint users_member_key unique (firm_id, id, can_join);

alter table firms
  add column strict_workgroup_moves boolean not null default false,
  add column invite_days smallint,
  add constraint firms_invite_days check (invite_days between 1 and 90);

create table workgroups (
  firm_id uuid not null,
  id uuid not null,
  owner_id uuid not null,
  description text not null,
  created_at timestamptz not null,
  version integer not null default 1,
  owner_can_advise boolean not null generated always as (true) stored,
  constraint workgroups_pkey primary key (firm_id, id),
  constraint workgroups_firm foreign key (firm_id) references firms,
  -- I9, A18
  constraint workgroups_owner foreign key (firm_id, owner_id, owner_can_advise) references users (firm_id, id, can_advise),
  constraint workgroups_description check (char_length(description) between 1 and 200)
);
create index workgroups_of_owner on workgroups (firm_id, owner_id, id);

create table memberships (
  firm_id uuid not null,
  workgroup_id uuid not null,
  user_id uuid not null,
  joined_at timestamptz not null,
  member_can_join boolean not null generated always as (true) stored,
  -- I12
  constraint memberships_pkey primary key (firm_id, workgroup_id, user_id),
  constraint memberships_workgroup foreign key (firm_id, workgroup_id) references workgroups on delete cascade,
  -- A19
  constraint memberships_user foreign key (firm_id, user_id, member_can_join) references users (firm_id, id, can_join)
);
create index memberships_of_user on memberships (firm_id, user_id, workgroup_id);

-- I8: the owner is always a member, and no group is ownerless.
alter table workgroups add constraint workgroups_owner_is_member
  foreign key (firm_id, id, owner_id) references memberships (firm_id, workgroup_id, user_id) deferrable initially deferred;

-- I10
alter table users add constraint users_default_workgroup
  foreign key (firm_id, default_workgroup_id, id) references memberships (firm_id, workgroup_id, user_id)
  on delete set null (default_workgroup_id);
create index users_by_default_workgroup on users (firm_id, default_workgroup_id) where default_workgroup_id is not null;

-- An invite is there as long as it waits. However it ends, the row goes; the event stays.
create table invites (
  firm_id uuid not null,
  id uuid not null,
  workgroup_id uuid not null,
  inviter_id uuid not null,
  invitee_id uuid not null,
  invitee_can_join boolean not null generated always as (true) stored,
  created_at timestamptz not null,
  expires_at timestamptz,
  constraint invites_pkey primary key (firm_id, id),
  constraint invites_workgroup foreign key (firm_id, workgroup_id) references workgroups on delete cascade,
  constraint invites_inviter foreign key (firm_id, inviter_id) references users,
  constraint invites_invitee foreign key (firm_id, invitee_id, invitee_can_join) references users (firm_id, id, can_join),
  -- I12
  constraint invites_one_per_pair unique (firm_id, workgroup_id, invitee_id)
);
create index invites_of_invitee on invites (firm_id, invitee_id, id);

-- A workgroup that was deleted, so that it can be brought back; who was in it, and what, is in the history.
create table deleted_workgroups (
  firm_id uuid not null,
  id uuid not null,
  owner_id uuid not null,
  description text not null,
  created_at timestamptz not null,
  version integer not null,
  deleted_at timestamptz not null,
  deleted_by uuid not null,
  constraint deleted_workgroups_pkey primary key (firm_id, id),
  constraint deleted_workgroups_owner foreign key (firm_id, owner_id) references users,
  constraint deleted_workgroups_by foreign key (firm_id, deleted_by) references users
);
create index deleted_workgroups_old on deleted_workgroups (deleted_at);

alter table clients
  add column workgroup_id uuid,
  -- Since when the edges of today have held.
  add column primary_adviser_since timestamptz,
  add column secondary_adviser_since timestamptz,
  add column workgroup_since timestamptz,
  add column words text not null default '',
  -- The same where it is short enough to stand in an index: of a client with very many addresses it is null.
  add column brief_words text generated always as (case when octet_length(words) <= 1500 then words end) stored,
  -- I7, I11
  add constraint clients_workgroup foreign key (firm_id, workgroup_id) references workgroups on delete set null (workgroup_id);

-- I14: what an edge was, once it is another one. What it is today is in the clients and the memberships.
create table past_assignments (
  firm_id uuid not null,
  client_id uuid not null,
  role text not null,
  holder_id uuid not null,
  held_from timestamptz not null,
  held_until timestamptz not null,
  constraint past_assignments_pkey primary key (firm_id, client_id, role, held_from),
  constraint past_assignments_client foreign key (firm_id, client_id) references clients,
  constraint past_assignments_role check (role in ('PRIMARY_ADVISER', 'SECONDARY_ADVISER', 'WORKGROUP')),
  constraint past_assignments_never_overlap
    exclude using gist (firm_id with =, client_id with =, role with =, tstzrange(held_from, held_until) with &&)
);
create index past_assignments_of_holder on past_assignments (firm_id, holder_id);

create table past_memberships (
  firm_id uuid not null,
  workgroup_id uuid not null,
  user_id uuid not null,
  held_from timestamptz not null,
  held_until timestamptz not null,
  constraint past_memberships_pkey primary key (firm_id, workgroup_id, user_id, held_from),
  constraint past_memberships_user foreign key (firm_id, user_id) references users,
  constraint past_memberships_never_overlap
    exclude using gist (firm_id with =, workgroup_id with =, user_id with =, tstzrange(held_from, held_until) with &&)
);
create index past_memberships_of_user on past_memberships (firm_id, user_id);

-- Ends what an edge was, and answers when the next one can begin. Two transactions of which the later one looked at the clock
-- earlier are still one after the other in the history: an edge begins when the one before it has ended.
create function end_assignment(firm uuid, client uuid, edge text, holder uuid, since timestamptz) returns timestamptz
language plpgsql as $$
declare
  ends timestamptz;
begin
  if holder is null then
    return greatest(edge_time(), (select max(p.held_until) from past_assignments p
      where p.firm_id = firm and p.client_id = client and p.role = edge));
  end if;
  ends := greatest(edge_time(), since);
  if since < ends then
    insert into past_assignments values (firm, client, edge, holder, since, ends);
  end if;
  return ends;
end
$$;

create function clients_before_write() returns trigger
language plpgsql as $$
declare
  ends timestamptz;
begin
  new.words := search_form(array_to_string(array[new.name] || new.emails, ' '));
  if tg_op = 'INSERT' then
    new.primary_adviser_since := case when new.primary_adviser_id is not null then new.created_at end;
    new.secondary_adviser_since := case when new.secondary_adviser_id is not null then new.created_at end;
    new.workgroup_since := case when new.workgroup_id is not null then new.created_at end;
    return new;
  end if;
  if new.primary_adviser_id is distinct from old.primary_adviser_id then
    ends := end_assignment(old.firm_id, old.id, 'PRIMARY_ADVISER', old.primary_adviser_id, old.primary_adviser_since);
    new.primary_adviser_since := case when new.primary_adviser_id is not null then ends end;
  end if;
  if new.secondary_adviser_id is distinct from old.secondary_adviser_id then
    ends := end_assignment(old.firm_id, old.id, 'SECONDARY_ADVISER', old.secondary_adviser_id, old.secondary_adviser_since);
    new.secondary_adviser_since := case when new.secondary_adviser_id is not null then ends end;
  end if;
  if new.workgroup_id is distinct from old.workgroup_id then
    ends := end_assignment(old.firm_id, old.id, 'WORKGROUP', old.workgroup_id, old.workgroup_since);
    new.workgroup_since := case when new.workgroup_id is not null then ends end;
  end if;
  return new;
end
$$;
create trigger clients_before_write before insert or update on clients
  for each row execute function clients_before_write();

create function memberships_before_insert() returns trigger
language plpgsql as $$
begin
  new.joined_at := greatest(new.joined_at, (select max(p.held_until) from past_memberships p
    where p.firm_id = new.firm_id and p.workgroup_id = new.workgroup_id and p.user_id = new.user_id));
  return new;
end
$$;
create trigger memberships_before_insert before insert on memberships
  for each row execute function memberships_before_insert();

create function memberships_after_delete() returns trigger
language plpgsql as $$
begin
  if old.joined_at < edge_time() then
    insert into past_memberships values (old.firm_id, old.workgroup_id, old.user_id, old.joined_at, edge_time());
  end if;
  return null;
end
$$;
create trigger memberships_after_delete after delete on memberships
  for each row execute function memberships_after_delete();

-- The clients of before: they are written once, for their words and the beginning of their edges.
update clients set
  primary_adviser_since = case when primary_adviser_id is not null then created_at end,
  secondary_adviser_since = case when secondary_adviser_id is not null then created_at end;

alter table clients
  add constraint clients_since check ((primary_adviser_id is null) = (primary_adviser_since is null)
    and (secondary_adviser_id is null) = (secondary_adviser_since is null)
    and (workgroup_id is null) = (workgroup_since is null));

-- With what a search compares, so that it reads no more than this index, however many workgroups somebody is in.
create index clients_by_workgroup on clients (firm_id, workgroup_id, name, id)
  include (brief_words, primary_adviser_id, secondary_adviser_id) where workgroup_id is not null;
create index clients_unassigned on clients (firm_id, name, id) where primary_adviser_id is null;
create index clients_by_name on clients (firm_id, name, id);
create index clients_by_words on clients using gin (firm_id, words gin_trgm_ops);

-- The application adds to the past and takes nothing from it.
grant select, insert, update, delete on workgroups, memberships, invites, deleted_workgroups to locum_app;
grant select, insert on past_assignments, past_memberships to locum_app;
