begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_organization('other');
select tests.create_model('echo');
select public.log_execution(jsonb_build_object('organization_id', tests.id_of(o.name), 'id', tests.id_of('run' || n),
  'package_name', 'agent' || n % 2, 'status', 'running', 'created_at', now() - (n * 9) * interval '1 hour'))
from (values ('acme'), ('other')) as o (name), generate_series(1, 4) as n;
-- The fifth is never logged.
select tests.track(o.name, jsonb_build_object('execution_id', tests.id_of('run' || n), 'input_tokens', n * 100,
  'model', case when n = 3 then 'unpriced' else 'echo' end, 'created_at', now() - (n * 9 - i) * interval '1 hour'))
from (values ('acme'), ('other')) as o (name), generate_series(1, 5) as n, generate_series(0, 2) as i;
select is_empty('select * from public.verify_rollup()', 'nothing folded yet: nothing is missing');

select tally.tick();
select is_empty('select * from public.verify_rollup()', 'folded');

select public.log_execution(jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of('run1'),
  'status', 'failed'));
select tests.track('acme', jsonb_build_object('execution_id', tests.id_of('run1')));
select tests.create_model('unpriced');
select public.rerate_usage('{"model": "unpriced"}', 'a card came');
select is_empty('select * from public.verify_rollup()', 'what is not folded is not missed');

select tally.tick();
select is_empty('select * from public.verify_rollup()', 'folded again: an end, an event, adjustments');

select * from finish();
rollback;
