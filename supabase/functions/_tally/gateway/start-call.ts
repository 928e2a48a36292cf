import { countTokens } from "../count-tokens.ts";
import { TallyError, toTallyError } from "../errors.ts";
import type { RequestContext } from "../handle-request.ts";
import { mintId } from "../mint-id.ts";
import type { CallRequest, PreparedRequest } from "./adapter.ts";
import { addToJson } from "./add-to-json.ts";
import type { MeteredCall } from "./build-event.ts";
import type { FoundEndpoint } from "./find-endpoint.ts";
import { findUpstream, ownKey } from "./find-upstream.ts";
import type { GatewayMemory } from "./handle-gateway.ts";
import { HOLD_SECONDS } from "./keep-hold.ts";
import type { CallerIdentity } from "./known-keys.ts";
import type { Admission, GatewayCall, Ledger } from "./ledger.ts";
import type { Detours } from "./reach-provider.ts";
import type { Attribution } from "./read-attribution.ts";
import { refusalOf } from "./refuse-call.ts";
import type { RunningCall } from "./settle-call.ts";

/** A call that has been read, and who makes it. */
export interface CallStart extends FoundEndpoint, CallerIdentity {
  attribution: Attribution;
  call: CallRequest;
  prepared: PreparedRequest;
  ledger: Ledger;
}

/** Counts and admits a call. Nothing has been sent yet. */
export async function startCall(
  start: CallStart,
  context: RequestContext,
  memory: GatewayMemory,
): Promise<{ running: RunningCall; detours: Detours }> {
  const { running, admission } = await admitCall(start, context, memory, null);
  const { fallback } = admission;
  const isJson = start.endpoint.body === "json";
  const fallBack = fallback === undefined || !isJson ? null : async (attempts: number) => {
    await running.ledger.release(running.holdId);
    const other = withModel(start, fallback, context);
    const detour = { attempts, fallback_from: start.prepared.model };
    try {
      return (await admitCall(other, context, memory, detour)).running;
    } catch {
      // Not admitted, or the database is away: the first model's error is the answer.
      return null;
    }
  };
  return { running, detours: { retries: admission.retries, fallBack } };
}

/** Checks caller and policies of a call, without what only matters once it costs something. */
export async function admit(
  { provider, prepared, attribution, ledger, actor, apiKey }: CallStart,
  { request, deps }: RequestContext,
  { keys }: GatewayMemory,
  hold: Record<string, unknown>,
  more: GatewayCall,
): Promise<{ admission: Admission; providerKey: string; isByok: boolean }> {
  const { request_metadata: _metadata, ...attributed } = attribution;
  const own = ownKey(request.headers);
  const operatorKey = deps.env.providers[provider.name].apiKey;
  let answer: Awaited<ReturnType<Ledger["admit"]>>;
  try {
    answer = await ledger.admit({
      ...attributed,
      provider: provider.name,
      model: prepared.model,
      service_tier: prepared.serviceTier,
      expires_in: HOLD_SECONDS,
      ...hold,
    }, {
      ...(apiKey !== null && actor.kind === "api_key" && { api_key: apiKey }),
      ...(actor.kind === "user" && { member_id: actor.userId }),
      ...(own !== null && { has_own_key: true }),
      ...(operatorKey !== null && { has_operator_key: true }),
      ...more,
    });
  } catch (error) {
    if (apiKey !== null && toTallyError(error).code === "PT401") {
      keys.forget(apiKey);
    }
    throw error;
  }
  if (!answer.allowed) throw refusalOf(answer, provider.name, prepared.model);
  const organizationKey = own === null ? answer.provider_key ?? null : null;
  return {
    admission: answer,
    providerKey: own ?? organizationKey ?? operatorKey ?? "",
    isByok: own !== null || organizationKey !== null,
  };
}

async function admitCall(
  start: CallStart,
  context: RequestContext,
  memory: GatewayMemory,
  detour: Record<string, unknown> | null,
): Promise<{ running: RunningCall; admission: Admission }> {
  const { provider, endpoint, prepared, attribution, ledger } = start;
  const { request, deps, log } = context;
  const idempotencyKey = readKey(request.headers);
  const { id, createdAt } = mintId(deps.now());
  const counted = await countInput(start, context, memory);
  const classes = [...counted.classes, ...prepared.classes];
  const { units } = prepared;
  const { admission, providerKey, isByok } = await admit(
    start,
    context,
    memory,
    {
      operation: endpoint.operation,
      ...(attribution.operation !== undefined &&
        { operation: attribution.operation }),
      ...(units === null
        ? {
          input_tokens: counted.upper,
          max_output_tokens: prepared.maxOutputTokens,
        }
        : { units: units.amount, unit_type: units.type }),
    },
    {
      ...(classes.length > 0 && { classes: classes.join(",") }),
      ...(idempotencyKey !== null && { idempotency_key: idempotencyKey }),
      ...(detour !== null && { is_fallback: true }),
    },
  );
  const call: MeteredCall = {
    id,
    createdAt,
    attribution,
    provider: provider.name,
    operation: endpoint.operation,
    request: prepared,
    inputTokens: counted.likely,
    isLesson: counted.isLesson && classes.length === 0 &&
      prepared.unseenTokens.upper === 0,
    isByok,
    idempotencyKey,
    detour,
  };
  const holdId = admission.hold_id ?? "";
  log.usage_id = id;
  log.hold_id = holdId;
  const upstream = findUpstream(
    start,
    prepared,
    request.headers,
    deps.env.providers[provider.name],
    providerKey,
  );
  const { countText } = memory;
  const headroom = admission.headroom ?? null;
  return {
    running: { call, endpoint, ledger, holdId, upstream, countText, headroom },
    admission,
  };
}

/** Tokens of the prompt. What is billed by another unit has none. */
async function countInput(
  { provider, prepared }: CallStart,
  { deps }: RequestContext,
  { countText, factors }: GatewayMemory,
) {
  if (prepared.units !== null) {
    return { likely: 0, upper: 0, classes: [], isLesson: false };
  }
  let isKnown = false;
  const count = await countTokens(
    provider.name,
    prepared.model,
    prepared.prompt,
    {
      countText,
      readFactor: async (name, model) => {
        const factor = await factors.read(
          deps.database,
          name,
          model,
          deps.now(),
        );
        isKnown = factor !== null;
        return factor;
      },
    },
  );
  return {
    likely: count.input_tokens + prepared.unseenTokens.likely,
    upper: count.input_tokens_upper + prepared.unseenTokens.upper,
    classes: count.classes,
    // Of a model whose factor is known, one call in eight is enough to keep it up to date.
    isLesson: !isKnown || Math.random() < 1 / 8,
  };
}

/** The same call for another model. */
function withModel(
  start: CallStart,
  model: string,
  { deps }: RequestContext,
): CallStart {
  const { call, endpoint } = start;
  const other = call.model !== null ? { ...call, model } : {
    ...call,
    body: addToJson(call.body, call.fields, { model }),
    fields: { ...call.fields, model },
  };
  return {
    ...start,
    call: other,
    model: other.model,
    prepared: endpoint.prepare(other, deps.env),
  };
}

/** The caller's own key for the call; one that already names an answered call will be refused. */
function readKey(headers: Headers): string | null {
  const key = headers.get("idempotency-key")?.trim();
  if (!key) return null;
  if (key.length <= 255) return key;
  throw new TallyError(
    "PT400",
    "idempotency-key may have at most 255 characters.",
    {
      details: "idempotency-key",
    },
  );
}
