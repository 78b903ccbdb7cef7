drop index devices_old;
drop index links_old;
revoke delete on links from locum_app;
