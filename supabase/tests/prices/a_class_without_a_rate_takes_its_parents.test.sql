begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 2, "output": 10, "cache_write": 3}');

select is(
  (tests.track('acme', jsonb_build_object('input_tokens', null, 'output_tokens', null, 'classes',
    jsonb_build_object(c.class, 1000000))) ->> 'cost_usd')::numeric,
  c.cost_usd, c.class || ' costs ' || c.cost_usd)
from (values ('cache_read', 2.0), ('cache_write_1h', 3), ('cache_write', 3), ('reasoning', 10)) as c (class, cost_usd);

select * from finish();
rollback;
