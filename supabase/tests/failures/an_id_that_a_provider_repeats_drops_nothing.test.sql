-- Providers send no id, or the same one again: as a key it drops spend without a word.
begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme', jsonb_build_object('request_metadata', jsonb_build_object('response_id', r.id)))
from unnest(array['chatcmpl-424', 'chatcmpl-424', '', null]) as r (id);

select is(count(*), 4::bigint, 'https://github.com/BerriAI/litellm/issues/39749, https://github.com/BerriAI/litellm/pull/28396') from public.token_usage;

select * from finish();
rollback;
