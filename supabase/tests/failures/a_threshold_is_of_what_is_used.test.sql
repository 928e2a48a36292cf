-- "15 %" was read as what remained: the alert came at 85 % of use.
begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'daily', 100, 'requests', alert_thresholds => '{15}');

select tests.track('acme') from generate_series(1, 14);
select tally.fold(tests.id_of('acme'));
select is_empty('select from public.usage_alerts', '14 of 100 are used');
select tests.track('acme');
select tally.fold(tests.id_of('acme'));
select is((select current_usage from public.usage_alerts), 15::numeric, 'https://github.com/BerriAI/litellm/pull/39102');

select * from finish();
rollback;
