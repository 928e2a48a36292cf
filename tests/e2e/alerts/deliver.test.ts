import { createClient } from "@supabase/supabase-js";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Receiver, startReceiver } from "../../alerts/support.ts";
import {
  callFunction,
  createTenant,
  crossThresholds,
  deliveriesOf,
  dispatch,
  skipWait,
  sql,
  stack,
  type Tenant,
} from "./arrange.ts";

let tenant: Tenant;
let receiver: Receiver;
let isBroken: boolean;

beforeEach(async () => {
  isBroken = false;
  tenant = await createTenant();
  receiver = await startReceiver(() => (isBroken ? 500 : 204));
});
afterEach(() => receiver.close());
afterAll(() => sql.end());

/** The API as the organization's admin. */
function asAdmin() {
  return createClient(stack.API_URL, stack.PUBLISHABLE_KEY, {
    global: { headers: { authorization: `Bearer ${tenant.adminToken}` } },
  });
}

/** The stack's own scheduler may have a hand in it, so what was begun may end a moment later. */
async function expectDeliveries(states: Record<string, number>): Promise<void> {
  await vi.waitFor(async () => expect(await deliveriesOf(tenant.organizationId)).toEqual(states));
}

async function addChannel(kind: string): Promise<{ id: string; secret?: string }> {
  const { data, error } = await asAdmin().rpc("set_alert_channel", {
    organization_id: tenant.organizationId,
    kind,
    target: `${receiver.url}/${kind}/of-acme`,
  });
  expect(error).toBeNull();
  return data;
}

test("each crossing reaches a webhook and Slack once, however many schedulers call", async () => {
  const { secret = "" } = await addChannel("webhook");
  await addChannel("slack");
  await crossThresholds(tenant);

  const counts = await Promise.all(Array.from({ length: 8 }, () => dispatch()));

  expect(Object.keys(counts[0] ?? {}).sort()).toEqual(["claimed", "dead", "delivered", "failed"]);
  await expectDeliveries({ delivered: 6 });
  const to = (kind: string) => receiver.received.filter(({ path }) => path === `/${kind}/of-acme`);
  const verified = to("webhook").map(({ body, headers }) =>
    new Webhook(secret).verify(body, headers as Record<string, string>),
  ) as {
    type: string;
    data: { threshold: number; organization_id: string; quota_limit: number };
  }[];
  expect(verified.map(({ data }) => data.threshold).sort((a, b) => a - b)).toEqual([75, 90, 100]);
  expect(verified[0]).toMatchObject({
    type: "alert.threshold",
    data: { organization_id: tenant.organizationId, quota_limit: 1, metric: "requests" },
  });
  expect(
    to("slack")
      .map(({ body }) => JSON.parse(body).text.split("\n")[0])
      .sort(),
  ).toEqual([
    ":large_orange_circle: *Functions under test: 90% of the daily request limit is used*",
    ":large_yellow_circle: *Functions under test: 75% of the daily request limit is used*",
    ":red_circle: *Functions under test: the daily request limit is used up*",
  ]);
});

test("a receiver that was down gets the same message later", async () => {
  const { id, secret = "" } = await addChannel("webhook");
  await asAdmin().rpc("set_alert_channel", {
    organization_id: tenant.organizationId,
    kind: "webhook",
    target: `${receiver.url}/webhook/of-acme`,
    levels: ["exceeded"],
  });
  isBroken = true;
  await crossThresholds(tenant);
  await dispatch();
  await expectDeliveries({ pending: 1 });

  isBroken = false;
  const rotated = await asAdmin().rpc("rotate_alert_secret", { channel_id: id });
  await skipWait(tenant.organizationId);
  await dispatch();

  await expectDeliveries({ delivered: 1 });
  const [first, second] = receiver.received;
  expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
  expect(second?.body).toBe(first?.body);
  // A receiver that has not changed its secret yet still knows the sender.
  for (const known of [secret, rotated.data.secret]) {
    new Webhook(known).verify(second?.body ?? "", second?.headers as Record<string, string>);
  }
});

test("what stays undeliverable is listed for members and sent again by an admin", async () => {
  await addChannel("slack");
  isBroken = true;
  await crossThresholds(tenant);
  await vi.waitFor(async () => {
    await skipWait(tenant.organizationId);
    await sql`
      update tally.alert_deliveries set attempts = 7
      where organization_id = ${tenant.organizationId} and state = 'pending'`;
    await dispatch();
    await expectDeliveries({ dead: 3 });
  });

  const { data: dead } = await asAdmin().from("dead_alerts").select();
  expect(dead).toHaveLength(3);
  expect(dead?.[0]).toMatchObject({
    organization_id: tenant.organizationId,
    channel_kind: "slack",
    target: `${receiver.url}/…acme`,
    attempts: 8,
    last_error: "The receiver answered HTTP 500.",
  });

  isBroken = false;
  for (const { delivery_id } of dead ?? []) {
    const { data } = await asAdmin().rpc("retry_alert", { delivery_id });
    expect(data).toEqual({ id: delivery_id, state: "pending" });
  }
  await dispatch();
  await expectDeliveries({ delivered: 3 });
  expect((await asAdmin().from("dead_alerts").select()).data).toEqual([]);
});

test("a target inside a private network is refused when it is set and when it is sent to", async () => {
  const { data, error } = await asAdmin().rpc("set_alert_channel", {
    organization_id: tenant.organizationId,
    kind: "webhook",
    target: "https://169.254.169.254/latest/meta-data",
  });
  expect({ data, code: error?.code }).toEqual({ data: null, code: "PT400" });

  await addChannel("webhook");
  // As if a target had been accepted that now leads into the operator's network.
  await sql`
    update tally.alert_addresses
    set address = ${receiver.url.replace("http://127.0.0.1", "https://127.0.0.2")}
    where organization_id = ${tenant.organizationId}`;
  await crossThresholds(tenant);
  await dispatch();

  await vi.waitFor(async () => {
    const errors = await sql`
      select distinct last_error from tally.alert_deliveries
      where organization_id = ${tenant.organizationId}`;
    expect(errors).toEqual([{ last_error: "The host of the target is inside a private network." }]);
  });
  expect(receiver.received).toEqual([]);
});

test("only the secret key sends alerts", async () => {
  const codeFor = async (credential: string | null) =>
    ((await (await callFunction("alerts", credential, {})).json()) as { code: string }).code;

  expect(await codeFor(null)).toBe("PT401");
  expect(await codeFor(tenant.apiKey)).toBe("PT403");
  expect(await codeFor(tenant.adminToken)).toBe("PT403");
});
