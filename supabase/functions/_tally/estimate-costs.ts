import type { Actor } from "./authorize-request.ts";
import { type Database, onlyRow } from "./database.ts";
import { TallyError } from "./errors.ts";

/** A call as far as its price depends on it. */
export interface PricedCall {
  provider: string;
  model: string;
  /** Null: list prices and no quota. */
  organizationId: string | null;
  /** Tokens; of `input` those billed as audio. */
  likely: { input: number; audio: number; output: number };
  /** Tokens, and the classes beside plain input that some of the input may be billed as. */
  upper: { input: number; output: number; classes: string[] };
}

/** USD, exact, as decimal text. */
export interface Costs {
  likely: string;
  /** The most that the call can cost. */
  upper: string;
  /** The answer of check_quota for the bound as JSON text; null without an organization. */
  quota: string | null;
}

const LIKELY = `select cost_usd::text as likely
  from public.estimate_cost($1, $2, $3::bigint, $4::bigint, $5::text::jsonb, $6::uuid)`;

/** Both in one way to the server; `upper` is null where the input has no price. */
const COSTS = `select l.likely, u.cost_usd::text as upper,
    (select to_jsonb(q)::text
     from public.check_quota($6::uuid, $1, $2, u.cost_usd, $7::bigint + $8::bigint, $10::uuid) as q
     where $6::uuid is not null) as quota
  from (${LIKELY}) as l
  left join tally.upper_bound_cost($1, $2, $7::bigint, $8::bigint, $6::uuid, null, now(),
    string_to_array($9, ',')) as u on true`;

/**
 * What a call costs, likely and at most, read as the owner of the schema. For a user the likely cost is
 * asked as the user before: the database decides whose organization it is.
 *
 * @throws {TallyError} PT403 for a foreign organization, PT422 without a price.
 */
export async function readCosts(
  database: Database,
  actor: Actor,
  { provider, model, organizationId, likely, upper }: PricedCall,
): Promise<Costs> {
  const classes = likely.audio === 0 ? null : JSON.stringify({
    input: likely.input - likely.audio,
    input_audio: likely.audio,
    output: likely.output,
  });
  const ofLikely = [provider, model, likely.input, likely.output, classes, organizationId];
  if (actor.kind === "user") await database.queryAs(actor.claims, LIKELY, ofLikely);
  const userId = actor.kind === "user" ? actor.userId : null;
  const ofUpper = [upper.input, upper.output, upper.classes.join(","), userId];
  const costs = onlyRow(
    await database.query<Omit<Costs, "upper"> & { upper: string | null }>(
      COSTS,
      [...ofLikely, ...ofUpper],
    ),
  );
  if (costs.upper !== null) return { ...costs, upper: costs.upper };
  throw new TallyError("PT422", `There is no price for the input of ${model} of ${provider}.`, {
    hint: "Look for the model in cost_estimates, or let the operator add it with set_price().",
    details: "model",
  });
}
