begin;
select plan(1);

select public.set_price('lab', 'echo', '{"input": 1}', valid_from => '2026-01-01');

select is(
  tests.codes_of($$ select public.set_price('lab', 'echo', '{"input": 2}', valid_from => '2026-01-01') $$),
  array['PT409'], 'a card is never edited');

select * from finish();
rollback;
