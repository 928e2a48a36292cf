begin;
select plan(9);

select tests.create_organization('acme'), tests.create_organization('other');
select tests.create_member('acme', 'ada', 'admin'), tests.create_member('acme', 'bob');
select is(tests.error_of($$ select public.set_provider_key(tests.id_of('acme'), 'openai', 'sk-own') $$) ->> 'code', 'PT503',
  'without a vault the error says so');

create schema vault;
create table vault.secrets (id uuid primary key default gen_random_uuid(), secret text);
create view vault.decrypted_secrets as select id, secret as decrypted_secret from vault.secrets;
create function vault.create_secret(new_secret text, new_name text, new_description text) returns uuid language sql
  as 'insert into vault.secrets (secret) values (new_secret) returning id';
create function vault.update_secret(secret_id uuid, new_secret text) returns void language sql
  as 'update vault.secrets set secret = new_secret where id = secret_id';
prepare admit(text) as select tally.admit_gateway_call(jsonb_build_object('organization_id', tests.id_of($1), 'provider', 'openai',
  'model', 'gpt-4o', 'input_tokens', 1, 'max_output_tokens', 1, 'expires_in', 600), '{}') as answer;
create function pg_temp.answer(name text) returns jsonb language plpgsql as $$
declare v jsonb; begin execute format('execute admit(%L)', name) into v; return v; end $$;

select tests.act_as('ada');
select lives_ok($$ select public.set_provider_key(tests.id_of('acme'), 'openai', ' sk-own ') $$, 'an admin sets a key');
select lives_ok($$ select public.set_provider_key(tests.id_of('acme'), 'openai', 'sk-newer') $$, 'and another in its place');
select tests.act_as('bob');
select is(tests.error_of($$ select public.set_provider_key(tests.id_of('acme'), 'openai', 'sk-his') $$) ->> 'code', 'PT403', 'a member does not');
select tests.act_as_owner();
select is((select count(*) from vault.secrets), 1::bigint, 'no secret is left behind');
select is(pg_temp.answer('acme') ->> 'provider_key', 'sk-newer', 'the gateway gets it with the admission');
select is(pg_temp.answer('other') ->> 'refused_by', 'key', 'nobody else does');
select public.remove_provider_key(tests.id_of('acme'), 'openai');
select is(pg_temp.answer('acme') ->> 'refused_by', 'key', 'a removed key is gone');
select is_empty('select from vault.secrets', 'also from the vault');

select * from finish();
rollback;
