import type { Actor } from "./authorize-request.ts";
import { type Database, onlyRow } from "./database.ts";
import { TallyError } from "./errors.ts";

/** A call as far as its price depends on it. */
export interface PricedCall {
  provider: string;
  model: string;
  input_tokens: number;
  /** Null: list prices and no quota. */
  organizationId: string | null;
  output_tokens: number;
}

/** The likely cost in USD, as decimal text. Read as the actor: the database decides whose organization it is. */
export async function readLikelyCost(
  database: Database,
  actor: Actor,
  { provider, model, input_tokens, output_tokens, organizationId }: PricedCall,
  audioTokens: number,
): Promise<string> {
  const classes = audioTokens === 0 ? null : JSON.stringify({
    input: input_tokens - audioTokens,
    input_audio: audioTokens,
    output: output_tokens,
  });
  const statement = `select cost_usd::text as cost_usd
    from public.estimate_cost($1, $2, $3::bigint, $4::bigint, $5::text::jsonb, $6::uuid)`;
  const parameters = [provider, model, input_tokens, output_tokens, classes, organizationId];
  const rows = actor.kind === "user"
    ? await database.queryAs<{ cost_usd: string }>(actor.claims, statement, parameters)
    : await database.query<{ cost_usd: string }>(statement, parameters);
  return onlyRow(rows).cost_usd;
}

/** The most a call can cost, in USD as decimal text, and whether the quotas have room for it. */
export interface UpperBound {
  cost_usd: string;
  /** The answer of check_quota as JSON text; null without an organization. */
  quota: string | null;
}

/** As the owner of the schema, once the actor's right to the organization is established. */
export async function readUpperBound(
  database: Database,
  actor: Actor,
  { provider, model, input_tokens, output_tokens, organizationId }: PricedCall,
  classes: string[],
): Promise<UpperBound> {
  const [row] = await database.query<UpperBound>(
    `select u.cost_usd::text as cost_usd,
       (select to_jsonb(q)::text
        from public.check_quota($5::uuid, $1, $2, u.cost_usd, $3::bigint + $4::bigint, $7::uuid) as q
        where $5::uuid is not null) as quota
     from tally.upper_bound_cost($1, $2, $3::bigint, $4::bigint, $5::uuid, null, now(),
       string_to_array($6, ',')) as u`,
    [
      provider,
      model,
      input_tokens,
      output_tokens,
      organizationId,
      classes.join(","),
      actor.kind === "user" ? actor.userId : null,
    ],
  );
  if (row !== undefined) return row;
  throw new TallyError(
    "PT422",
    `There is no price for the input of ${model} of ${provider}.`,
    {
      hint: "Look for the model in cost_estimates, or let the operator add it with set_price().",
      details: "model",
    },
  );
}
