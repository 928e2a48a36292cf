begin;
select plan(1);

select tests.create_organization('acme');
create function pg_temp.complaint(said jsonb) returns text language sql as $$
  select (e ->> 'code') || ' ' || (e ->> 'detail')
  from tests.error_of(format('select public.log_execution(%L)',
    jsonb_build_object('organization_id', tests.id_of('acme'), 'package_name', 'resolver') || said)) as e
$$;

select results_eq(
  $$ select pg_temp.complaint(c.said::jsonb) from (values
    (1, '{"package_name": null}'), (2, '{"package_id": " "}'), (3, '{"organization_id": null}'), (4, '{"id": "x"}'),
    (5, '{"status": "done"}'), (6, '{"duration_ms": -1}'), (7, '{"duration_ms": "soon"}'), (8, '{"total_cost_usd": 1}'),
    (9, '{"created_at": "infinity"}'), (10, '{"created_at": "2999-01-01"}'), (11, '{"metadata": [1]}'),
    (12, '{"error": {}}'), (13, '{"started_at": "infinity"}'),
    (14, jsonb_build_object('output_data', repeat('x', 1100000))::text),
    (15, jsonb_build_object('package_name', repeat('x', 300))::text), (16, '{"started_at": "2999-01-01"}'),
    (17, '{"started_at": "2026-11-01T00:00:10Z", "completed_at": "2026-11-01T00:00:00Z"}')) as c (place, said) order by c.place $$,
  $$ values ('PT400 package_name'), ('PT400 package_id'), ('PT400 organization_id'), ('PT400 id'),
    ('PT400 status'), ('PT400 duration_ms'), ('PT400 duration_ms'), ('PT400 total_cost_usd'),
    ('PT400 created_at'), ('PT400 created_at'), ('PT400 metadata'), ('PT400 error'), ('PT400 started_at'),
    ('PT400 output_data'), ('PT400 package_name'), ('PT400 started_at'), ('PT400 completed_at') $$,
  'what cannot be is refused by the name of its field');

select * from finish();
rollback;
