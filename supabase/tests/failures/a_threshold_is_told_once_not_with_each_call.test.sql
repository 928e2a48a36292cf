begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10, 'requests', enforcement => 'soft', alert_thresholds => '{80}');
select public.set_alert_channel(tests.id_of('acme'), 'email', 'ops@acme.test');

do $$
begin
  for v_call in 1..20 loop
    perform tests.track('acme');
    perform tally.fold(tests.id_of('acme'));
  end loop;
end $$;

select is((select count(*) from public.usage_alerts where kind = 'threshold'), 1::bigint,
  'https://github.com/BerriAI/litellm/issues/3738, https://github.com/BerriAI/litellm/issues/3113: one crossing, one alert');
select is(
  (select count(*) from tally.alert_deliveries as d join public.usage_alerts as a on a.id = d.alert_id and a.kind = 'threshold'),
  1::bigint, 'and one message');

select * from finish();
rollback;
