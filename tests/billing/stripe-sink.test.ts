import type { FaultKind } from "@tallybase/fake-stripe";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStripe } from "../../supabase/functions/_tally/billing/open-stripe.ts";
import { stripeSink } from "../../supabase/functions/_tally/billing/stripe-sink.ts";
import { type Fake, HOUR, NOON, reportOf, startFake } from "./fixtures.ts";

let world: Fake;
let sink: ReturnType<typeof stripeSink>;
beforeEach(async () => {
  world = await startFake();
  sink = stripeSink(world.stripe);
});
afterEach(() => world.fake.close());

const send = async (changes?: Parameters<typeof reportOf>[0]) =>
  (await sink.send([reportOf(changes)]))[0];

test("a report is counted at its time, a second attempt not again", async () => {
  expect(await send()).toEqual({ outcome: "delivered" });
  expect(await send({ idempotencyKey: "tally_1:r2" })).toEqual({ outcome: "delivered" });
  expect(world.total()).toBe(5);
});

test.each<[FaultKind, string, number]>([
  ["rate_limit", "retry", 0],
  ["error_before", "unknown_stored", 0],
  ["error_after", "unknown_stored", 5],
  ["timeout_before", "unknown", 0],
  ["timeout_after", "unknown", 5],
  ["slow_body", "unknown", 5],
])("%s is %s", async (kind, outcome, counted) => {
  world.fake.account.faults.plan(kind);
  expect(await send()).toMatchObject({ outcome });
  expect(world.total()).toBe(counted);
  expect(await send({ idempotencyKey: "tally_1:r2" })).toEqual({ outcome: "delivered" });
  expect(world.total()).toBe(5);
});

test.each<FaultKind>(["reset_before", "reset_after"])("%s is unknown", async (kind) => {
  // The SDK asks once more when a connection is closed on it.
  world.fake.account.faults.plan(kind, { times: 2 });
  expect(await send()).toMatchObject({ outcome: "unknown" });
});

test("the same key for something else is tried again under another", async () => {
  await send();
  const outcome = await send({ identifier: "tally_2", idempotencyKey: "tally_1" });
  expect(outcome).toMatchObject({ outcome: "unknown_stored" });
});

test("what Stripe does not take is refused with its reason", async () => {
  expect(await send({ customerId: "cus_nobody" })).toEqual({
    outcome: "refused",
    error: "HTTP 400: meter_event_customer_not_found: No such customer: 'cus_nobody'",
  });
  const old = new Date(NOON - 36 * 24 * HOUR).toISOString();
  expect(await send({ eventAt: old })).toMatchObject({ outcome: "refused" });
  const stranger = stripeSink(openStripe({ ...world.settings, apiKey: "pk_test_x" }, 1_000));
  // No words of Stripe: they can hold a part of the key.
  expect(await stranger.send([reportOf()])).toEqual([{ outcome: "refused", error: "HTTP 401" }]);
  expect(world.total()).toBe(0);
});

test("two at once for one customer: the one told to wait is tried again", async () => {
  world.fake.account.workMs = 50;
  const outcomes = await sink.send([reportOf(), reportOf({ identifier: "tally_2" })]);
  expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(["delivered", "retry"]);
});

test("sums are read hour by hour, over pages", async () => {
  for (let hour = 0; hour < 130; hour++) {
    const eventAt = new Date(NOON - hour * HOUR).toISOString();
    await send({ identifier: `tally_${hour}`, value: String(hour + 1), eventAt });
  }
  const sums = await sink.sumHours?.({
    customerId: "cus_1",
    meterId: world.meterId,
    startsAt: new Date(NOON - 200 * HOUR).toISOString(),
    endsAt: new Date(NOON + HOUR).toISOString(),
  });
  expect(sums).toHaveLength(130);
  expect(sums?.at(-1)).toEqual({ hour: new Date(NOON).toISOString(), value: "1" });
  expect(await sink.readClock?.()).toBe(NOON);
});
