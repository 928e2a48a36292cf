-- The seam: a project with its own tables replaces two bodies and nothing else.
begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme');
select tests.create_user('eve');
create or replace function tally.organizations_of(actor uuid) returns setof uuid
language sql stable security definer set search_path = ''
as $$ select tests.id_of('acme') where organizations_of.actor = tests.id_of('eve') $$;
create or replace function tally.role_in(actor uuid, organization_id uuid) returns text
language sql stable security definer set search_path = ''
as $$ select 'admin' where role_in.actor = tests.id_of('eve') and role_in.organization_id = tests.id_of('acme') $$;

select tests.act_as('eve');

select isnt_empty('select from public.token_usage', 'reads follow organizations_of');
select is(tests.codes_of(format('select public.set_quota(%L, ''monthly'', 1)', tests.id_of('acme'))),
  array['ok'], 'functions follow role_in');
select tests.act_as('ada');
select is_empty('select from public.token_usage', 'for nobody else');

select * from finish();
rollback;
