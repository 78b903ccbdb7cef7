-- Whom a mail goes to, hashed, from the moment it is about to be sent: what the daily limits count by.
alter table mail_deliveries add column address_hash bytea;
-- A mail that is not finished counts like one that was just sent.
create index mail_deliveries_to_address on mail_deliveries (address_hash, coalesce(finished_at, 'infinity'))
  where address_hash is not null;
create index mail_deliveries_from_firm on mail_deliveries (firm_id, coalesce(finished_at, 'infinity'))
  where address_hash is not null;
