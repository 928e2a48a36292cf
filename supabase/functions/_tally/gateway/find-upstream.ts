import type { ProviderEnv } from "../env.ts";
import type { PreparedRequest } from "./adapter.ts";
import type { FoundEndpoint } from "./find-endpoint.ts";
import { type UpstreamRequest, upstreamUrl } from "./send-upstream.ts";

/** The key that the caller brought for this call; null: none. */
export function ownKey(headers: Headers): string | null {
  return headers.get("x-provider-key")?.trim() || null;
}

/** A request as the provider gets it, with the given key of the provider. */
export function findUpstream(
  { provider, endpoint, version }: FoundEndpoint,
  { upstreamPath, body }: PreparedRequest,
  headers: Headers,
  { baseUrl, keyHeader }: ProviderEnv,
  key: string,
): UpstreamRequest {
  const sent = new Headers(provider.keyHeaders(key));
  if (keyHeader !== null) {
    for (const name of ["authorization", "x-api-key", "x-goog-api-key"]) {
      sent.delete(name);
    }
    sent.set(
      keyHeader,
      keyHeader.toLowerCase() === "authorization" ? `Bearer ${key}` : key,
    );
  }
  for (const name of provider.forwardedHeaders) {
    const value = headers.get(name);
    if (value !== null) sent.set(name, value);
  }
  return {
    method: endpoint.method,
    url: upstreamUrl(baseUrl, upstreamPath, {
      version,
      versions: provider.versions,
    }),
    headers: sent,
    body,
  };
}
