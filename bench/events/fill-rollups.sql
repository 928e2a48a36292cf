-- The rollups that many more events of an organization would leave than a disk holds as rows: every bucket of
-- every model and tool is filled, each with every duration there is, until `events` are counted. They are
-- added by the product's own fold.
create procedure bench.fill_rollups(organization integer, events bigint, days integer) language plpgsql as $$
declare
  v_day timestamptz;
  -- Six models, six tools, 96 buckets a day; durations from 200 to 5,199 ms are 35 slots.
  v_slots constant integer := least(35, greatest(1, events / (days * 96 * 36)));
  v_each constant bigint := events / (days * 96 * 36 * v_slots);
begin
  for v_day in select generate_series(date_trunc('day', now(), 'UTC') - (days - 1) * interval '1 day', now(), '1 day') loop
    perform tally.clear_day(bench.organization(organization), v_day);
    perform tally.add_to_rollups(array(
      select row(bench.organization(organization), v_day + b * interval '15 minutes', m.provider, m.model, t.tool, null, 'token', 'standard', 'success', null, false,
        bench.organization(1000000 + (b * 37 + m.n * 331 + t.n * 61 + s * 7) % 2000), null,
        tally.duration_slot(200 + 142 * s), v_each, v_each * 2500, v_each * 450, v_each * 200, 0, 0, 0, v_each * 0.01, 0,
        v_each * (200 + 142 * s))::tally.counted
      from generate_series(0, 95) as b, bench.models as m, bench.tools as t, generate_series(0, v_slots - 1) as s
    ));
    perform tally.rebuild_week(bench.organization(organization), date_bin('7 days', v_day, timestamptz 'epoch'));
    commit;
  end loop;
end;
$$;
