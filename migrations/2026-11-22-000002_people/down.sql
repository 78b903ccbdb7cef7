drop table password_reset_requests;
drop table throttles;
drop table devices;
drop table sessions;
drop table users;
drop table firms;
