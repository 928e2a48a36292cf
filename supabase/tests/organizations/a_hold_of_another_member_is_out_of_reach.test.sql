begin;
select plan(2);

select tests.create_organization('acme');
update public.organizations set allow_client_tracking = true;
select tests.create_member('acme', 'ada', 'owner');
select tests.create_member('acme', 'bob');
select tests.act_as('bob');
select tests.hold('acme') as hold \gset

select tests.act_as('ada');

select is(
  tests.codes_of(
    format('select public.settle_usage(%L, ''{"input_tokens": 1}'')', :'hold'),
    format('select public.release_hold(%L)', :'hold'),
    format('select public.extend_hold(%L, 60)', :'hold')),
  array['PT403', 'PT403', 'PT403'], 'settle, release, extend');
select is((select state from public.usage_holds where id = :'hold'), 'open', 'it stays as it was');

select * from finish();
rollback;
