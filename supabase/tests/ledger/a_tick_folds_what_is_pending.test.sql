begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.track(o) from unnest(array['acme', 'globex', 'acme']) as o;

select is(tally.tick() - 'partitions', '{"ran": true, "organizations": 2, "folded": 3}', 'of every organization');
select is(tally.tick() ->> 'folded', '0', 'once');

select * from finish();
rollback;
