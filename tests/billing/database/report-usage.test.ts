import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { httpSink } from "../../../supabase/functions/_tally/billing/http-sink.ts";
import { reconcileUsage } from "../../../supabase/functions/_tally/billing/reconcile-usage.ts";
import type { ReportDeps } from "../../../supabase/functions/_tally/billing/report-deps.ts";
import { reportUsage } from "../../../supabase/functions/_tally/billing/report-usage.ts";
import { stripeStreamSink } from "../../../supabase/functions/_tally/billing/stripe-stream-sink.ts";
import { checkBilling } from "./check-billing.ts";
import {
  DAY,
  forgetCustomers,
  HOUR,
  MINUTE,
  openCustomer,
  openWorld,
  use,
  type World,
} from "./world.ts";

/** The start of an hour, long enough ago for everything to happen after it. */
const BEGAN = Math.floor(Date.now() / HOUR) * HOUR - 90 * DAY;

let world: World;
let organizationId: string;
let customerId: string;
beforeAll(async () => {
  world = await openWorld(BEGAN);
});
afterAll(() => world?.close());
beforeEach(async () => {
  await forgetCustomers(world, BEGAN);
  ({ organizationId, customerId } = await openCustomer(world, BEGAN));
});

const deps = (changes: Partial<ReportDeps> = {}): ReportDeps => ({
  database: world.database,
  sink: world.sink,
  now: () => performance.now(),
  at: () => new Date(world.clock.now).toISOString(),
  ...changes,
});
const total = (hour: number, meter = "tokens") => world.fake.total(meter, customerId, hour);
const span = (from: number, to: number) => ({
  startsAt: new Date(from).toISOString(),
  endsAt: new Date(to).toISOString(),
});

test("an hour is reported once it is over, and late events later", async () => {
  await use(world, organizationId, BEGAN + MINUTE);
  expect(await reportUsage(deps())).toMatchObject({ hours: 0, delivered: 0 });
  world.clock.now += 2 * HOUR;
  expect(await reportUsage(deps())).toMatchObject({ hours: 1, prepared: 3, delivered: 3 });
  await use(world, organizationId, BEGAN + 2 * MINUTE, { input_tokens: 7 });
  expect(await reportUsage(deps())).toMatchObject({ hours: 1, delivered: 3 });
  expect(await reportUsage(deps())).toMatchObject({ hours: 0, delivered: 0 });
  expect([total(BEGAN), total(BEGAN, "requests"), total(BEGAN, "spend")]).toEqual([1007, 2, 2000]);
  await checkBilling(world);
});

test("a correction after 25 hours, too late to cancel anything, is a negative difference", async () => {
  await use(world, organizationId, BEGAN, {
    model: "corrected",
    cost_usd: undefined,
    input_tokens: 1_000_000,
  });
  const price = async (usd: number, from: number) => {
    await world.sql`select public.set_price('lab', 'corrected', ${`{"input": ${usd}}`}::text::jsonb,
      organization_id => ${organizationId}, valid_from => ${new Date(from).toISOString()})`;
    await world.sql`select public.rerate_usage(jsonb_build_object('organization_id', ${organizationId}::text), 'price')`;
  };
  await price(9, BEGAN - HOUR);
  world.clock.now += 2 * HOUR;
  await reportUsage(deps());
  expect(total(BEGAN, "spend")).toBe(9_000_000);
  world.clock.now += 25 * HOUR;
  await price(4, BEGAN - MINUTE);
  await reportUsage(deps());
  expect(total(BEGAN, "spend")).toBe(4_000_000);
  const values = await world.sql`
    select value::int from public.billing_reports where event_name = 'spend' order by seq`;
  expect(values.map(({ value }) => value)).toEqual([9_000_000, -5_000_000]);
  await checkBilling(world);
});

test("what is older than 35 days is billed in the current hour, with a note", async () => {
  await use(world, organizationId, BEGAN);
  world.clock.now += 40 * DAY;
  await reportUsage(deps());
  expect(total(BEGAN)).toBe(0);
  expect(total(world.clock.now)).toBe(1000);
  const [row] = await world.sql`select distinct note from public.billing_reports`;
  expect(row?.note).toMatch(/^Billed later: .* is too long ago to be reported\.$/);
  await checkBilling(world);
});

