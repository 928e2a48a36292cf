import type { LearnedFactors } from "../count-learned.ts";
import type { TextCounter } from "../count-text.ts";
import type { TallyError } from "../errors.ts";
import { type RequestContext, respondWithError } from "../handle-request.ts";
import { answerCall } from "./answer-call.ts";
import { answerFree } from "./answer-free.ts";
import { findEndpoint, findProvider } from "./find-endpoint.ts";
import type { KnownKeys } from "./known-keys.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { readAttribution } from "./read-attribution.ts";
import { readCall } from "./read-call.ts";
import { startCall } from "./start-call.ts";

/** What one isolate keeps from call to call. */
export interface GatewayMemory {
  countText: TextCounter;
  factors: LearnedFactors;
  keys: KnownKeys;
  /** Opened by the first call: those that come together share their way to the database. */
  ledger?: Ledger;
}

/**
 * Passes a call on to its provider, metered: reserve, forward, stream back, settle.
 *
 * @throws {TallyError} for everything that is refused before the provider is asked.
 */
export async function handleGateway(
  context: RequestContext,
  memory: GatewayMemory,
): Promise<Response> {
  const { request, deps, log } = context;
  const found = findEndpoint(
    context.path,
    request.method,
    deps.env.gatewayFreePaths,
  );
  const { endpoint, provider } = found;
  const identity = await memory.keys.authorize(context);
  const attribution = readAttribution(request.headers, identity.actor);
  log.organization_id = attribution.organization_id;
  log.provider = provider.name;

  const call = await readCall(context, found, deps.env);
  const start = {
    ...found,
    ...identity,
    attribution,
    call,
    prepared: endpoint.prepare(call, deps.env),
    ledger: memory.ledger ??= openLedger(deps.database),
  };
  if (endpoint.isFree) return await answerFree(start, context, memory);
  const { running, detours } = await startCall(start, context, memory);
  return await answerCall(running, detours, context);
}

/** Errors look as the provider's do, so that its SDK understands them. */
export function respondToGatewayError(
  error: TallyError,
  path: string,
): Response {
  return findProvider(path)?.respondToError(error) ?? respondWithError(error);
}
