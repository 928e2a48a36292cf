import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { reconcileUsage } from "../../../supabase/functions/_tally/billing/reconcile-usage.ts";
import type { ReportDeps } from "../../../supabase/functions/_tally/billing/report-deps.ts";
import { reportUsage } from "../../../supabase/functions/_tally/billing/report-usage.ts";
import { checkBilling } from "./check-billing.ts";
import {
  DAY,
  forgetCustomers,
  HOUR,
  MINUTE,
  openCustomer,
  openCustomerId,
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

test("a customer that Stripe does not know is refused, told, and billed once it is known", async () => {
  await use(world, organizationId, BEGAN);
  world.fake.account.usage.customers.delete(customerId);
  world.clock.now += 2 * HOUR;
  expect(await reportUsage(deps())).toMatchObject({ refused: 3 });
  const [row] = await world.sql`select distinct last_error from public.billing_reports`;
  expect(row?.last_error).toContain(`No such customer: '${customerId}'`);
  await world.sql`select public.set_billing_customer(${organizationId}, ${`${customerId}_new`})`;
  customerId = `${customerId}_new`;
  world.fake.account.usage.customers.add(customerId);
  world.clock.now += 6 * HOUR;
  expect(await reportUsage(deps())).toMatchObject({ delivered: 3 });
  await checkBilling(world);
});

test("an organization that is billed as another customer: the former one keeps what was sent to it", async () => {
  await use(world, organizationId, BEGAN);
  await use(world, organizationId, BEGAN + HOUR);
  world.clock.now += 90 * MINUTE;
  await reportUsage(deps());
  const former = customerId;
  customerId = openCustomerId(world);
  await world.sql`select public.set_billing_customer(${organizationId}, ${customerId})`;
  world.clock.now += 3 * HOUR;
  await reportUsage(deps());
  // Of what the former one was sent, something is lost.
  const lost = world.fake.account.usage.events.find(
    ({ eventName, payload }) => eventName === "tokens" && payload.stripe_customer_id === former,
  );
  if (lost) lost.isCancelled = true;
  world.clock.now += 2 * HOUR;
  const runs = await reconcileUsage({ ...span(BEGAN, BEGAN + 5 * HOUR), repair: true }, deps());
  expect(runs.map(({ drift, repaired }) => [drift, repaired]).filter(([drift]) => drift)).toEqual([
    [1000, 1000],
  ]);
  await reportUsage(deps());
  expect(world.fake.total("tokens", former, BEGAN)).toBe(1000);
  expect([total(BEGAN), total(BEGAN + HOUR)]).toEqual([0, 1000]);
  await checkBilling(world);
});

test("a customer that Stripe has no sums of is named, and the others are compared", async () => {
  const other = await openCustomer(world, BEGAN);
  for (const id of [organizationId, other.organizationId]) await use(world, id, BEGAN);
  world.clock.now += 2 * HOUR;
  await reportUsage(deps());
  world.fake.account.usage.customers.delete(customerId);
  const runs = await reconcileUsage({ ...span(BEGAN, BEGAN + HOUR), repair: true }, deps());
  const errors = (id: string) =>
    new Set(runs.filter((run) => run.organization_id === id).map(({ error }) => error));
  expect(errors(organizationId)).toEqual(
    new Set([`HTTP 400: resource_missing: No such customer: '${customerId}'`]),
  );
  expect(errors(other.organizationId)).toEqual(new Set([undefined]));
  expect(runs).toHaveLength(6);
});
