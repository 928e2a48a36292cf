begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'admin');
select tests.create_member('acme', 'ben');
select tests.create_model('echo');
select tests.track('acme', jsonb_build_object('user_id', tests.id_of(u.name), 'tool_name', u.tool))
from (values ('ada', 'a'), ('ben', 'a'), ('ben', 'b'), ('gone', 'b'), ('gone', 'b'), ('gone', 'b')) as u (name, tool);
select tests.track('acme');
select tally.tick();
select tests.track('acme', jsonb_build_object('user_id', tests.id_of('ada')));

create function pg_temp.top(filters jsonb default '{}', max_rows integer default 10) returns text language sql as $$
  select string_agg(t.request_count::text || case t.user_id when tests.id_of('ada') then 'a' when tests.id_of('ben') then 'b'
    else 'g' end, ' ' order by t.total_cost_usd desc, t.user_id)
  from public.top_users(tests.id_of('acme'), now() - interval '1 hour', now() + interval '1 hour', filters, max_rows => top.max_rows) as t
$$;
select tests.act_as('ada');
select matches(pg_temp.top(), '^3g (2a 2b|2b 2a)$', 'dearest first, those who left among them, nobody not');
select is(pg_temp.top('{}', 1), '3g', 'as many as are asked for');
select matches(pg_temp.top('{"tool_name": "a"}'), '^(1a 1b|1b 1a)$', 'of one tool');
select is(
  (select array_agg(b.request_count order by b.request_count)
   from public.usage_breakdown(tests.id_of('acme'), now() - interval '1 hour', now() + interval '1 hour', dimension => 'user_id') as b),
  array[1, 2, 2, 3]::bigint[], 'a breakdown by user has the events of nobody, too');
select tests.act_as('ben');
select is(
  tests.error_of(format('select * from public.usage_breakdown(%L, now() - interval ''1 hour'', now(), dimension => ''user_id'')',
    tests.id_of('acme'))) ->> 'code', 'PT403', 'for admins only');

select * from finish();
rollback;
