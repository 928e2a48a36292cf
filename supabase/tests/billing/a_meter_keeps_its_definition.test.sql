begin;
select plan(10);

select is(public.set_billing_meter('spend', 'cost_usd') - '{starts_at,created_at}'::text[],
  '{"event_name": "spend", "display_name": "spend", "metric": "cost_usd", "filters": {"is_byok": false}, "scale": 1000000,
    "has_markup": true, "stripe_meter_id": null, "enabled": true}', 'cost is billed in micro-USD, with markup, without BYOK calls');
select lives_ok($$ select public.set_billing_meter('spend', 'cost_usd', 'Spend', stripe_meter_id => 'mtr_1') $$, 'its name and its id may come later');
select is(tests.error_of($$ select public.set_billing_meter('spend', 'cost_usd', scale => 1000) $$) ->> 'code', 'PT409', 'its scale may not change');
select is(tests.error_of($$ select public.set_billing_meter('spend', 'requests') $$) ->> 'code', 'PT409', 'nor its metric');
select is(tests.error_of($$ select public.set_billing_meter('x', 'requests', filters => '{"user_id": 1}') $$) ->> 'code', 'PT400', 'a filter that is unknown is named');
select is(tests.error_of($$ select public.set_billing_meter('x', 'hours') $$) ->> 'constraint', 'metric_is_known', 'a metric must be one of ours');
select is(tests.error_of($$ select public.set_billing_meter('', 'requests') $$) ->> 'constraint', 'event_name_has_1_to_100_characters', 'an event name must be given');
select is(tests.error_of($$ select public.set_billing_meter('x', 'requests', scale => 0) $$) ->> 'constraint', 'scale_is_positive', 'a scale counts something');

select tests.create_organization('acme');
select tests.create_organization('globex');
select public.set_billing_customer(tests.id_of('acme'), 'cus_1');
select is(tests.error_of(format('select public.set_billing_customer(%L, ''cus_1'')', tests.id_of('globex'))) ->> 'code', 'PT409', 'one customer stands for one organization');
select is(tests.error_of(format('select public.set_billing_markup(%L, 1001)', tests.id_of('acme'))) ->> 'code', 'PT400', 'a markup has a limit');

select * from finish();
rollback;
