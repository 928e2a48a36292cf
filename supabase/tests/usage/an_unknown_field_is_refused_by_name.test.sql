begin;
select plan(1);

select tests.create_organization('acme');

select is(tests.complaint_about(tests.event_of('acme', '{"zeta": 1, "inputTokens": 1}')),
  'PT400 inputTokens', 'a slip of the pen loses no usage');

select * from finish();
rollback;
