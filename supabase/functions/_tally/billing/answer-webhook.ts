import Stripe from "stripe";
import { onlyRow } from "../database.ts";
import type { ReadVariable } from "../env.ts";
import { TallyError } from "../errors.ts";
import type { RequestContext } from "../handle-request.ts";
import { isJsonObject, type JsonObject, readBody } from "../read-body.ts";
import { readStripeSettings, readWebhookSecrets } from "./billing-settings.ts";
import { completeEvent } from "./complete-event.ts";
import { openStripe } from "./open-stripe.ts";
import { readMeterErrors } from "./read-meter-errors.ts";

/** How old a signature may be, and how far ahead of our clock, in seconds. */
const TOLERANCE_S = 300;

const SNAPSHOT = "select tally.receive_stripe_event($1::text::jsonb) as answer";
const ERRORS =
  `select tally.receive_meter_errors($1, $2, $3::text::timestamptz, $4::text::timestamptz,
    $5::text::jsonb) as answer`;

/**
 * `POST` by Stripe: events of both versions of its API, signed. Anything but 200 makes Stripe send it
 * again, for three days.
 */
export function answerWebhook(variable: ReadVariable) {
  return async (context: RequestContext): Promise<Response> => {
    context.allowMethods("POST");
    const secrets = readWebhookSecrets(variable);
    // The bytes that were signed: parsed and written again they would be others.
    const body = new TextDecoder().decode(await readBody(context.request));
    const signature = context.request.headers.get("stripe-signature") ?? "";
    await verifySignature(body, signature, secrets, context.deps.now());
    const event = parseEvent(body);
    const { database } = context.deps;
    const stripe = () => openStripe(readStripeSettings(variable));
    if (event.object !== "v2.core.event") {
      const whole = await completeEvent(event, stripe);
      const rows = await database.query<{ answer: JsonObject }>(SNAPSHOT, [JSON.stringify(whole)]);
      return Response.json(onlyRow(rows).answer);
    }
    const type = String(event.type);
    if (!/^v1\.billing\.meter\.(error_report_triggered|no_meter_found)$/.test(type)) {
      return Response.json({ status: "ignored" });
    }
    // Thin: only its id can be relied on, the rest is fetched.
    const errors = readMeterErrors(await stripe().v2.core.events.retrieve(String(event.id)));
    const rows = await database.query<{ answer: JsonObject }>(ERRORS, [
      errors.eventId,
      errors.meterId,
      errors.startsAt,
      errors.endsAt,
      JSON.stringify(errors.samples),
    ]);
    return Response.json(onlyRow(rows).answer);
  };
}

/**
 * Constant time, by the SDK; each destination has its own secret. The SDK refuses what is old, not what
 * is ahead: such a signature could be kept and used long after it leaked.
 */
async function verifySignature(
  body: string,
  header: string,
  secrets: string[],
  now: number,
): Promise<void> {
  const signedAt = Number(/(?:^|,)t=(\d+)/.exec(header)?.[1] ?? Number.NaN);
  const isTimely = Math.abs(now / 1000 - signedAt) <= TOLERANCE_S;
  const { signature } = Stripe.webhooks;
  if (signature === null) throw new Error("The SDK cannot verify signatures.");
  const crypto = Stripe.createSubtleCryptoProvider();
  const checks = secrets.map((secret) =>
    signature.verifyHeaderAsync(body, header, secret, TOLERANCE_S, crypto, now).then(
      () => true,
      () => false,
    )
  );
  if (!isTimely || !(await Promise.all(checks)).includes(true)) {
    throw new TallyError("PT401", "The signature does not fit the request, or is too old.", {
      hint: "Set STRIPE_WEBHOOK_SECRET to the signing secret of this destination.",
      details: "stripe-signature",
    });
  }
}

function parseEvent(body: string): JsonObject {
  try {
    const event: unknown = JSON.parse(body);
    if (isJsonObject(event) && typeof event.id === "string" && typeof event.type === "string") {
      return event;
    }
  } catch {
    // Answered below.
  }
  throw new TallyError("PT400", "The body is not an event of Stripe.", { details: "body" });
}
