drop trigger clients_before_write on clients;
drop trigger memberships_before_insert on memberships;
drop trigger memberships_after_delete on memberships;
drop index clients_by_words, clients_by_name, clients_unassigned, clients_by_workgroup;
alter table clients
  drop constraint clients_since,
  drop constraint clients_workgroup,
  drop column workgroup_id,
  drop column primary_adviser_since,
  drop column secondary_adviser_since,
  drop column workgroup_since,
  drop column brief_words,
  drop column words;
alter table users drop constraint users_default_workgroup, drop column default_workgroup_id;
drop table past_memberships, past_assignments, deleted_workgroups, invites;
alter table workgroups drop constraint workgroups_owner_is_member;
drop table memberships, workgroups;
alter table users drop constraint users_member_key, drop column can_join;
alter table firms drop column strict_workgroup_moves, drop column invite_days;
drop function clients_before_write(), memberships_before_insert(), memberships_after_delete();
drop function end_assignment(uuid, uuid, text, uuid, timestamptz);
drop function edge_time(), search_form(text);
drop extension btree_gist, btree_gin, pg_trgm, unaccent;
