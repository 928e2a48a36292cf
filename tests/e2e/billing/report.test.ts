import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createClient } from "@supabase/supabase-js";
import { afterAll, expect, test, vi } from "vitest";
import {
  addMember,
  callFunction,
  control,
  countedFor,
  createBilled,
  createUser,
  HOUR,
  METER,
  report,
  spend,
  sql,
  stack,
} from "./arrange.ts";

const MAIN = fileURLToPath(new URL("../../../packages/cli/src/main.ts", import.meta.url));
const WAIT = { timeout: 20_000, interval: 300 };

afterAll(() => sql.end());

/** `tallybase stripe …` on the running stack: what it wrote and its exit code. */
async function tallybase(...args: string[]): Promise<{ code: number; output: string }> {
  const env = {
    ...process.env,
    SUPABASE_URL: stack.API_URL,
    SUPABASE_SECRET_KEY: stack.SECRET_KEY,
    STRIPE_SECRET_KEY: "sk_test_local",
    TALLY_STRIPE_API_URL: stack.FAKE_STRIPE_URL,
  };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, "stripe", ...args], {
      env,
    });
    return { code: 0, output: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

/** How many meters and prices Stripe was asked to make or change. */
async function writes(): Promise<number> {
  const requests = (await control("requests")) as { method: string; path: string }[];
  return requests.filter(
    ({ method, path }) => method === "POST" && /^\/v1\/(billing\/meters|prices)/.test(path),
  ).length;
}

test("usage of closed hours reaches Stripe once, however many report", async () => {
  const billed = await createBilled();
  await spend(billed, "0.0000015", 5);
  await spend(billed, "0.25", 3);
  const answers = await Promise.all(Array.from({ length: 6 }, () => report()));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  await vi.waitFor(async () => expect(await countedFor(billed)).toEqual([1, 250_000]), WAIT);

  await spend(billed, "0.0000005", 3);
  await report();
  await vi.waitFor(async () => expect(await countedFor(billed)).toEqual([1, 250_001]), WAIT);
});

test("a 500 after the event was counted counts it once", async () => {
  const billed = await createBilled();
  await spend(billed, "0.5", 4);
  await control("faults", { kind: "error_after", path: "meter_events" });
  await vi.waitFor(async () => {
    await report();
    const [row] = await sql`
      select attempts from public.billing_reports
      where organization_id = ${billed.organizationId} and state = 'delivered'`;
    expect(row?.attempts).toBeGreaterThan(0);
  }, WAIT);
  expect(await countedFor(billed)).toEqual([500_000]);
});

test("nobody asks: the scheduler of the stack reports within a minute", async () => {
  const billed = await createBilled();
  await spend(billed, "0.125", 7);
  await sql`select public.mirror_credit(${billed.organizationId})`;
  await sql`select public.grant_credit(${billed.organizationId}, 3)`;
  await vi.waitFor(async () => expect(await countedFor(billed)).toEqual([125_000]), {
    timeout: 80_000,
    interval: 1_000,
  });
  // What was granted here is granted there by the same runs.
  await vi.waitFor(
    async () => {
      const response = await fetch(
        `${stack.FAKE_STRIPE_URL}/v1/billing/credit_grants?customer=${billed.customerId}`,
        { headers: { authorization: "Bearer sk_test_x" } },
      );
      const { data } = (await response.json()) as { data: { amount: unknown }[] };
      expect(data.map(({ amount }) => amount)).toEqual([
        { type: "monetary", monetary: { currency: "usd", value: 300 } },
      ]);
    },
    { timeout: 80_000, interval: 1_000 },
  );
}, 180_000);

test("only the secret key reports; members read what was", async () => {
  const billed = await createBilled();
  await spend(billed, "0.5", 4);
  const user = await createUser();
  await addMember(billed.organizationId, user.id);
  expect((await callFunction("stripe-report", user.token, {})).status).toBe(403);
  expect((await callFunction("stripe-report", billed.apiKey, {})).status).toBe(403);
  expect((await fetch(`${stack.FUNCTIONS_URL}/stripe-report`, { method: "POST" })).status).toBe(
    401,
  );
  // As pg_net sends it.
  expect((await report({})).status).toBe(200);
  const wrong = await report({
    reconcile: { starts_at: "2026-01-01T00:30:00Z", ends_at: "2026-01-02T00:00:00Z" },
  });
  expect([wrong.status, await wrong.json()]).toMatchObject([
    400,
    { code: "PT400", details: "reconcile.starts_at" },
  ]);

  await report();
  const member = createClient(stack.API_URL, stack.PUBLISHABLE_KEY, {
    global: { headers: { authorization: `Bearer ${user.token}` } },
  });
  await vi.waitFor(async () => {
    const { data } = await member.from("billing_reports").select("value, state");
    expect(data).toEqual([{ value: 500_000, state: "delivered" }]);
  }, WAIT);
  await member.from("billing_reports").update({ value: 0 }).gte("seq", 0);
  expect((await member.from("billing_reports").select("value")).data).toEqual([{ value: 500_000 }]);
});

test("a database that cannot call functions by itself says what it lacks", async () => {
  const operator = createClient(stack.API_URL, stack.SECRET_KEY);
  const { status, error } = await operator.rpc("schedule_functions", {
    functions_url: stack.FUNCTIONS_URL,
    secret_key: stack.SECRET_KEY,
  });
  expect([status, error?.code, error?.message]).toEqual([
    503,
    "PT503",
    "This database cannot call functions by itself: it lacks pg_cron, pg_net, supabase_vault.",
  ]);
});

test("the command line sets up, reports, compares and shows drift", async () => {
  const billed = await createBilled();
  await spend(billed, "0.75", 6);
  const before = await writes();
  const dry = await tallybase("setup", "--dry-run", "--json", "--metric", "units=0.5");
  expect([dry.code, JSON.parse(dry.output)]).toMatchObject([
    0,
    [{ eventName: "tallybase_units", meter: "missing", price: "missing" }],
  ]);
  const setup = await tallybase("setup", "--json");
  expect(JSON.parse(setup.output)).toMatchObject([
    { eventName: METER, meter: "found", price: "found" },
  ]);
  expect(await writes()).toBe(before);
  expect(
    (await sql`select from public.billing_meters where event_name = 'tallybase_units'`).length,
  ).toBe(0);
  const reported = await tallybase("report", "--json");
  expect(reported.code).toBe(0);
  expect(Object.keys(JSON.parse(reported.output))).toContain("delivered");
  await vi.waitFor(async () => expect(await countedFor(billed)).toEqual([750_000]), WAIT);

  const organization = ["--organization", billed.organizationId];
  const compared = await tallybase("reconcile", "--json", ...organization);
  expect(compared.code).toBe(0);
  expect(JSON.parse(compared.output)).toMatchObject([{ event_name: METER, hours: 1, drift: 0 }]);

  // Somebody else counts for the same customer.
  await fetch(`${stack.FAKE_STRIPE_URL}/v1/billing/meter_events`, {
    method: "POST",
    headers: {
      authorization: "Bearer sk_test_x",
      "content-type": "application/x-www-form-urlencoded",
    },
    body: new URLSearchParams({
      event_name: METER,
      "payload[stripe_customer_id]": billed.customerId,
      "payload[value]": "11",
      timestamp: String(Math.floor((Date.now() - 2 * HOUR) / 1000)),
    }),
  });
  expect((await tallybase("reconcile", ...organization)).code).toBe(1);
  const drift = await tallybase("drift", "--json", ...organization);
  expect([drift.code, JSON.parse(drift.output)]).toMatchObject([
    1,
    [{ counted: 11, delivered: 0, drift: -11 }],
  ]);
  expect((await tallybase("reconcile", "--repair", ...organization)).code).toBe(0);
  await report();
  await vi.waitFor(async () => expect(await countedFor(billed)).toEqual([750_000, 0]), WAIT);
  expect((await tallybase("reconcile", ...organization)).code).toBe(0);
  const all = JSON.parse((await tallybase("reconcile", "--json")).output);
  expect(all.map((run: { organization_id: string }) => run.organization_id)).toContain(
    billed.organizationId,
  );
});
