drop table clients;
drop table accounts;
