begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'total', 100, 'requests', s) from unnest(array[
  jsonb_build_object('user_id', tests.id_of('ada')), jsonb_build_object('api_key_id', tests.id_of('key')),
  '{"provider": "lab"}', '{"model": "echo"}', '{"tool_name": "t"}', '{"resource_type": "r"}',
  '{"provider": "lab", "tool_name": "t"}', '{}', '{"provider": "other"}']::jsonb[]) as s;

select tests.track('acme', e) from unnest(array[
  jsonb_build_object('user_id', tests.id_of('ada')), jsonb_build_object('api_key_id', tests.id_of('key')),
  '{"tool_name": "t"}', '{"tool_name": "t", "provider": "x"}', '{"resource_type": "r", "model": "m"}']::jsonb[]) as e;

select is(
  (select jsonb_object_agg(concat_ws(' ', case when user_id is not null then 'user' end,
     case when api_key_id is not null then 'key' end, provider, model, tool_name, resource_type), current_usage)
   from public.quota_status(tests.id_of('acme'))),
  '{"": 5, "user": 1, "key": 1, "lab": 4, "echo": 4, "t": 2, "r": 1, "lab t": 1, "other": 0}',
  'nothing more, nothing less');

select * from finish();
rollback;
