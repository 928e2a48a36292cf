import type { Account } from "./account.ts";
import { FAULT_KINDS, type FaultKind } from "./faults.ts";
import type { Answer } from "./idempotency.ts";

/**
 * What a person or a test asks of the fake itself, as JSON:
 * - `GET /__fake/usage`: the sum of every event name, customer and hour
 * - `GET /__fake/requests`: what was asked
 * - `GET /__fake/traffic`: the busiest second, and the most calls at once, of all and of one customer
 *   and meter
 * - `POST /__fake/customers` `{ id }`: makes a customer with that id
 * - `POST /__fake/faults` `{ kind, path?, times? }`: the next requests go wrong in this way
 * - `POST /__fake/late-refusals` `{ customer, code }`: the next event of a customer is accepted and then
 *   does not count
 * - `POST /__fake/webhook` `{ url, secret }`: where events go
 * - `POST /__fake/events` `{ type, object }`: sends an event of the first version
 * - `POST /__fake/entitlements` `{ customer, lookup_keys }`: what a customer has bought from now on; sends
 *   the event that tells it, with the first ten
 * - `POST /__fake/error-reports`: sends what the asynchronous checks found
 */
export async function answerControl(
  account: Account,
  method: string,
  url: URL,
  body: string,
): Promise<Answer> {
  const values = (body ? JSON.parse(body) : {}) as Record<string, unknown>;
  const text = (name: string) => String(values[name] ?? "");
  switch (`${method} ${url.pathname.slice("/__fake".length)}`) {
    case "GET /usage":
      return { status: 200, body: listUsage(account) };
    case "GET /requests":
      return { status: 200, body: account.log };
    case "GET /traffic":
      return { status: 200, body: showTraffic(account) };
    case "POST /customers":
      account.usage.customers.add(text("id"));
      return { status: 200, body: { id: text("id") } };
    case "POST /faults": {
      const kind = FAULT_KINDS.find((candidate) => candidate === text("kind"));
      if (!kind) return { status: 400, body: { kinds: FAULT_KINDS } };
      account.faults.plan(kind as FaultKind, {
        path: text("path"),
        times: Number(values.times ?? 1),
      });
      return { status: 200, body: {} };
    }
    case "POST /late-refusals":
      refuseNext(account, text("customer"), text("code"));
      return { status: 200, body: {} };
    case "POST /webhook":
      account.webhooks.target = { url: text("url"), secret: text("secret") };
      return { status: 200, body: {} };
    case "POST /events":
      return {
        status: 200,
        body: await account.webhooks.sendSnapshot(text("type"), values.object),
      };
    case "POST /entitlements":
      return { status: 200, body: await entitle(account, text("customer"), values.lookup_keys) };
    case "POST /error-reports":
      return { status: 200, body: { sent: await account.webhooks.sendErrorReports() } };
    default:
      return { status: 404, body: {} };
  }
}

function showTraffic({ traffic: { busiestSecond, mostAtOnce, peaks } }: Account) {
  return {
    busiest_second: busiestSecond,
    most_at_once: mostAtOnce,
    most_at_once_of_one: Math.max(0, ...peaks.values()),
  };
}

function refuseNext(account: Account, customer: string, code: string): void {
  account.lateRefusal = ({ payload }) => {
    if (payload.stripe_customer_id !== customer) return null;
    account.lateRefusal = undefined;
    return { code, message: `The event was accepted and does not count: ${code}` };
  };
}

/** How many entries of a list an event holds. */
const LISTED = 10;

async function entitle(account: Account, customer: string, keys: unknown) {
  const object = "entitlements.active_entitlement";
  for (const old of account.list(object)) {
    if (old.customer === customer) account.objects.delete(old.id);
  }
  const entitlements = (Array.isArray(keys) ? keys : []).map((key) =>
    account.store("ent", object, { customer, lookup_key: String(key), feature: `feat_${key}` }),
  );
  return await account.webhooks.sendSnapshot("entitlements.active_entitlement_summary.updated", {
    object: "entitlements.active_entitlement_summary",
    customer,
    livemode: false,
    entitlements: {
      object: "list",
      has_more: entitlements.length > LISTED,
      data: entitlements.slice(0, LISTED),
      url: `/v1/customer/${customer}/entitlements`,
    },
  });
}

const HOUR_MS = 3_600_000;

function listUsage(account: Account) {
  const rows = new Map<
    string,
    { event_name: string; customer: string; hour: string; value: number }
  >();
  for (const meter of account.usage.meters.values()) {
    for (const event of account.usage.events) {
      if (event.eventName !== meter.eventName || event.isCancelled) continue;
      const customer = event.payload[meter.customerKey] ?? "";
      const start = Math.floor(event.timestamp / HOUR_MS) * HOUR_MS;
      const hour = new Date(start).toISOString();
      const key = `${meter.eventName} ${customer} ${hour}`;
      if (rows.has(key)) continue;
      const value = account.usage.aggregate(meter, customer, start, start + HOUR_MS, Infinity);
      rows.set(key, { event_name: meter.eventName, customer, hour, value });
    }
  }
  return [...rows.values()];
}
