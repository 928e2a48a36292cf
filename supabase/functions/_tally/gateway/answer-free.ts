import type { RequestContext } from "../handle-request.ts";
import { answerNothing, passOnUntouched } from "./answer-nothing.ts";
import { findUpstream } from "./find-upstream.ts";
import type { GatewayMemory } from "./handle-gateway.ts";
import { sendUpstream } from "./send-upstream.ts";
import { admit, type CallStart } from "./start-call.ts";

/** Passes on what costs nothing: the caller and the policies are checked, nothing is held or recorded. */
export async function answerFree(
  start: CallStart,
  context: RequestContext,
  memory: GatewayMemory,
): Promise<Response> {
  const { deps, request, log } = context;
  const { providerKey } = await admit(start, context, memory, {}, {
    is_free: true,
  });
  const environment = deps.env.providers[start.provider.name];
  const upstream = findUpstream(
    start,
    start.prepared,
    request.headers,
    environment,
    providerKey,
  );
  const result = await sendUpstream(upstream, {
    fetch: deps.fetch,
    clientGone: request.signal,
    timeoutMs: deps.env.upstreamTimeoutMs,
  });
  if (result.kind !== "answer") return answerNothing(result.kind);
  log.call = result.response.ok ? "success" : "refused";
  return passOnUntouched(result.response);
}
