import type { ReadVariable } from "../env.ts";
import { TallyError } from "../errors.ts";

/** The sinks there are. */
export const SINKS = ["stripe", "stripe-stream", "cloudevents", "metronome"] as const;
export type SinkName = (typeof SINKS)[number];

/** How Stripe is reached. */
export interface StripeSettings {
  apiKey: string;
  /** Instead of api.stripe.com: a fake, for development. */
  apiUrl: URL | null;
}

/** How a sink that takes JSON over HTTP is reached. */
export interface HttpSinkSettings {
  url: string;
  token: string | null;
}

/** Which sink reports go to. */
export function readSinkName(variable: ReadVariable): SinkName {
  const name = variable("TALLY_METER_SINK")?.trim() || "stripe";
  const known = SINKS.find((candidate) => candidate === name);
  if (known === undefined) throw missing("TALLY_METER_SINK", `must be one of ${SINKS.join(", ")}`);
  return known;
}

/** @throws {TallyError} PT503 when no key is set */
export function readStripeSettings(variable: ReadVariable): StripeSettings {
  const apiKey = variable("STRIPE_SECRET_KEY")?.trim();
  if (!apiKey) throw missing("STRIPE_SECRET_KEY", "is not set");
  const apiUrl = variable("TALLY_STRIPE_API_URL")?.trim();
  if (apiUrl && !URL.canParse(apiUrl)) throw missing("TALLY_STRIPE_API_URL", "is not a URL");
  return { apiKey, apiUrl: apiUrl ? new URL(apiUrl) : null };
}

/** @throws {TallyError} PT503 when no address is set */
export function readHttpSinkSettings(variable: ReadVariable): HttpSinkSettings {
  const url = variable("TALLY_SINK_URL")?.trim();
  if (!url || !URL.canParse(url)) throw missing("TALLY_SINK_URL", "is not set to a URL");
  return { url, token: variable("TALLY_SINK_TOKEN")?.trim() || null };
}

/** What Stripe takes of meter events in live mode; elsewhere its basic limit holds. */
const LIVE_REQUESTS_PER_SECOND = 1_000;
const TEST_REQUESTS_PER_SECOND = 25;

/**
 * How many requests a second may go to the sink.
 *
 * @throws {TallyError} PT503 when the setting is no number
 */
export function readRequestsPerSecond(variable: ReadVariable): number {
  const given = variable("TALLY_SINK_REQUESTS_PER_SECOND")?.trim();
  if (given) {
    if (/^[1-9]\d{0,4}$/.test(given)) return Number(given);
    throw missing("TALLY_SINK_REQUESTS_PER_SECOND", "must be a whole number from 1 to 99999");
  }
  const isTest = readSinkName(variable).startsWith("stripe") &&
    !/^[sr]k_live_/.test(variable("STRIPE_SECRET_KEY")?.trim() ?? "");
  return isTest ? TEST_REQUESTS_PER_SECOND : LIVE_REQUESTS_PER_SECOND;
}

/**
 * The secrets that sign webhooks: each destination of Stripe has its own, separated by commas here.
 *
 * @throws {TallyError} PT503 when there is none
 */
export function readWebhookSecrets(variable: ReadVariable): string[] {
  const secrets = (variable("STRIPE_WEBHOOK_SECRET") ?? "").split(",").map((part) => part.trim());
  const given = secrets.filter((secret) => secret !== "");
  if (given.length === 0) throw missing("STRIPE_WEBHOOK_SECRET", "is not set");
  return given;
}

function missing(name: string, problem: string): TallyError {
  return new TallyError("PT503", `${name} ${problem}.`, {
    hint: "The operator sets it among the secrets of the edge functions. See docs/stripe.md.",
    details: name,
  });
}
