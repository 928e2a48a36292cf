begin;
select plan(7);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_member('acme', 'ada');
select tests.create_model('echo');
select public.set_quota(tests.id_of(o), 'monthly', 10) from unnest(array['acme', 'globex']) as o;
select tests.track(o) from unnest(array['acme', 'globex']) as o;
select tests.track(o, '{"model": "unheard-of"}') from unnest(array['acme', 'globex']) as o;
select tests.reserve(o) from unnest(array['acme', 'globex']) as o;
select public.create_api_key(tests.id_of(o), 'key') from unnest(array['acme', 'globex']) as o;
select public.set_price('lab', 'echo', '{"input": 1}', organization_id => tests.id_of(o))
from unnest(array['acme', 'globex']) as o;

select tests.act_as('ada');

select results_eq(
  format('select distinct organization_id from public.%I where organization_id is not null', t),
  array[tests.id_of('acme')], t || ' shows one organization')
from unnest(array['token_usage', 'usage_quotas', 'usage_holds', 'usage_summary', 'unpriced_usage',
  'cost_estimates']) as t;
select results_eq('select distinct organization_id from (select id, organization_id from public.api_keys) as k',
  array[tests.id_of('acme')], 'api_keys shows one organization');

select * from finish();
rollback;
