alter table mail_deliveries drop column address_hash;
