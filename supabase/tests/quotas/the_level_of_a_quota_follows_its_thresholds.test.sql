begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_quota(tests.id_of('acme'), 'total', 100);
create temporary table levels (n int, level text);

do $$
begin
  for n in 1..100 loop
    perform tests.track('acme', '{"input_tokens": 1000000, "output_tokens": 0}');
    insert into levels select n, s.level from public.quota_status(tests.id_of('acme')) as s;
  end loop;
end;
$$;

select results_eq('select level, min(n) from levels group by level order by 2',
  $$ values ('ok', 1), ('warning', 75), ('critical', 90), ('exceeded', 100) $$, 'each from its percent on');
select public.set_quota(tests.id_of('acme'), 'total', 200, alert_thresholds => '{40, 80}');
select is((select level from public.quota_status(tests.id_of('acme'))), 'warning', 'a higher limit, other thresholds');

select * from finish();
rollback;
