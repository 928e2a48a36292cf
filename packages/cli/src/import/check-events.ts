import type { Sql } from "postgres";
import type { Ask } from "./send-events.ts";

/** What recording the events that were checked would cost. */
export interface Estimate {
  /** USD, exact, as a decimal text. */
  costUsd: string;
  /** Events whose model has no price. */
  unpriced: number;
}

/**
 * Asks what `import_usage()` would do, and writes nothing. Doubles inside the file are not seen:
 * each batch is compared with what the ledger has.
 *
 * @param note - gets the cost of what would be recorded
 */
export function askToCheck(note: (estimate: Estimate) => void): Ask {
  return async (sql: Sql, events: string) => {
    const [row] = await sql`
      select
        count(*) filter (where e.problem is null and not e.is_known)::integer as recorded,
        count(*) filter (where e.problem is null and e.is_known)::integer as duplicates,
        coalesce(jsonb_agg(jsonb_build_object('index', e.place - 1) || e.problem order by e.place)
          filter (where e.problem is not null), '[]') as rejected,
        coalesce(sum(e.cost_usd) filter (where e.problem is null and not e.is_known), 0)::text as cost_usd,
        count(*) filter (where e.problem is null and not e.is_known and e.cost_usd is null)::integer as unpriced
      from (
        select c.place, (c.event).cost_usd, k.is_known, coalesce(
          c.problem,
          b.refusals -> ((c.event).organization_id::text),
          case when k.is_known and (tally.answer_replay(b.events[c.place])).status = 'conflict' then
            jsonb_build_object('code', 'PT409', 'field', 'id',
              'message', 'This id or idempotency_key already names another event.')
          end) as problem
        from (
          select a.events, tally.refused_organizations(a.events) as refusals
          from (
            select tally.check_events(${events}::text::jsonb, now(), interval '100 years') as events offset 0
          ) as a
          offset 0
        ) as b
        cross join lateral unnest(b.events) with ordinality
          as c (event, price_id, priced_model, states_id, states_time, states_cost, problem, place)
        cross join lateral (
          select exists (
            select from public.token_usage as u
            where u.organization_id = (c.event).organization_id
              and u.created_at = (c.event).created_at and u.id = (c.event).id
          ) or exists (
            select from tally.idempotency_keys as i
            where i.organization_id = (c.event).organization_id
              and i.idempotency_key = (c.event).idempotency_key
          ) as is_known
        ) as k
      ) as e`;
    note({ costUsd: row?.cost_usd, unpriced: row?.unpriced });
    return { recorded: row?.recorded, duplicates: row?.duplicates, rejected: row?.rejected };
  };
}
