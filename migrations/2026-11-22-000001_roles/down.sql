-- The role stays: it belongs to the whole cluster, and another database may use it.
select 1;
