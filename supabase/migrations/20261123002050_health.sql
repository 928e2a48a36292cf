-- Health: what slows the ledger down or keeps its helpers from working, as a query to alert on.

create function tally.old_snapshots(older_than interval)
returns table (subject text, since timestamptz, hint text)
language sql volatile security invoker set search_path = ''
as $$
  -- Under an old snapshot every change of a hot quota row leaves a version that nothing may clean
  -- up.
  select format('%s %s of %s, process %s', a.state, a.backend_type,
      coalesce(nullif(a.application_name, ''), a.usename, 'unknown'), a.pid),
    a.xact_start,
    format('Admissions slow down until it ends. End it with select pg_terminate_backend(%s).',
      a.pid)
  from pg_catalog.pg_stat_activity as a
  where (a.backend_xmin is not null or a.backend_xid is not null)
    and a.xact_start <= clock_timestamp() - old_snapshots.older_than
    and a.backend_type <> 'autovacuum worker'
    and a.pid <> pg_catalog.pg_backend_pid()
  union all
  select format('prepared transaction %s', p.gid), p.prepared,
    format('Commit it, or: rollback prepared %L.', p.gid)
  from pg_catalog.pg_prepared_xacts as p
  where p.prepared <= clock_timestamp() - old_snapshots.older_than
$$;
comment on function tally.old_snapshots(interval) is
  'Transactions of the whole server that have kept old row versions alive for so long: who, since when, and how to end each. Of other roles a monitor sees them as a member of pg_read_all_stats.';
revoke execute on function tally.old_snapshots(interval) from public, anon, authenticated;

create view tally.health with (security_invoker = true) as
select 'a transaction keeps old row versions alive' as problem, s.subject, s.since, s.hint
from tally.old_snapshots(interval '15 seconds') as s
union all
select * from (
  select 'expired holds wait for the tidy-up', format('hold %s', h.id), h.expires_at,
    'Let something call select tally.tick() every few seconds.'
  from public.usage_holds as h
  where h.state = 'open' and h.expires_at < clock_timestamp() - interval '5 minutes'
  order by h.expires_at
  limit 1
) as expired
union all
select 'many changes wait for the tidy-up', format('%s or more', count(*)), min(w.due_at),
  'Let something call select tally.tick() every few seconds.'
from (select d.due_at from tally.usage_deltas as d limit 50000) as w
having count(*) = 50000
union all
select 'the next month has no partition', to_char(m.starts_at, 'YYYY-MM'), null,
  'The tidy-up makes it: let something call select tally.tick(). Until then the first event of the month does.'
from (select date_trunc('month', now() at time zone 'UTC') + interval '1 month' as starts_at) as m
where to_regclass('tally.token_usage_' || to_char(m.starts_at, 'YYYY_MM')) is null
union all
select 'alerts could not be delivered', format('%s in the last day', count(*)), min(d.ended_at),
  'Read public.dead_alerts, mend the channel, then call retry_alert().'
from tally.alert_deliveries as d
where d.state = 'dead' and d.ended_at > now() - interval '1 day'
having count(*) > 0;
comment on view tally.health is
  'One row per problem: what it is, where, since when and the way out; none when all is well. For the owner of the database, and monitors that act as it.';
comment on column tally.health.since is 'When it began, where that is known.';
revoke all on tally.health from anon, authenticated, service_role;
