import { afterEach, beforeEach, expect, test } from "vitest";
import { completeEvent } from "../../supabase/functions/_tally/billing/complete-event.ts";
import { readMeterErrors } from "../../supabase/functions/_tally/billing/read-meter-errors.ts";
import { stripeStreamSink } from "../../supabase/functions/_tally/billing/stripe-stream-sink.ts";
import { type Fake, reportOf, startFake } from "./fixtures.ts";

let world: Fake;
beforeEach(async () => {
  world = await startFake();
});
afterEach(() => world.fake.close());

const keysOf = (count: number) => Array.from({ length: count }, (_, index) => `feature_${index}`);

/** The event that Stripe sends when a customer has bought features. */
async function entitle(count: number) {
  const response = await fetch(`${world.fake.url}/__fake/entitlements`, {
    method: "POST",
    body: JSON.stringify({ customer: "cus_1", lookup_keys: keysOf(count) }),
  });
  const { body } = (await response.json()) as { body: string };
  return JSON.parse(body) as Record<string, unknown>;
}

function listedIn(event: Record<string, unknown>): unknown[] {
  const { object } = event.data as {
    object: { entitlements: { data: { lookup_key: string }[] } };
  };
  return object.entitlements.data.map(({ lookup_key }) => lookup_key);
}

test("features beyond those that the event lists are fetched", async () => {
  const event = await entitle(130);
  expect(listedIn(event)).toHaveLength(10);
  expect(listedIn(await completeEvent(event, () => world.stripe))).toEqual(keysOf(130));
});

test("items of a subscription beyond those that the event lists are fetched, unless it is over", async () => {
  const items = Array.from({ length: 12 }, (_, index) =>
    world.fake.account.store("si", "subscription_item", {
      subscription: "sub_1",
      price: { lookup_key: `price_${index}` },
    }),
  );
  const list = { object: "list", has_more: true, data: items.slice(0, 10) };
  const event = (type: string) => ({
    type,
    data: { object: { id: "sub_1", customer: "cus_1", status: "active", items: list } },
  });
  const whole = await completeEvent(event("customer.subscription.updated"), () => world.stripe);
  expect(whole).toMatchObject({ data: { object: { status: "active", items: { data: items } } } });
  const over = event("customer.subscription.deleted");
  expect(await completeEvent(over, () => world.stripe)).toBe(over);
});

test("an event that is whole asks nothing", async () => {
  const nobody = () => {
    throw new Error("asked");
  };
  const event = await entitle(10);
  expect(await completeEvent(event, nobody)).toBe(event);
  const other = { type: "invoice.paid", data: { object: { customer: "cus_1" } } };
  expect(await completeEvent(other, nobody)).toBe(other);
});

test("what the stream could not count, with and without a meter, is read from the fetched events", async () => {
  const sink = stripeStreamSink(world.settings, () => world.clock.now);
  await sink.send([
    reportOf({ identifier: "tally_a", eventName: "no_such_meter" }),
    reportOf({ identifier: "tally_b", customerId: "cus_nobody" }),
  ]);
  const bodies = await world.fake.account.webhooks.sendErrorReports();
  const errors = await Promise.all(
    bodies.map(async (body) => {
      const { id } = JSON.parse(body) as { id: string };
      return readMeterErrors(await world.stripe.v2.core.events.retrieve(id));
    }),
  );
  expect(errors.map(({ meterId, samples }) => [meterId, samples.map(({ code }) => code)])).toEqual([
    [null, ["no_meter"]],
    [world.meterId, ["meter_event_customer_not_found"]],
  ]);
  for (const { startsAt, endsAt } of errors) {
    expect(Date.parse(startsAt)).toBeLessThan(Date.parse(endsAt));
  }
  await expect(async () =>
    readMeterErrors({ type: "v1.billing.meter.other" } as never),
  ).rejects.toThrow(/no error report/);
});
