begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_member('globex', 'gus', 'owner');
select public.set_alert_channel(tests.id_of('acme'), 'webhook', 'https://hooks.acme.test/a') ->> 'id' as channel \gset

create function pg_temp.answer(call text, id uuid) returns text language sql as $$
  select replace(tests.error_of(format(call, id))::text, id::text, '…')
$$;

select tests.act_as('gus');
select is(
  pg_temp.answer('select public.remove_alert_channel(%L)', :'channel'),
  pg_temp.answer('select public.remove_alert_channel(%L)', gen_random_uuid()),
  'the same answer for a channel of somebody else and for none');
select matches(pg_temp.answer('select public.remove_alert_channel(%L)', :'channel'), 'PT403', 'it is a refusal');

select * from finish();
rollback;
