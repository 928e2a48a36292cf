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
        select e.place, (c.event).cost_usd, k.is_known, case
            when c.problem is not null then c.problem
            when k.is_known then tally.answer_known_event(e.raw, interval '100 years')
            when tally.is_archived((c.event).created_at) then tally.archive_problem((c.event).created_at)
            else tally.refusal_of((c.event).organization_id)
          end as problem
        from jsonb_array_elements(${events}::text::jsonb) with ordinality as e (raw, place)
        cross join lateral tally.check_event(e.raw, now(), interval '100 years') as c
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
