import { afterEach, beforeEach, expect, test } from "vitest";
import { arrange, connect, errorOf, HOUR, NOON } from "./support.ts";

let world: Awaited<ReturnType<typeof arrange>>;
beforeEach(async () => {
  world = await arrange();
});
afterEach(() => world.fake.close());

const total = () => world.fake.total("spend", world.customer.id, NOON);

test("events add up by customer and hour", async () => {
  const { stripe, event } = world;
  await stripe.billing.meterEvents.create(event("a", "25"));
  await stripe.billing.meterEvents.create(event("b", "-5"));
  await stripe.billing.meterEvents.create(event("c", "7", NOON - HOUR));
  expect(total()).toBe(20);
});

test("parameters are held against the schema", async () => {
  const { stripe, event, fake } = world;
  const send = (changes: object) =>
    errorOf(stripe.billing.meterEvents.create({ ...event("a", "1"), ...changes }));
  expect(await send({ quantity: 1 })).toContain("parameter_unknown");
  expect(await send({ event_name: undefined })).toContain("parameter_missing");
  expect(await send({ identifier: "x".repeat(101) })).toContain("at most 100 characters");
  expect(await send({ event_name: "nothing" })).toContain("no_meter");
  expect(await send({ payload: { stripe_customer_id: "cus_x", value: "1" } })).toContain(
    "No such customer",
  );
  expect(
    await send({ payload: { stripe_customer_id: world.customer.id, value: "1.5" } }),
  ).toContain("whole number");
  expect(
    await send({ payload: { stripe_customer_id: world.customer.id, value: "1234567890123456" } }),
  ).toContain("can have at most 15 digits. Received 1234567890123456.");
  const json = await fetch(`${fake.url}/v1/billing/meter_events`, {
    method: "POST",
    headers: { authorization: "Bearer sk_test_x", "content-type": "application/json" },
    body: JSON.stringify(event("a", "1")),
  });
  expect(json.status).toBe(400);
  expect(await errorOf(connect(fake, "pk_test_x").billing.meters.list())).toContain("401");
  expect(total()).toBe(0);
});

test("usage records are gone, as at Stripe", async () => {
  const response = await fetch(`${world.fake.url}/v1/subscription_items/si_1/usage_records`, {
    method: "POST",
    headers: { authorization: "Bearer sk_test_x" },
  });
  expect(response.status).toBe(404);
  expect(Object.keys(world.stripe.subscriptionItems)).not.toContain("createUsageRecord");
});

test("times reach 35 days back and 5 minutes ahead", async () => {
  const { stripe, event } = world;
  const day = 24 * HOUR;
  await stripe.billing.meterEvents.create(event("old", "1", NOON - 35 * day));
  await stripe.billing.meterEvents.create(event("new", "1", NOON + 300_000));
  expect(
    await errorOf(stripe.billing.meterEvents.create(event("older", "1", NOON - 35 * day - 1000))),
  ).toBe(
    `StripeInvalidRequestError | 400 | timestamp_too_far_in_past | The event timestamp cannot be more than 35 days in past. Expected a timestamp greater than or equal to ${NOON / 1000 - 35 * 86400}.`,
  );
  expect(
    await errorOf(stripe.billing.meterEvents.create(event("newer", "1", NOON + 301_000))),
  ).toContain("timestamp_in_future");
});

test("an identifier counts once for a day, and is forgotten then", async () => {
  const { stripe, event, clock } = world;
  await stripe.billing.meterEvents.create(event("a", "1", NOON));
  clock.now += 24 * HOUR - 1;
  const again = await errorOf(stripe.billing.meterEvents.create(event("a", "1", NOON)));
  expect(again).toBe(
    "StripeInvalidRequestError | 400 | An event already exists with identifier a.",
  );
  clock.now += 1;
  await stripe.billing.meterEvents.create(event("a", "1", NOON));
  expect(total()).toBe(2);
});

test("one call at a time for a customer and meter", async () => {
  const { stripe, event, fake } = world;
  fake.account.workMs = 50;
  const answers = await Promise.all(
    ["a", "b", "c", "d"].map((id) => errorOf(stripe.billing.meterEvents.create(event(id, "1")))),
  );
  expect(answers.some((answer) => answer.includes("429 | lock_timeout"))).toBe(true);
  expect([...fake.account.traffic.peaks.values()]).toEqual([2]);
  expect(total()).toBe(answers.filter((answer) => answer === "no error").length);
});

test("an event can be cancelled for a day", async () => {
  const { stripe, event, clock } = world;
  const cancel = (identifier: string) =>
    stripe.billing.meterEventAdjustments.create({
      event_name: "spend",
      type: "cancel",
      cancel: { identifier },
    });
  await stripe.billing.meterEvents.create(event("a", "3"));
  await stripe.billing.meterEvents.create(event("b", "4"));
  await cancel("a");
  clock.now += 24 * HOUR;
  expect(await errorOf(cancel("b"))).toContain("within the last 24 hours");
  expect(total()).toBe(4);
});

test("summaries lag, are aligned, and page", async () => {
  const { stripe, event, clock, fake, meter, customer } = world;
  fake.account.lagMs = 60_000;
  for (let hour = 0; hour < 12; hour++) {
    await stripe.billing.meterEvents.create(
      event(`h${hour}`, String(hour + 1), NOON - hour * HOUR),
    );
  }
  const ask = (start: number, end: number) =>
    stripe.billing.meters
      .listEventSummaries(meter.id, {
        customer: customer.id,
        start_time: start / 1000,
        end_time: end / 1000,
        value_grouping_window: "hour",
      })
      .autoPagingToArray({ limit: 100 });
  expect(await ask(NOON - 24 * HOUR, NOON + HOUR)).toEqual([]);
  clock.now += 60_000;
  const summaries = await ask(NOON - 24 * HOUR, NOON + HOUR);
  expect(summaries).toHaveLength(12);
  expect(summaries.reduce((sum, { aggregated_value }) => sum + aggregated_value, 0)).toBe(78);
  expect(await errorOf(ask(NOON + 60_000, NOON + HOUR))).toContain("aligned");
});

test("meters of the formulas count and last", async () => {
  const { stripe, customer, fake } = world;
  for (const formula of ["count", "last"] as const) {
    await stripe.billing.meters.create({
      display_name: formula,
      event_name: formula,
      default_aggregation: { formula },
    });
    for (const [index, value] of ["5", "9", "7"].entries()) {
      await stripe.billing.meterEvents.create({
        event_name: formula,
        payload: { stripe_customer_id: customer.id, value },
        timestamp: NOON / 1000 + (index === 2 ? 0 : index),
        identifier: `${formula}${index}`,
      });
    }
  }
  expect(fake.total("count", customer.id, NOON)).toBe(3);
  expect(fake.total("last", customer.id, NOON)).toBe(9);
});

test("so many requests a second and no more; how many there were is known", async () => {
  const { stripe, event, fake } = world;
  const { traffic } = fake.account;
  traffic.perSecond = 1;
  const answers = await Promise.all(
    ["a", "b", "c", "d"].map((id) =>
      errorOf(stripe.billing.meterEvents.create(event(id, "1", NOON))),
    ),
  );
  expect(answers).toContain(
    "StripeRateLimitError | 429 | rate_limit | Request rate limit exceeded.",
  );
  expect(traffic.busiestSecond).toBeGreaterThan(1);
  expect(total()).toBe(answers.filter((answer) => answer === "no error").length);
});
