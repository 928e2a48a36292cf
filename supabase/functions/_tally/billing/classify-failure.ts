import Stripe from "stripe";
import type { SendOutcome } from "./meter-sink.ts";

/**
 * What a failed call says about the report.
 *
 * @param isRepeated whether the API repeats its answer for an idempotency key, failures included
 */
export function classifyFailure(error: unknown, isRepeated: boolean): SendOutcome {
  if (!(error instanceof Stripe.errors.StripeError)) {
    return { outcome: "unknown", error: "Something went wrong on the sender's side." };
  }
  const status = error.statusCode ?? 0;
  const text = describe(error);
  // Sent before, and counted: what a retry hopes for.
  if (
    /already exists with identifier/.test(error.message) || error.code === "duplicate_meter_event"
  ) {
    return { outcome: "delivered" };
  }
  if (status === 429 || error.code === "rate_limit") return { outcome: "retry", error: text };
  // The key is wrong or lacks a right: nothing was done, and the operator will mend it.
  if (status === 401 || status === 403) return { outcome: "refused", error: text };
  // Another request of the same key is still running.
  if (status === 409) return { outcome: "unknown", error: text };
  if (error.rawType === "idempotency_error") return { outcome: "unknown_stored", error: text };
  if (status >= 400 && status < 500) return { outcome: "refused", error: text };
  if (status >= 500) return { outcome: isRepeated ? "unknown_stored" : "unknown", error: text };
  return { outcome: "unknown", error: text };
}

/** For `last_error`, which members of the organization may read: no keys, no request. */
function describe(error: InstanceType<typeof Stripe.errors.StripeError>): string {
  if (error.statusCode === 401 || error.statusCode === 403) return `HTTP ${error.statusCode}`;
  const parts = [error.statusCode && `HTTP ${error.statusCode}`, error.code, error.message];
  return parts.filter(Boolean).join(": ").slice(0, 300);
}
