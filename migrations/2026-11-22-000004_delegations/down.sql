drop table impersonations;
drop table delegations;
