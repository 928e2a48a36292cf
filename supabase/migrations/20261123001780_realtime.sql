-- Realtime, where the server has it: a message on the organization's own channel when its quotas
-- change, so that a page asks again at once and not by the clock. Nothing depends on it being
-- delivered.

create function tally.send_quota(organization_id uuid, quota_id uuid, period_start timestamptz)
returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if pg_catalog.to_regprocedure('realtime.send(jsonb,text,text,boolean)') is null then
    return;
  end if;
  -- By name at run time: the function may come and go with the extension.
  execute 'select realtime.send($1, $2, $3, true)' using
    pg_catalog.jsonb_build_object('quota_id', send_quota.quota_id,
      'period_start', send_quota.period_start),
    'quota', 'tallybase:organization:' || send_quota.organization_id;
exception when others then
  raise warning 'Realtime took no message for organization %: %',
    send_quota.organization_id, sqlerrm;
end;
$$;
comment on function tally.send_quota(uuid, uuid, timestamptz) is
  'Tells the listeners of an organization that a quota of it changed: event quota, {quota_id, period_start}, on the private channel tallybase:organization:<id>. Does nothing without Realtime, and never fails.';
revoke execute on function tally.send_quota(uuid, uuid, timestamptz)
  from public, anon, authenticated;

create function tally.broadcast_quotas(organization_id uuid, quota_ids uuid[])
returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform tally.send_quota(q.organization_id, q.id, q.period_start)
  from public.usage_quotas as q
  where q.organization_id = broadcast_quotas.organization_id
    and q.id = any (broadcast_quotas.quota_ids);
end;
$$;
comment on function tally.broadcast_quotas(uuid, uuid[]) is
  'Broadcasts the given quotas of an organization.';
revoke execute on function tally.broadcast_quotas(uuid, uuid[]) from public, anon, authenticated;

create function tally.broadcast_alerts()
returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform tally.broadcast_quotas(a.organization_id, array_agg(distinct a.quota_id))
  from new_alerts as a
  group by a.organization_id;
  return null;
end;
$$;
comment on function tally.broadcast_alerts() is
  'Broadcasts the quotas that alerts were recorded for.';
revoke execute on function tally.broadcast_alerts() from public, anon, authenticated;

create function tally.broadcast_limit()
returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  q public.usage_quotas := case tg_op when 'DELETE' then old else new end;
begin
  perform tally.send_quota(q.organization_id, q.id, q.period_start);
  return null;
end;
$$;
comment on function tally.broadcast_limit() is
  'Broadcasts a quota that was made, removed or given another limit.';
revoke execute on function tally.broadcast_limit() from public, anon, authenticated;

create function tally.enable_realtime()
returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform tally.require_operator('enable Realtime');
  if pg_catalog.to_regclass('realtime.messages') is null
    or pg_catalog.to_regprocedure('realtime.send(jsonb,text,text,boolean)') is null then
    return false;
  end if;
  execute 'drop policy if exists "members listen to their organizations" on realtime.messages';
  execute $policy$
    create policy "members listen to their organizations" on realtime.messages
      for select to authenticated
      using (
        extension = 'broadcast'
        and (select realtime.topic()) = any (array(
          select 'tallybase:organization:' || o
          from tally.organizations_of((select auth.uid())) as o))
      )
  $policy$;
  -- Only here: every fold inserts alerts, mostly none, and a trigger costs even then.
  drop trigger if exists broadcast_alerts on public.usage_alerts;
  create trigger broadcast_alerts after insert on public.usage_alerts
    referencing new table as new_alerts
    for each statement execute function tally.broadcast_alerts();
  -- Of columns that no admission and no fold writes.
  drop trigger if exists broadcast_limit on public.usage_quotas;
  create trigger broadcast_limit
    after insert or delete or update of quota_limit, enforcement, unpriced_policy, alert_thresholds
    on public.usage_quotas
    for each row execute function tally.broadcast_limit();
  return true;
end;
$$;
comment on function tally.enable_realtime() is
  'Broadcasts changes of quotas to members (operator); false where the server has no Realtime. The migration calls it; call it again when Realtime comes later.';
revoke execute on function tally.enable_realtime() from public, anon, authenticated;
grant execute on function tally.enable_realtime() to service_role;

do $$
begin
  perform tally.enable_realtime();
exception when others then
  raise notice 'Realtime cannot be used here (%): listeners ask by the clock.', sqlerrm;
end;
$$;
