begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select '{"model": "unheard-of", "input_tokens": 10, "max_output_tokens": 10}' as request \gset

select is(tests.reserve('acme', :'request') #>> '{blocked_by,reason}', 'unpriced', 'nobody knows what it costs');
update public.usage_quotas set enforcement = 'soft';
select is(tests.reserve('acme', :'request') -> 'allowed', 'true', 'a soft one lets it pass');
update public.usage_quotas set enforcement = 'hard', unpriced_policy = 'allow';
select is(tests.reserve('acme', :'request') -> 'allowed', 'true', 'and one that allows it');

select * from finish();
rollback;
