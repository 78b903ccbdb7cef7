-- What is over for long is swept up: links (nothing refers to them) and devices.
grant delete on links to locum_app;
-- Since when a link does not hold.
create index links_old on links (least(expires_at, consumed_at));
create index devices_old on devices (last_used_at);
