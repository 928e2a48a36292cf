-- What the optional extensions of the server are used for. All of it is convenience: without pg_cron
-- anything may call tally.tick(), and nothing is wrong while nobody does.

do $$
begin
  if not exists (select from pg_catalog.pg_available_extensions where name = 'pg_cron') then
    raise notice 'pg_cron is not available: call `select tally.tick()` every few seconds from elsewhere.';
    return;
  end if;
  create extension if not exists pg_cron;
  begin
    perform cron.schedule('tallybase tick', '5 seconds', 'select tally.tick()');
  exception when others then
    -- Before pg_cron 1.5 a minute is the shortest interval.
    perform cron.schedule('tallybase tick', '* * * * *', 'select tally.tick()');
  end;
  perform cron.schedule('tallybase cron history', '17 3 * * *',
    $job$delete from cron.job_run_details where end_time < now() - interval '3 days'$job$);
exception when others then
  raise notice 'pg_cron cannot be used here (%): call `select tally.tick()` every few seconds from elsewhere.', sqlerrm;
end;
$$;
