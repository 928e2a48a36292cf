import { afterAll, beforeAll, expect, test } from "vitest";
import { limitFetch, limitRate } from "../../../supabase/functions/_tally/billing/limit-rate.ts";
import { openStripe } from "../../../supabase/functions/_tally/billing/open-stripe.ts";
import type { ReportDeps } from "../../../supabase/functions/_tally/billing/report-deps.ts";
import { reportUsage } from "../../../supabase/functions/_tally/billing/report-usage.ts";
import { stripeSink } from "../../../supabase/functions/_tally/billing/stripe-sink.ts";
import { checkBilling } from "./check-billing.ts";
import { DAY, HOUR, METERS, openCustomer, openWorld, use, type World } from "./world.ts";

const BEGAN = Math.floor(Date.now() / HOUR) * HOUR - 20 * DAY;
const CUSTOMERS = 5;
const HOURS = 6;
const PER_SECOND = 60;

let world: World;
beforeAll(async () => {
  world = await openWorld(BEGAN);
});
afterAll(() => world?.close());

test("three runs at once: one call at a time for a customer and meter, and so many a second", async () => {
  for (let customer = 0; customer < CUSTOMERS; customer++) {
    const { organizationId } = await openCustomer(world, BEGAN);
    for (let hour = 0; hour < HOURS; hour++) {
      await use(world, organizationId, BEGAN + hour * HOUR, { input_tokens: 10 + hour });
    }
  }
  world.clock.now += (HOURS + 1) * HOUR;
  const { account } = world.fake;
  // Long enough that calls which may overlap do.
  account.workMs = 20;
  // Making the meters took three, within this second perhaps.
  account.traffic.perSecond = PER_SECOND + METERS.length;
  account.traffic.reset();
  // One instance of the function: its runs share the limit.
  const patient = limitFetch(fetch, limitRate(PER_SECOND));
  const deps: ReportDeps = {
    database: world.database,
    sink: stripeSink(openStripe(world.settings, 10_000, patient)),
    now: () => performance.now(),
    at: () => new Date(world.clock.now).toISOString(),
  };
  const before = world.fake.requests().length;
  const counts = await Promise.all([reportUsage(deps), reportUsage(deps), reportUsage(deps)]);

  const delivered = counts.reduce((sum, count) => sum + count.delivered, 0);
  expect(delivered).toBe(CUSTOMERS * HOURS * METERS.length);
  const statuses = world.fake
    .requests()
    .slice(before)
    .map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect([...account.traffic.peaks.keys()]).toHaveLength(CUSTOMERS * METERS.length);
  expect(new Set(account.traffic.peaks.values())).toEqual(new Set([1]));
  expect(account.traffic.mostAtOnce).toBeGreaterThan(CUSTOMERS);
  expect(account.traffic.busiestSecond).toBeLessThanOrEqual(account.traffic.perSecond);
  await checkBilling(world);
});
