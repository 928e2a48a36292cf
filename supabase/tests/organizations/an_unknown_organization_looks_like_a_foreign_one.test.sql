begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_user('eve');
create temporary table answers as
select s.statement, o.name, null::text as answer
from unnest(array[
  'check_quota(%L, ''lab'', ''echo'', 1)', 'quota_status(%L)', 'set_quota(%L, ''monthly'', 1)',
  'create_api_key(%L, ''key'')', 'verify_ledger(%L)'
]) as s (statement)
cross join unnest(array['acme', 'nowhere']) as o (name);
grant all on answers to authenticated;

select tests.act_as('eve');
update answers set answer = replace(
  tests.error_of(format('select public.' || statement, tests.id_of(name)))::text,
  tests.id_of(name)::text, 'ID');

select is_empty(
  'select a.statement from answers as a group by a.statement having count(distinct a.answer) <> 1',
  'no answer tells whether an organization exists');

select * from finish();
rollback;
