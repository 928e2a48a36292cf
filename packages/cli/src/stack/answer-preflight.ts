import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * Lets pages of other origins ask REST and Auth, as a hosted project does: keys decide, not origins.
 * Answers a preflight; of other requests it only sets the header that their answer needs.
 *
 * @returns whether the request is answered
 */
export function answerPreflight(incoming: IncomingMessage, outgoing: ServerResponse): boolean {
  outgoing.setHeader("access-control-allow-origin", "*");
  outgoing.setHeader(
    "access-control-expose-headers",
    "content-range, content-location, preference-applied",
  );
  if (incoming.method !== "OPTIONS" || !incoming.headers["access-control-request-method"])
    return false;
  outgoing.writeHead(204, {
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    "access-control-allow-headers": incoming.headers["access-control-request-headers"] ?? "*",
    "access-control-max-age": "3600",
  });
  outgoing.end();
  return true;
}
