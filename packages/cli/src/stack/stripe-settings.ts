/** Signs what the fake Stripe sends. Local only: no secret of anybody. */
export const LOCAL_WEBHOOK_SECRET = "whsec_local";

/** Sends reports to the fake Stripe unless the person's `own` settings have a key of Stripe. */
export function stripeSettings(
  own: Record<string, string>,
  fakeStripeUrl: string,
): Record<string, string> {
  if (own.STRIPE_SECRET_KEY) return {};
  return {
    STRIPE_SECRET_KEY: "sk_test_local",
    STRIPE_WEBHOOK_SECRET: LOCAL_WEBHOOK_SECRET,
    TALLY_STRIPE_API_URL: fakeStripeUrl,
    STRIPE_SUPPRESS_NOTICES: "true",
  };
}
