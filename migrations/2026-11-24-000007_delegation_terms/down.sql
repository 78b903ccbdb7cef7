drop index events_in_name_of;
drop index users_with_summary;
alter table users drop column summarized_on, drop column daily_summary;
drop index events_of_impersonation;
drop index impersonations_of_principal;
alter table impersonations drop column expiry_reason;
drop table delegation_clients;
drop index delegations_due;
alter table delegations drop column reason_required, drop column schedule, drop column only_listed_clients;
