import type { Actor } from "./authorize-request.ts";
import { LearnedFactors } from "./count-learned.ts";
import { outputLimit } from "./count-output.ts";
import type { TextCounter } from "./count-text.ts";
import type { TokenCount } from "./count-tokens.ts";
import type { Database } from "./database.ts";
import { TallyError } from "./errors.ts";
import { readCosts } from "./estimate-costs.ts";
import { type EstimateRequest, parseEstimateRequest } from "./estimate-schema.ts";
import type { RequestContext } from "./handle-request.ts";
import { parseJsonObject, readBody } from "./read-body.ts";

/** What a call will use and cost, before it is made. */
export interface Estimate {
  /** The likely number, or the caller's own. */
  input_tokens: number;
  /** The same as a bound: what a hold is taken for. */
  input_tokens_upper: number;
  /** Of the request; else the model's limit; else the operator's default. */
  max_output_tokens: number;
  /** USD, exact, as decimal text: the likely input at the plain rates, nothing cached. */
  cost_usd: string;
  /** USD, exact, as decimal text: the bound, all input at the dearest class that may apply. */
  cost_usd_upper: string;
  /** `given` when the caller sent `input_tokens`. */
  tokenizer: TokenCount["tokenizer"] | "given";
  is_exact: boolean;
  /** What had to be assumed, in sentences. */
  notes: string[];
  /** The answer of check_quota for the bound, as JSON text; null without an organization. */
  quota: string | null;
}

export interface EstimateDeps {
  actor: Actor;
  database: Database;
  countText: TextCounter;
  /** Reads the factor learned from settled calls of a model; null where there is none. */
  readFactor: (provider: string, model: string) => Promise<number | null>;
  /** Assumed of a model whose limit is not known. */
  defaultMaxOutputTokens: number;
}

type Counted = Omit<TokenCount, "tokenizer"> & {
  tokenizer: Estimate["tokenizer"];
};

/**
 * Estimates a call. The tokenizer is loaded only when there is text to count.
 *
 * @throws {TallyError} PT400 naming the field, PT403 for a foreign organization, PT422 without a price.
 */
export async function estimateUsage(body: unknown, deps: EstimateDeps): Promise<Estimate> {
  const request = parseEstimateRequest(body);
  const organizationId = organizationOf(request, deps.actor);
  const counted = await countInput(request, deps);
  const output = assumeOutput(request, deps.defaultMaxOutputTokens);
  const { provider, model } = request;
  const { input_tokens, input_tokens_upper } = counted;
  const costs = await readCosts(deps.database, deps.actor, {
    provider,
    model,
    organizationId,
    likely: { input: input_tokens, audio: counted.audio_tokens, output: output.likely },
    upper: { input: input_tokens_upper, output: output.upper, classes: counted.classes },
  });
  return {
    input_tokens,
    input_tokens_upper,
    max_output_tokens: output.upper,
    cost_usd: costs.likely,
    cost_usd_upper: costs.upper,
    tokenizer: counted.tokenizer,
    is_exact: counted.is_exact,
    notes: [...counted.notes, ...output.notes],
    quota: costs.quota,
  };
}

/** What answers the requests of one isolate. Modules that only counting needs are loaded for it. */
export function createEstimateHandler(): (context: RequestContext) => Promise<Response> {
  const factors = new LearnedFactors();
  let loading: Promise<TextCounter> | undefined;
  const countText: TextCounter = async (texts) => {
    loading ??= import("./count-text.ts").then(({ createTextCounter }) => createTextCounter());
    return await (await loading)(texts);
  };
  return (context) => answerEstimate(context, countText, factors);
}

/** `POST` a request as in {@link parseEstimateRequest}. Answers an {@link Estimate}. */
async function answerEstimate(
  context: RequestContext,
  countText: TextCounter,
  factors: LearnedFactors,
): Promise<Response> {
  context.allowMethods("POST");
  const actor = await context.authorize();
  const body = parseJsonObject(await readBody(context.request));
  const { database, env, now } = context.deps;
  const { defaultMaxOutputTokens } = env;
  const estimate = await estimateUsage(body, {
    actor,
    database,
    countText,
    readFactor: (provider, model) => factors.read(database, provider, model, now()),
    defaultMaxOutputTokens,
  });
  context.log.input_tokens = estimate.input_tokens;
  return new Response(writeEstimate(estimate), { headers: { "content-type": "application/json" } });
}

/** The answer of the edge function: money as JSON numbers with every digit, nothing that is empty. */
export function writeEstimate(
  { cost_usd, cost_usd_upper, notes, quota, ...rest }: Estimate,
): string {
  const fields = Object.entries(rest).map(([key, value]) => [key, JSON.stringify(value)]);
  fields.push(["cost_usd", cost_usd], ["cost_usd_upper", cost_usd_upper]);
  if (notes.length > 0) fields.push(["notes", JSON.stringify(notes)]);
  if (quota !== null) fields.push(["quota", quota]);
  return `{${fields.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(",")}}`;
}

/** An API key speaks for its own organization. */
function organizationOf({ organization_id }: EstimateRequest, actor: Actor): string | null {
  if (actor.kind !== "api_key") return organization_id ?? null;
  if (organization_id === undefined || organization_id.toLowerCase() === actor.organizationId) {
    return actor.organizationId;
  }
  throw new TallyError(
    "PT403",
    "The API key belongs to another organization.",
    {
      hint: "Leave organization_id out, or use a key of that organization.",
      details: "organization_id",
    },
  );
}

async function countInput(
  { provider, model, input_tokens, ...prompt }: EstimateRequest,
  { countText, readFactor }: EstimateDeps,
): Promise<Counted> {
  if (input_tokens !== undefined) {
    return {
      input_tokens,
      input_tokens_upper: input_tokens,
      tokenizer: "given",
      is_exact: true,
      audio_tokens: 0,
      classes: [],
      notes: [],
    };
  }
  const { countTokens } = await import("./count-tokens.ts");
  return await countTokens(provider, model, { ...prompt }, { countText, readFactor });
}

interface OutputTokens {
  likely: number;
  upper: number;
  notes: string[];
}

function assumeOutput(request: EstimateRequest, byDefault: number): OutputTokens {
  const { provider, model, max_output_tokens: asked } = request;
  if (asked !== undefined) return { likely: asked, upper: asked, notes: [] };
  const limit = outputLimit(provider, model);
  if (limit === 0) return { likely: 0, upper: 0, notes: [] };
  const likely = Math.min(byDefault, limit ?? byDefault);
  const basis = limit === null
    ? `No limit of ${model} is known, so max_output_tokens is the default of ${byDefault}`
    : `max_output_tokens is the most that ${model} can answer; cost_usd assumes ${likely}`;
  return {
    likely,
    upper: limit ?? byDefault,
    notes: [`${basis}. Send max_output_tokens, here and with the call, for a bound that holds.`],
  };
}
