import { randomBytes } from "node:crypto";
import type { Call } from "./call.ts";
import { nameAccount } from "./event-routes.ts";
import type { Route } from "./routes.ts";
import { StripeFailure } from "./stripe-failure.ts";
import type { NewEvent } from "./usage.ts";

const SESSION_MS = 15 * 60_000;
const EVENTS_PER_REQUEST = 100;

/** The second version of the API: JSON, sessions, the stream whose checks come later. */
export const STREAM_ROUTES: Route[] = [
  {
    method: "POST",
    path: "/v2/billing/meter_event_session",
    answer: ({ account }) => {
      const token = `token_${randomBytes(12).toString("hex")}`;
      const expiresAt = account.now() + SESSION_MS;
      account.sessions.set(token, expiresAt);
      return {
        id: account.newId("mes"),
        object: "v2.billing.meter_event_session",
        authentication_token: token,
        created: new Date(account.now()).toISOString(),
        expires_at: new Date(expiresAt).toISOString(),
        livemode: false,
      };
    },
  },
  {
    method: "POST",
    path: "/v2/billing/meter_events",
    oneAtATime: (call) => {
      const { eventName, payload } = readEvent(call, call.json);
      return nameAccount(eventName, payload.stripe_customer_id);
    },
    answer: (call) => {
      const event = readEvent(call, call.json);
      const refusal = call.account.usage.findRefusal(event);
      if (refusal) throw new StripeFailure(400, refusal.message, { code: refusal.code });
      if (call.account.usage.isKnown(event.identifier)) {
        throw new StripeFailure(
          400,
          `An event already exists with identifier ${event.identifier}.`,
        );
      }
      call.account.usage.accept(event);
      return {
        object: "v2.billing.meter_event",
        created: new Date(call.account.now()).toISOString(),
        event_name: event.eventName,
        identifier: event.identifier,
        livemode: false,
        payload: event.payload,
        timestamp: new Date(event.timestamp).toISOString(),
      };
    },
  },
  {
    method: "POST",
    path: "/v2/billing/meter_event_stream",
    needsSession: true,
    answer: (call) => {
      const { account, json, idempotencyKey } = call;
      const events = (json as { events?: unknown }).events;
      if (!Array.isArray(events) || events.length === 0)
        throw invalidField("events", "is required");
      if (events.length > EVENTS_PER_REQUEST) {
        throw invalidField("events", `may hold at most ${EVENTS_PER_REQUEST}`);
      }
      for (const event of events.map((item) => readEvent(call, item))) {
        // Nothing is said now: what does not count is reported later, a repeated one not at all.
        if (account.usage.isKnown(event.identifier)) continue;
        const refusal = account.usage.findRefusal(event);
        const accepted = account.usage.accept(event);
        const late = refusal ?? account.lateRefusal?.(accepted) ?? null;
        if (!late) continue;
        accepted.isCancelled = true;
        const meterId = account.usage.meterOf(event.eventName)?.id ?? null;
        account.webhooks.noteError({ ...late, meterId, idempotencyKey, at: account.now() });
      }
      return {};
    },
  },
  {
    method: "GET",
    path: "/v2/core/events/:id",
    answer: ({ account, ids: [id = ""] }) => {
      const event = account.objects.get(id);
      if (event?.object !== "v2.core.event") {
        throw new StripeFailure(404, `No such event: ${id}`, { code: "not_found" });
      }
      return event;
    },
  },
];

const FIELDS = ["event_name", "identifier", "payload", "timestamp"];

function readEvent({ account }: Call, json: unknown): NewEvent {
  if (json === null || typeof json !== "object") throw invalidField("event", "must be an object");
  const fields = json as Record<string, unknown>;
  for (const name of Object.keys(fields)) {
    if (!FIELDS.includes(name)) throw invalidField(name, "is not known");
  }
  const { event_name: eventName, identifier, payload, timestamp } = fields;
  if (typeof eventName !== "string" || eventName.length > 100)
    throw invalidField("event_name", "is required");
  if (identifier !== undefined && (typeof identifier !== "string" || identifier.length > 100)) {
    throw invalidField("identifier", "must be a text of at most 100 characters");
  }
  if (payload === null || typeof payload !== "object") throw invalidField("payload", "is required");
  if (!Object.values(payload).every((value) => typeof value === "string")) {
    throw invalidField("payload", "must hold texts");
  }
  const time = timestamp === undefined ? account.now() : Date.parse(String(timestamp));
  if (Number.isNaN(time)) throw invalidField("timestamp", "must be a time of RFC 3339");
  return {
    eventName,
    identifier: identifier ?? account.newId("mtr_event"),
    payload: payload as Record<string, string>,
    timestamp: Math.floor(time / 1000) * 1000,
  };
}

function invalidField(name: string, problem: string): StripeFailure {
  return new StripeFailure(400, `The field ${name} ${problem}.`, {
    code: "invalid_fields",
    param: name,
  });
}
