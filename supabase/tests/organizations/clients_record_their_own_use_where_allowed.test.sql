begin;
select plan(3);

select tests.create_organization('acme');
update public.organizations set allow_client_tracking = true;
select tests.create_member('acme', 'ada');
select tests.create_model('echo');

select tests.act_as('ada');
select tests.track('acme') ->> 'id' as id \gset
select tests.hold('acme') as hold \gset
select public.settle_usage(:'hold', '{"input_tokens": 5, "output_tokens": 5}') ->> 'id' as settled \gset

select is((select user_id from public.usage_event(:'id')), tests.id_of('ada'), 'an event is theirs');
select is((select user_id from public.usage_holds where id = :'hold'), tests.id_of('ada'),
  'and so is a hold');
select is((select user_id from public.usage_event(:'settled')), tests.id_of('ada'),
  'and what settles it');

select * from finish();
rollback;
