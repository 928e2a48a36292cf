import type { Sql } from "postgres";
import type { RateCard } from "../../../packages/cli/src/prices/book.ts";
import type { Call } from "../../prices/support/price-usage.ts";

/** What the database says a call costs. */
export interface DatabasePrice {
  /** USD, every digit; null when unpriced. */
  readonly cost: string | null;
  /** The card it was priced by, named as {@link cardName} does; null when there was none. */
  readonly card: string | null;
}

/** What makes a card one of its kind. */
export function cardName(
  card: Pick<
    RateCard,
    "provider" | "model" | "service_tier" | "context_from" | "valid_from" | "daily_from"
  >,
): string {
  const { provider, model, service_tier, context_from, valid_from, daily_from } = card;
  return [provider, model, service_tier, context_from, valid_from, daily_from ?? ""].join(" ");
}

/** Total of the input-side classes: what the database chooses the context band by. */
export function promptTokens(
  classes: Readonly<Record<string, number>>,
  inputs: ReadonlySet<string>,
): number {
  return Object.entries(classes).reduce(
    (sum, [name, count]) => sum + (inputs.has(name) ? count : 0),
    0,
  );
}

/** Prices calls by `tally.price_call`, without writing anything. */
export async function priceInDatabase(
  sql: Sql,
  calls: readonly Call[],
  inputs: ReadonlySet<string>,
): Promise<DatabasePrice[]> {
  const priced: DatabasePrice[] = [];
  for (let start = 0; start < calls.length; start += 2_000) {
    const part = calls.slice(start, start + 2_000).map((call) => ({
      ...call,
      service_tier: call.service_tier ?? "standard",
      prompt: promptTokens(call.classes, inputs),
    }));
    const rows = await sql<DatabasePrice[]>`
      select p.cost_usd::text as cost,
        concat_ws(' ', e.provider, e.model, e.service_tier, e.context_from,
          to_char(e.valid_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
          coalesce(e.daily_from::text, '')) as card
      from jsonb_array_elements(${JSON.stringify(part)}::text::jsonb) with ordinality as c (call, place)
      cross join lateral tally.price_call(null, c.call ->> 'provider', c.call ->> 'model',
        c.call ->> 'service_tier', c.call -> 'classes', (c.call ->> 'prompt')::bigint,
        (c.call ->> 'at')::timestamptz) as p
      left join public.cost_estimates as e on e.id = p.price_id
      order by c.place`;
    priced.push(...rows.map(({ cost, card }) => ({ cost, card: card === "" ? null : card })));
  }
  return priced;
}
