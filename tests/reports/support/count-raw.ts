import type { PendingQuery, Row, Sql } from "postgres";

/** What a report is asked. */
export interface Question {
  organizationId: string;
  startsAt: Date;
  endsAt: Date;
  timezone: string;
  /** `day`, `week`, `month`, `hour`, or null for the whole range. */
  bucket: string | null;
  dimension: string | null;
  filters: Record<string, string | null | (string | null)[]>;
}

/** One group of events: everything as text, so that equality is exact. */
export interface Sums {
  bucket: string | null;
  dimension: string | null;
  requests: string;
  input: string;
  output: string;
  cost: string;
  units: string;
  unpriced: string;
}

/** Conditions on the columns of `e` that say what filters say. */
export function passesFilters(sql: Sql, filters: Question["filters"]): PendingQuery<Row[]> {
  return Object.entries(filters).reduce((conditions, [key, value]) => {
    const values = Array.isArray(value) ? value : [value];
    return sql`${conditions} and array_position(${values}::text[], e.${sql(key)}::text) is not null`;
  }, sql``);
}

/**
 * The answer by GROUP BY over the events and the adjustments themselves. A local day is what the clock
 * says at the event, not what boundaries say: it shares nothing with the reports.
 */
export function countRaw(sql: Sql, question: Question): Promise<Sums[]> {
  const { organizationId, startsAt, endsAt, timezone, bucket, dimension, filters } = question;
  const label = dimension === null ? sql`null` : sql`e.${sql(dimension)}::text`;
  const passes = passesFilters(sql, filters);
  // An hour that a clock change repeats is two hours: those are told apart by their moments.
  const local =
    bucket === "hour"
      ? sql`date_trunc('hour', e.created_at, ${timezone})::text`
      : bucket === null
        ? sql`null`
        : sql`date_trunc(${bucket}, e.created_at at time zone ${timezone})::text`;
  return sql<Sums[]>`
    select ${local} as bucket, ${label} as dimension, sum(e.requests)::text as requests,
      sum(e.input_tokens)::text as input, sum(e.output_tokens)::text as output,
      trim_scale(sum(e.cost))::text as cost, trim_scale(sum(e.units))::text as units, sum(e.unpriced)::text as unpriced
    from (
      select u.organization_id, u.created_at, u.provider, u.model, u.tool_name, u.operation, u.resource_type,
        u.service_tier, u.status, u.unit_type, u.is_byok, u.user_id, u.api_key_id, 1 as requests, u.input_tokens,
        u.output_tokens, coalesce(u.cost_usd, 0) as cost, coalesce(u.units, 0) as units,
        (u.cost_usd is null)::int as unpriced
      from public.token_usage as u
      union all
      select u.organization_id, u.created_at, u.provider, u.model, u.tool_name, u.operation, u.resource_type,
        u.service_tier, u.status, u.unit_type, u.is_byok, u.user_id, u.api_key_id, 0, 0, 0, a.delta_usd, 0,
        -(a.old_cost_usd is null)::int
      from public.cost_adjustments as a
      join public.token_usage as u on u.id = a.event_id and u.organization_id = a.organization_id
    ) as e
    where e.organization_id = ${organizationId} and e.created_at >= ${startsAt} and e.created_at < ${endsAt}
      ${passes}
    group by 1, 2
    order by 1, 2`;
}

/** The same from the reports; buckets without use are left out, as a GROUP BY leaves them out. */
export function askReport(sql: Sql, question: Question): Promise<Sums[]> {
  const { organizationId, startsAt, endsAt, timezone, bucket, dimension, filters } = question;
  if (bucket === null) {
    return sql<Sums[]>`
      select null as bucket, r.dimension, r.request_count::text as requests, r.total_input_tokens::text as input,
        r.total_output_tokens::text as output, trim_scale(r.total_cost_usd)::text as cost,
        trim_scale(r.total_units)::text as units, r.unpriced_count::text as unpriced
      from public.usage_breakdown(${organizationId}, ${startsAt}, ${endsAt}, ${sql.json(filters)}, ${timezone},
        ${dimension ?? "model"}) as r
      order by 1, 2`;
  }
  const local =
    bucket === "hour"
      ? sql`date_trunc('hour', r.bucket_start, ${timezone})::text`
      : sql`date_trunc(${bucket}, r.local_start)::text`;
  return sql<Sums[]>`
    select ${local} as bucket, r.dimension, r.request_count::text as requests, r.total_input_tokens::text as input,
      r.total_output_tokens::text as output, trim_scale(r.total_cost_usd)::text as cost,
      trim_scale(r.total_units)::text as units, r.unpriced_count::text as unpriced
    from public.usage_timeseries(${organizationId}, ${startsAt}, ${endsAt}, ${sql.json(filters)}, ${timezone},
      ${bucket}, ${dimension}) as r
    where r.request_count > 0 or r.total_cost_usd <> 0 or r.unpriced_count <> 0
    order by 1, 2`;
}
