import { randomUUID } from "node:crypto";
import { createClient } from "@supabase/supabase-js";
import Stripe from "stripe";
import { afterAll, expect, test, vi } from "vitest";
import { LOCAL_WEBHOOK_SECRET } from "../../../packages/cli/src/stack/stripe-settings.ts";
import {
  addMember,
  type Billed,
  callFunction,
  control,
  countedFor,
  createBilled,
  createUser,
  report,
  spend,
  sql,
  stack,
} from "./arrange.ts";

const WAIT = { timeout: 20_000, interval: 300 };

afterAll(() => sql.end());

/** Seconds since 1970. */
const now = () => Math.floor(Date.now() / 1000);

function eventOf(type: string, object: Record<string, unknown>) {
  return JSON.stringify({
    id: `evt_${randomUUID()}`,
    object: "event",
    type,
    created: now(),
    data: { object },
  });
}

/** Sends a body with a signature that the real SDK makes. */
async function send(body: string, options: { secret?: string; timestamp?: number } = {}) {
  const { secret = LOCAL_WEBHOOK_SECRET, timestamp = now() } = options;
  const signature = await Stripe.webhooks.generateTestHeaderStringAsync({
    payload: body,
    secret,
    timestamp,
  });
  return await post(body, signature);
}

async function post(body: string, signature: string) {
  const response = await fetch(`${stack.FUNCTIONS_URL}/stripe-webhook`, {
    method: "POST",
    headers: { "stripe-signature": signature },
    body,
  });
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
}

const planOf = async ({ organizationId }: Billed) =>
  (await sql`select plan_id from public.organizations where id = ${organizationId}`)[0]?.plan_id;

function subscriptionOf(billed: Billed, changes: Record<string, unknown> = {}) {
  return {
    id: `sub_${billed.customerId}`,
    customer: billed.customerId,
    status: "active",
    start_date: now(),
    items: { data: [{ price: { id: "price_1", lookup_key: "e2e_pro", product: "prod_1" } }] },
    ...changes,
  };
}

test("what is not signed by Stripe, a while ago or a while ahead changes nothing", async () => {
  const billed = await createBilled();
  const body = eventOf("customer.subscription.created", subscriptionOf(billed));
  expect((await send(body, { secret: "whsec_other" })).status).toBe(401);
  expect((await send(body, { timestamp: now() - 301 })).status).toBe(401);
  expect((await send(body, { timestamp: now() + 301 })).status).toBe(401);
  expect((await post(body, "")).status).toBe(401);
  expect((await post(body, "t=1,v1=00")).status).toBe(401);
  const signed = await Stripe.webhooks.generateTestHeaderStringAsync({
    payload: body,
    secret: LOCAL_WEBHOOK_SECRET,
    timestamp: now(),
  });
  expect((await post(body.replace("active", "unpaid"), signed)).status).toBe(401);
  expect((await send("[]")).status).toBe(400);
  const [row] = await sql`
    select stripe_subscription_id from public.billing_customers
    where organization_id = ${billed.organizationId}`;
  expect(row?.stripe_subscription_id).toBeNull();
});

test("a subscription gives a plan; its end reports the last hour at once", async () => {
  const billed = await createBilled();
  await sql`insert into public.billing_plans values ('e2e_pro', 'pro') on conflict do nothing`;
  const created = eventOf("customer.subscription.created", subscriptionOf(billed));
  expect(await send(created)).toMatchObject({ status: 200, answer: { status: "applied" } });
  expect(await send(created)).toMatchObject({ status: 200, answer: { status: "duplicate" } });
  expect(await planOf(billed)).toBe("pro");

  await callFunction("track", billed.apiKey, {
    provider: "openai",
    model: "gpt-4o",
    input_tokens: 400_000,
    output_tokens: 0,
  });
  await sql`select tally.fold(${billed.organizationId})`;
  await report();
  expect(await countedFor(billed)).toEqual([]);
  const over = subscriptionOf(billed, { status: "canceled", ended_at: now() });
  expect(await send(eventOf("customer.subscription.deleted", over))).toMatchObject({ status: 200 });
  await report();
  await vi.waitFor(async () => expect(await countedFor(billed)).toEqual([1_000_000]), WAIT);
});

test("features that are bought open and close gates, however many there are", async () => {
  const billed = await createBilled();
  const user = await createUser();
  await addMember(billed.organizationId, user.id);
  const member = createClient(stack.API_URL, stack.PUBLISHABLE_KEY, {
    global: { headers: { authorization: `Bearer ${user.token}` } },
  });
  const has = async (key: string) => {
    const { data, error } = await member.rpc("has_entitlement", {
      organization_id: billed.organizationId,
      lookup_key: key,
    });
    expect(error).toBeNull();
    return data;
  };
  // Stripe itself tells the webhook.
  const buy = (keys: string[]) =>
    control("entitlements", { customer: billed.customerId, lookup_keys: keys });
  const keys = Array.from({ length: 14 }, (_, index) => `feature_${index}`);
  expect(await has("feature_13")).toBe(false);
  expect(await buy(keys)).toMatchObject({ status: 200 });
  expect([await has("feature_0"), await has("feature_13"), await has("other")]).toEqual([
    true,
    true,
    false,
  ]);
  await buy(["feature_13"]);
  expect([await has("feature_0"), await has("feature_13")]).toEqual([false, true]);
});

test("what Stripe cannot count after all is told by a thin event, and its hour is checked", async () => {
  const billed = await createBilled();
  await spend(billed, "0.5", 3);
  await control("late-refusals", {
    customer: billed.customerId,
    code: "meter_event_customer_not_found",
  });
  await report();
  await vi.waitFor(async () => {
    const [row] = await sql`
      select state from public.billing_reports where organization_id = ${billed.organizationId}`;
    expect(row?.state).toBe("delivered");
  }, WAIT);
  expect(await countedFor(billed)).toEqual([]);
  const { sent } = (await control("error-reports", {})) as { sent: string[] };
  expect(sent.length).toBeGreaterThan(0);
  await vi.waitFor(async () => {
    const [row] = await sql`
      select r.last_error, k.reason
      from public.billing_reports as r
      join tally.billing_checks as k
        on k.organization_id = r.organization_id and k.event_name = r.event_name and k.hour = r.billed_hour
      where r.organization_id = ${billed.organizationId}`;
    expect(row).toMatchObject({ reason: "late errors" });
    expect(row?.last_error).toContain("meter_event_customer_not_found");
  }, WAIT);
  // An hour later, when the sums are in.
  await sql`
    update tally.billing_checks set due_at = now() where organization_id = ${billed.organizationId}`;
  await sql`
    update public.billing_reports
    set attempted_at = attempted_at - interval '2 hours', delivered_at = delivered_at - interval '2 hours'
    where organization_id = ${billed.organizationId}`;
  await report();
  await vi.waitFor(async () => expect(await countedFor(billed)).toEqual([500_000]), WAIT);
});
