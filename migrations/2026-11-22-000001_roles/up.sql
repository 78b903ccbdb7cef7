-- The role that the service works as. It owns nothing: what it may not do, no bug can do.
do $$
begin
  create role locum_app nologin;
exception
  when duplicate_object or unique_violation then null;
end
$$;
do $$
begin
  execute format('grant locum_app to %I', current_user);
end
$$;
-- So that readiness can tell whether the database is up to date.
grant select on __diesel_schema_migrations to locum_app;
