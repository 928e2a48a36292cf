import Stripe from "stripe";
import type { StripeSettings } from "./billing-settings.ts";

/** Longer than Stripe takes; short enough that what hangs is known before a lease ends. */
export const STRIPE_TIMEOUT_MS = 10_000;

/**
 * A client that never tries again by itself: what was tried is in the database, and so is when to try
 * again. Works under Deno and Node alike.
 *
 * @param apiKey a secret key, or the token of a meter event session
 * @param fetch may wait before it sends; that counts as time of the request
 */
export function openStripe(
  { apiKey, apiUrl }: StripeSettings,
  timeoutMs = STRIPE_TIMEOUT_MS,
  fetch = globalThis.fetch,
): Stripe {
  return new Stripe(apiKey, {
    httpClient: Stripe.createFetchHttpClient(fetch),
    maxNetworkRetries: 0,
    timeout: timeoutMs,
    telemetry: false,
    appInfo: { name: "tallybase" },
    ...(apiUrl !== null && {
      host: apiUrl.hostname,
      port: apiUrl.port || (apiUrl.protocol === "http:" ? "80" : "443"),
      protocol: apiUrl.protocol === "http:" ? "http" as const : "https" as const,
    }),
  });
}
