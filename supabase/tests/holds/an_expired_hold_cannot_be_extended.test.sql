begin;
select plan(2);

select tests.create_organization('acme');
select tests.hold('acme') as hold \gset
select tests.outlive(:'hold');

select is(tests.codes_of(format('select public.extend_hold(%L, 60)', :'hold')), array['PT410'], 'before a sweep');
select tally.fold(tests.id_of('acme'));
select is(tests.codes_of(format('select public.extend_hold(%L, 60)', :'hold')), array['PT410'], 'nor after');

select * from finish();
rollback;
