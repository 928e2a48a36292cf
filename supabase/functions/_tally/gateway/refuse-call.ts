import { TallyError } from "../errors.ts";
import type { BlockingQuota, Refusal } from "./ledger.ts";

/** Says why a call was not admitted. */
export function refusalOf(
  refusal: Refusal,
  provider: string,
  model: string,
): TallyError {
  switch (refusal.refused_by) {
    case "quota":
      return new RefusedCall(refusal.blocked_by, model);
    case "rate": {
      const seconds = Math.ceil(refusal.retry_after);
      return new TallyError(
        "PT429",
        `The organization may make ${refusal.requests_per_minute} requests a minute.`,
        {
          hint: `Try again in ${seconds} s.`,
          headers: { "retry-after": String(seconds) },
        },
      );
    }
    case "key":
      return new TallyError(
        "PT503",
        `The gateway has no key for ${provider}.`,
        {
          hint: "Send your own as x-provider-key, or ask the operator to configure one.",
        },
      );
  }
}

/** A refused call: the ordinary error of its code, which also says which quota is in the way. */
export class RefusedCall extends TallyError {
  readonly quota: BlockingQuota | null;

  constructor(quota: BlockingQuota | null, model: string) {
    super("PT402", message(quota, model), {
      hint: hint(quota),
      headers: remaining(quota),
    });
    this.quota = quota;
  }

  override toWire() {
    return { ...super.toWire(), quota: this.quota };
  }
}

function message(quota: BlockingQuota | null, model: string): string {
  if (quota === null) return "The call was not admitted.";
  if (quota.reason === "unpriced") {
    return `There is no price for ${model}, and the ${quota.quota_type} ${quota.metric} quota admits priced models only.`;
  }
  if (quota.reason === "call") {
    return `The call could cost ${plain(quota.requested ?? 0)} USD, and one call may cost ` +
      `${plain(quota.quota_limit)} at most.`;
  }
  return `The call could exceed the ${quota.quota_type} ${quota.metric} quota: it needs up to ` +
    `${quota.requested === null ? "an unknown amount" : plain(quota.requested)}, and ` +
    `${plain(quota.remaining)} of ${plain(quota.quota_limit)} is left ` +
    `(${plain(quota.current_usage)} used, ${plain(quota.reserved)} held by running calls).`;
}

/** What a token limit makes less of. */
const BY_LIMIT = new Set(["cost_usd", "total_tokens", "output_tokens"]);
const EITHER = new Intl.ListFormat("en", { type: "disjunction" });

function hint(quota: BlockingQuota | null): string {
  if (quota?.reason === "unpriced") {
    return "The operator adds a price with set_price(), or sets the quota's unpriced_policy.";
  }
  if (quota?.reason === "call") {
    return "Ask for less with a lower token limit, or raise max_call_cost with set_gateway_policy().";
  }
  const ways = EITHER.format([
    ...quota?.reset_at ? [`wait until ${quota.reset_at}`] : [],
    ...BY_LIMIT.has(quota?.metric ?? "") ? ["ask for less with a lower token limit"] : [],
    "raise the quota",
  ]);
  return `${ways.charAt(0).toUpperCase()}${ways.slice(1)}.`;
}

function remaining(quota: BlockingQuota | null): Record<string, string> {
  if (quota === null) return {};
  return {
    "x-tally-remaining": plain(quota.remaining),
    "x-tally-remaining-metric": quota.metric,
  };
}

/** Without an exponent: amounts of money are small. */
function plain(value: number): string {
  const text = String(value);
  return text.includes("e-") ? value.toFixed(15).replace(/0+$/, "") : text;
}
