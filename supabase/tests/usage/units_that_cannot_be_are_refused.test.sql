begin;
select plan(1);

select tests.create_organization('acme');

select is(
  array(
    select tests.complaint_about(tests.event_of('acme', e.extra))
    from unnest(array[
      '{"units": 1}', '{"unit_type": "second"}', '{"units": 1, "unit_type": "parsec"}',
      '{"units": 1, "unit_type": "input"}', '{"units": -1, "unit_type": "second"}',
      '{"units": "NaN", "unit_type": "second"}', '{"units": 1e16, "unit_type": "second"}',
      '{"units": 2, "unit_type": "second", "classes": {"second": 3}}']::jsonb[]) with ordinality as e (extra, n)
    order by e.n),
  array['PT400 units', 'PT400 units', 'PT400 unit_type', 'PT400 unit_type', 'PT400 units', 'PT400 units',
    'PT400 units', 'PT400 units'],
  'no type, no number, unknown, a token class, negative, no number, too many, contradicted');

select * from finish();
rollback;
