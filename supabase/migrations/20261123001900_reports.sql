-- Reports over the events.

create view public.usage_summary with (security_invoker = true) as
select
  u.organization_id,
  (u.created_at at time zone 'UTC')::date as date,
  u.provider,
  u.model,
  u.tool_name,
  sum(u.requests) as request_count,
  sum(u.input_tokens) as total_input_tokens,
  sum(u.output_tokens) as total_output_tokens,
  sum(u.input_tokens + u.output_tokens) as total_tokens,
  sum(u.cost_usd) as total_cost_usd
from (
  select e.organization_id, e.created_at, e.provider, e.model, e.tool_name, 1 as requests, e.input_tokens,
    e.output_tokens, e.cost_usd
  from public.token_usage as e
  union all
  select a.organization_id, a.event_created_at, a.provider, a.model, a.tool_name, 0, 0, 0, a.delta_usd
  from public.cost_adjustments as a
) as u
group by u.organization_id, (u.created_at at time zone 'UTC')::date, u.provider, u.model, u.tool_name;
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
