import Stripe from "stripe";

/** How Stripe is reached. */
export interface StripeAccess {
  apiKey: string;
  /** The fake of the local stack, instead of api.stripe.com. */
  apiUrl: string | null;
}

/** A client for set-up work: it may try again by itself. */
export function openStripe({ apiKey, apiUrl }: StripeAccess): Stripe {
  const url = apiUrl === null ? null : new URL(apiUrl);
  return new Stripe(apiKey, {
    maxNetworkRetries: 2,
    timeout: 30_000,
    telemetry: false,
    appInfo: { name: "tallybase" },
    ...(url && {
      host: url.hostname,
      port: url.port,
      protocol: url.protocol === "https:" ? ("https" as const) : ("http" as const),
    }),
  });
}
