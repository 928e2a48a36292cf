begin;
select plan(2);

select is_empty($$ select from tally.verify_api_key('tally_' || repeat('x', 43)) $$, 'an unknown key');
select is_empty('select from tally.verify_api_key(null)', 'no key at all');

select * from finish();
rollback;
