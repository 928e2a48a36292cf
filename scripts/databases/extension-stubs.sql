-- What our functions call of the extensions that only a hosted server has, so that plpgsql_check can
-- look at every statement of theirs.
create schema vault;
create table vault.secrets (id uuid primary key default gen_random_uuid(), name text, secret text, description text);
create view vault.decrypted_secrets as select s.*, s.secret as decrypted_secret from vault.secrets as s;
create function vault.create_secret(new_secret text, new_name text, new_description text) returns uuid
language sql as $$ select gen_random_uuid() $$;
create function vault.update_secret(secret_id uuid, new_secret text) returns void language sql as $$ select $$;
create schema realtime;
create function realtime.send(payload jsonb, event text, topic text, private boolean) returns void language sql as $$ select $$;
create schema net;
create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds integer default 5000) returns bigint language sql as $$ select 1::bigint $$;