test("a timeout after it was counted, and a day of silence: the sums decide", async () => {
  await use(world, organizationId, BEGAN);
  world.clock.now += 2 * HOUR;
  let posts = 0;
  // Of the three, one is counted and one is not; nobody says which.
  world.fake.account.faults.hook = ({ method }) =>
    method === "POST" ? (["timeout_after", "timeout_before"] as const)[posts++] : undefined;
  expect(await reportUsage(deps())).toMatchObject({ delivered: 1, postponed: 2 });
  world.fake.account.faults.clear();
  world.clock.now += 25 * HOUR;
  expect(await reportUsage(deps())).toMatchObject({ checked: 2, delivered: 1 });
  const kinds = await world.sql`
    select kind, count(*)::int as count from public.billing_reports group by kind order by kind`;
  expect(kinds.map((row) => ({ ...row }))).toEqual([
    { kind: "repair", count: 1 },
    { kind: "usage", count: 3 },
  ]);
  expect([total(BEGAN), total(BEGAN, "requests"), total(BEGAN, "spend")]).toEqual([1000, 1, 1000]);
  await checkBilling(world);
});

test("an event that Stripe lost is found by reconciliation and sent once", async () => {
  await use(world, organizationId, BEGAN);
  await use(world, organizationId, BEGAN + HOUR);
  world.clock.now += 3 * HOUR;
  await reportUsage(deps());
  const lost = world.fake.account.usage.events.find(
    ({ eventName, payload }) => eventName === "tokens" && payload.stripe_customer_id === customerId,
  );
  if (lost) lost.isCancelled = true;
  const request = { ...span(BEGAN, BEGAN + 3 * HOUR), organizationId };
  const drifts = async (repair: boolean) =>
    (await reconcileUsage({ ...request, repair }, deps())).map(({ drift, repaired }) => [
      drift,
      repaired,
    ]);
  world.clock.now += 2 * HOUR;
  expect(await drifts(false)).toEqual([
    [0, 0],
    [0, 0],
    [1000, 0],
  ]);
  const shown = await world.sql`
    select event_name, drift::int from public.stripe_drift(${organizationId}, ${request.startsAt}, ${request.endsAt})`;
  expect(shown.map((row) => ({ ...row }))).toEqual([{ event_name: "tokens", drift: 1000 }]);
  expect(await drifts(true)).toEqual([
    [0, 0],
    [0, 0],
    [1000, 1000],
  ]);
  expect(await drifts(true)).toEqual([
    [0, 0],
    [0, 0],
    [0, 0],
  ]);
  await reportUsage(deps());
  world.clock.now += 12 * HOUR;
  expect(await drifts(true)).toEqual([
    [0, 0],
    [0, 0],
    [0, 0],
  ]);
  expect(total(BEGAN)).toBe(1000);
  await checkBilling(world);
});

test("a wrong clock sends nothing", async () => {
  await use(world, organizationId, BEGAN);
  const at = () => new Date(world.clock.now + 3 * HOUR).toISOString();
  await expect(reportUsage(deps({ at }))).rejects.toMatchObject({
    code: "PT503",
    message: "The database's clock is 10800 seconds ahead of the sink's.",
  });
  expect(total(BEGAN)).toBe(0);
});

test("the stream takes the same reports, a hundred at a time", async () => {
  const sink = stripeStreamSink(world.settings, () => world.clock.now);
  for (let hour = 0; hour < 40; hour++) await use(world, organizationId, BEGAN + hour * HOUR);
  world.clock.now += 50 * HOUR;
  const before = world.fake.requests().length;
  expect(await reportUsage(deps({ sink }))).toMatchObject({ hours: 40, delivered: 120 });
  const paths = world.fake
    .requests()
    .slice(before)
    .map(({ path }) => path);
  expect(paths.filter((path) => path.endsWith("stream"))).toHaveLength(2);
  await checkBilling(world);
});

test("another kind of sink is a file: CloudEvents, each one once", async () => {
  const counted = new Map<string, number>();
  let requests = 0;
  const fetch: typeof globalThis.fetch = async (_url, request) => {
    const events = JSON.parse(String(request?.body)) as {
      id: string;
      type: string;
      data: { value: string };
    }[];
    for (const { id, data } of events) counted.set(id, Number(data.value));
    requests += 1;
    // Counted, and then the connection breaks.
    if (requests === 1) throw new TypeError("fetch failed");
    return new Response(null, { status: 204 });
  };
  const sink = httpSink("cloudevents", { url: "https://meters.example.com", token: null }, fetch);
  await use(world, organizationId, BEGAN);
  world.clock.now += 2 * HOUR;
  expect(await reportUsage(deps({ sink }))).toMatchObject({ delivered: 0, postponed: 3 });
  world.clock.now += 2 * DAY;
  expect(await reportUsage(deps({ sink }))).toMatchObject({ delivered: 3, checked: 0 });
  expect([...counted.values()].sort((a, b) => a - b)).toEqual([1, 1000, 1000]);
});
