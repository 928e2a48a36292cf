import { afterAll, beforeAll, expect, test } from "vitest";
import { mirrorCredit } from "../../../supabase/functions/_tally/billing/mirror-credit.ts";
import { openStripe } from "../../../supabase/functions/_tally/billing/open-stripe.ts";
import { DAY, HOUR, MINUTE, openCustomer, openWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld(Date.now());
});
afterAll(() => world?.close());

const mirror = () =>
  mirrorCredit({
    database: world.database,
    stripe: openStripe(world.settings, 1_000),
    at: () => new Date(world.clock.now).toISOString(),
  });
const grants = (customerId: string) =>
  world.fake.account
    .list("billing.credit_grant")
    .filter(({ customer }) => customer === customerId)
    .map(({ amount, category, priority, expires_at }) => ({
      amount,
      category,
      priority,
      expires_at,
    }));

test("credit granted here is granted in Stripe, once, whatever happens to the answer", async () => {
  const { organizationId, customerId } = await openCustomer(world, world.clock.now - DAY);
  await world.sql`select public.grant_credit(${organizationId}, 5)`;
  await world.sql`select public.mirror_credit(${organizationId})`;
  expect(await mirror()).toBe(0);

  const expiresAt = new Date(Math.floor((world.clock.now + 30 * DAY) / 1000) * 1000);
  await world.sql`select public.grant_credit(${organizationId}, 12.345, 'promotional', 3, ${expiresAt.toISOString()})`;
  world.fake.account.faults.plan("error_after", { path: "credit_grants" });
  world.clock.now += MINUTE;
  expect(await mirror()).toBe(0);
  expect(await mirror()).toBe(0);
  world.clock.now += HOUR;
  expect(await mirror()).toBe(1);
  world.clock.now += HOUR;
  expect(await mirror()).toBe(0);
  expect(grants(customerId)).toEqual([
    {
      amount: { type: "monetary", monetary: { currency: "usd", value: 1234 } },
      category: "promotional",
      priority: 3,
      expires_at: expiresAt.getTime() / 1000,
    },
  ]);
});

test("where it is not wanted nothing is granted", async () => {
  const { organizationId, customerId } = await openCustomer(world, world.clock.now - DAY);
  await world.sql`select public.mirror_credit(${organizationId})`;
  await world.sql`select public.mirror_credit(${organizationId}, false)`;
  await world.sql`select public.grant_credit(${organizationId}, 7)`;
  world.clock.now += HOUR;
  await mirror();
  expect(grants(customerId)).toEqual([]);
});
