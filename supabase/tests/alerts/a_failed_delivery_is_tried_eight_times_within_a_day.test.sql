begin;
select plan(6);

select is(
  array(select tally.alert_retry_delay(n, 0.5) from generate_series(1, 7) as n)::text[],
  '{00:00:30,00:02:00,00:08:00,00:32:00,02:08:00,08:32:00,12:00:00}', 'the schedule');
select is(
  array[tally.alert_retry_delay(1, 0), tally.alert_retry_delay(1, 1)]::text[], '{00:00:24,00:00:36}',
  'give or take a fifth');

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select public.set_alert_channel(tests.id_of('acme'), 'email', 'ops@acme.test');
insert into public.usage_alerts (organization_id, quota_id, kind, threshold, level, metric, quota_type, quota_limit,
  current_usage, period_start, reset_at)
select organization_id, id, 'threshold', 90, 'critical', metric, quota_type, quota_limit, 9, period_start, reset_at
from public.usage_quotas;

-- Each attempt as soon as it may be.
create function pg_temp.fail_until_dead() returns table (state text, waited interval) language plpgsql as $$
declare
  v_at timestamptz := now();
  v_due timestamptz;
begin
  loop
    select tally.finish_alert_delivery(c.id, c.lease, false, 'HTTP 500', v_at) into state
    from tally.claim_alert_deliveries(1, v_at) as c;
    select d.next_attempt_at into v_due from tally.alert_deliveries as d;
    waited := v_due - v_at;
    v_at := v_due;
    return next;
    exit when state is distinct from 'pending';
  end loop;
end;
$$;
create temporary table tries as select row_number() over () as n, * from pg_temp.fail_until_dead();

select is((select array_agg(state order by n) from tries), '{pending,pending,pending,pending,pending,pending,pending,dead}',
  'the eighth failure is the last');
select is_empty(
  'select n from tries where n < 8 and waited not between tally.alert_retry_delay(n::int, 0) and tally.alert_retry_delay(n::int, 1)',
  'each wait is as the schedule says');
select is_empty($$ select from tally.claim_alert_deliveries(1, now() + interval '1 year') $$, 'nobody tries again');
select results_eq('select state, attempts, last_error from tally.alert_deliveries',
  $$ values ('dead', 8, 'HTTP 500') $$, 'the last error is kept');

select * from finish();
rollback;
