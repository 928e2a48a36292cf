begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_organization('globex');

select isnt(tests.hold('acme', '{"estimated_cost": 1, "idempotency_key": "k"}'),
  tests.hold('globex', '{"estimated_cost": 2, "idempotency_key": "k"}'), 'each has its hold');

select * from finish();
rollback;
