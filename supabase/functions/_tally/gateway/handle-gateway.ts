import type { LearnedFactors } from "../count-learned.ts";
import type { TextCounter } from "../count-text.ts";
import { countTokens } from "../count-tokens.ts";
import { type RequestContext, respondWithError } from "../handle-request.ts";
import { TallyError } from "../errors.ts";
import { mintId } from "../mint-id.ts";
import { parseJsonObject, readBody } from "../read-body.ts";
import type { ProviderAdapter } from "./adapter.ts";
import { answerCall } from "./answer-call.ts";
import type { MeteredCall } from "./build-event.ts";
import { findEndpoint, findProvider } from "./find-endpoint.ts";
import { HOLD_SECONDS } from "./keep-hold.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { type Attribution, readAttribution } from "./read-attribution.ts";
import { RefusedCall } from "./refuse-call.ts";
import { upstreamUrl } from "./send-upstream.ts";
import type { RunningCall } from "./settle-call.ts";

/**
 * Passes a call on to its provider, metered: reserve, forward, stream back, settle.
 *
 * @throws {TallyError} for everything that is refused before the provider is asked.
 */
export async function handleGateway(
  context: RequestContext,
  countText: TextCounter,
  factors: LearnedFactors,
): Promise<Response> {
  const { request, deps, log } = context;
  const { provider, endpoint } = findEndpoint(context.path);
  context.allowMethods("POST");
  const actor = await context.authorize();
  const attribution = readAttribution(request.headers, actor);
  log.organization_id = attribution.organization_id;
  log.provider = provider.name;
  const ledger = openLedger(deps.database);
  if (actor.kind === "user") await requireMember(ledger, actor.userId, attribution);

  const body = await readBody(request, deps.env.gatewayMaxBodyBytes);
  const parsed = parseJsonObject(body);
  const prepared = endpoint.prepare(body, parsed, deps.env);
  const upstream = findUpstream(request.headers, provider, context);
  const idempotencyKey = await claimKey(request.headers, attribution, ledger);
  const { id, createdAt } = mintId(deps.now());
  const count = await countTokens(provider.name, prepared.model, parsed, {
    countText,
    readFactor: (name, model) => factors.read(deps.database, name, model, deps.now()),
  });
  const call: MeteredCall = {
    id,
    createdAt,
    attribution,
    provider: provider.name,
    operation: endpoint.operation,
    request: prepared,
    inputTokens: count.input_tokens,
    inputTokensUpper: count.input_tokens_upper,
    classes: [...count.classes, ...prepared.outputClasses],
    isByok: upstream.isByok,
    idempotencyKey,
  };
  const running: RunningCall = {
    call,
    endpoint,
    ledger,
    holdId: await admit(call, ledger),
    upstream: {
      url: upstreamUrl(upstream.baseUrl, endpoint.upstreamPath),
      headers: upstream.headers,
      body: prepared.body,
    },
    countText,
  };
  log.usage_id = id;
  log.hold_id = running.holdId;
  return await answerCall(running, context);
}

/** Errors look as the provider's do, so that its SDK understands them. */
export function respondToGatewayError(error: TallyError, path: string): Response {
  return findProvider(path)?.respondToError(error) ?? respondWithError(error);
}

async function requireMember(ledger: Ledger, userId: string, attribution: Attribution) {
  if (await ledger.isMember(userId, attribution.organization_id)) return;
  throw new TallyError("PT403", "You are not a member of this organization.", {
    hint: "Name one of your own organizations in x-tally-organization.",
    details: "x-tally-organization",
  });
}

/** Where a call goes and with whose key. */
function findUpstream(headers: Headers, provider: ProviderAdapter, { deps }: RequestContext) {
  const { baseUrl, apiKey } = deps.env.providers[provider.name];
  const own = headers.get("x-provider-key")?.trim() || null;
  const key = own ?? apiKey;
  if (key === null) {
    throw new TallyError("PT503", `The gateway has no key for ${provider.name}.`, {
      hint: "Send your own as x-provider-key, or ask the operator to configure one.",
    });
  }
  const forwarded = new Headers(provider.keyHeaders(key));
  for (const name of provider.forwardedHeaders) {
    const value = headers.get(name);
    if (value !== null) forwarded.set(name, value);
  }
  return { baseUrl, headers: forwarded, isByok: own !== null };
}

/** Reads the caller's own key for the call; one that already names an answered call is refused. */
async function claimKey(headers: Headers, attribution: Attribution, ledger: Ledger) {
  const key = headers.get("idempotency-key")?.trim();
  if (!key) return null;
  if (key.length > 255) {
    throw new TallyError("PT400", "idempotency-key may have at most 255 characters.", {
      details: "idempotency-key",
    });
  }
  const answered = await ledger.findByKey(attribution.organization_id, key);
  if (answered === null) return key;
  throw new TallyError("PT409", "A call with this idempotency-key was answered already.", {
    hint: "Answers are not kept. To make the call again, send a new key.",
    details: `usage ${answered}`,
  });
}

/** Takes a hold of the most that the call can cost. */
async function admit(call: MeteredCall, ledger: Ledger): Promise<string> {
  const { request_metadata: _metadata, ...attribution } = call.attribution;
  const { allowed, hold_id, blocked_by } = await ledger.reserve({
    operation: call.operation,
    ...attribution,
    provider: call.provider,
    model: call.request.model,
    service_tier: call.request.serviceTier,
    input_tokens: call.inputTokensUpper,
    max_output_tokens: call.request.maxOutputTokens,
    expires_in: HOLD_SECONDS,
  }, call.classes);
  if (!allowed || hold_id === null) throw new RefusedCall(blocked_by, call.request.model);
  return hold_id;
}
