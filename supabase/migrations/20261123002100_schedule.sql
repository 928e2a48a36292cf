-- What the optional extensions of the server are used for. All of it is convenience: without
-- pg_cron anything may call tally.tick(), and nothing is wrong while nobody does.

create function tally.schedule_job(job_name text, seconds integer, command text)
returns text
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform tally.require_operator('schedule jobs');
  if to_regprocedure('cron.schedule(text,text,text)') is null then
    perform tally.fail('PT503', 'This database has no pg_cron to schedule jobs with.', 'pg_cron',
      'Enable the extension pg_cron, or let any other scheduler do it: see docs/operations.md.');
  end if;
  if schedule_job.seconds < 60 then
    begin
      perform cron.schedule(schedule_job.job_name, format('%s seconds', schedule_job.seconds),
        schedule_job.command);
      return format('%s seconds', schedule_job.seconds);
    exception when others then
      -- Before pg_cron 1.5 a minute is the shortest interval.
      null;
    end;
  end if;
  perform cron.schedule(schedule_job.job_name, '* * * * *', schedule_job.command);
  return '* * * * *';
end;
$$;
comment on function tally.schedule_job(text, integer, text) is
  'Has pg_cron run a statement every so many seconds (operator), or every minute where it cannot; a job of that name is replaced. Answers the schedule.';
revoke execute on function tally.schedule_job(text, integer, text) from public, anon, authenticated;

create function tally.schedule_tidy_up()
returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schedule text;
begin
  v_schedule := tally.schedule_job('tallybase tick', 5, 'select tally.tick()');
  perform cron.schedule('tallybase cron history', '17 3 * * *',
    $job$delete from cron.job_run_details where end_time < now() - interval '3 days'$job$);
  return v_schedule;
end;
$$;
comment on function tally.schedule_tidy_up() is
  'Has pg_cron run tally.tick() every few seconds (operator): for a server that got pg_cron after these migrations. Answers the schedule.';
revoke execute on function tally.schedule_tidy_up() from public, anon, authenticated;

do $$
begin
  if not exists (select from pg_catalog.pg_available_extensions where name = 'pg_cron') then
    raise notice
      'pg_cron is not available: call `select tally.tick()` every few seconds from elsewhere.';
    return;
  end if;
  create extension if not exists pg_cron;
  perform tally.schedule_tidy_up();
exception when others then
  raise notice
    'pg_cron cannot be used here (%): call `select tally.tick()` every few seconds from elsewhere.',
    sqlerrm;
end;
$$;
