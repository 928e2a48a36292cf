-- Reports over the events.

create view public.usage_summary with (security_invoker = true) as
select
  u.organization_id,
  (u.day at time zone 'UTC')::date as date,
  u.provider,
  u.model,
  u.tool_name,
  sum(u.request_count) as request_count,
  sum(u.input_tokens) as total_input_tokens,
  sum(u.output_tokens) as total_output_tokens,
  sum(u.input_tokens + u.output_tokens) as total_tokens,
  sum(u.cost_usd) as total_cost_usd
from (
  select r.organization_id, r.bucket_start as day, d.provider, d.model, d.tool_name,
    r.request_count, r.input_tokens, r.output_tokens, r.cost_usd
  from tally.usage_rollups as r
  join tally.usage_dimensions as d on d.organization_id = r.organization_id
    and d.id = r.dimension_id
  where r.actor_id = 0 and r.minutes = 1440
  union all
  select p.organization_id, date_bin('1 day', p.bucket_start, timestamptz 'epoch'), p.provider,
    p.model, p.tool_name, p.request_count, p.input_tokens, p.output_tokens, p.cost_usd
  from tally.pending_buckets as p
) as u
group by u.organization_id, u.day, u.provider, u.model, u.tool_name;
comment on view public.usage_summary is
  'Use per organization, day (UTC), provider, model and tool. total_cost_usd is exact and has the adjustments of re-rating in it; events without a price are not (see unpriced_usage).';
revoke all on public.usage_summary from anon, authenticated, service_role;
grant select on public.usage_summary to authenticated, service_role;

create view public.unpriced_usage with (security_invoker = true) as
select
  u.organization_id,
  u.provider,
  u.model,
  count(*) as request_count,
  sum(u.total_tokens) as total_tokens,
  min(u.created_at) as first_seen_at,
  max(u.created_at) as last_seen_at
from public.token_usage as u
where u.cost_usd is null
  and not exists (
    select from public.cost_adjustments as a
    where a.organization_id = u.organization_id and a.event_id = u.id
  )
group by u.organization_id, u.provider, u.model;
comment on view public.unpriced_usage is
  'Models whose use could not be priced: add a card with set_price(), then rerate_usage().';
revoke all on public.unpriced_usage from anon, authenticated, service_role;
grant select on public.unpriced_usage to authenticated, service_role;
