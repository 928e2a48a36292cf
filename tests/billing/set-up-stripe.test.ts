import { type FakeStripe, startFakeStripe } from "@tallybase/fake-stripe";
import type Stripe from "stripe";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStripe } from "../../packages/cli/src/stripe/open-stripe.ts";
import {
  type SetUpOptions,
  setUpStripe,
  type WantedMeter,
} from "../../packages/cli/src/stripe/set-up-stripe.ts";

let fake: FakeStripe;
let stripe: Stripe;
beforeEach(async () => {
  fake = await startFakeStripe();
  stripe = openStripe({ apiKey: "sk_test_fake", apiUrl: fake.url });
});
afterEach(() => fake.close());

const COST: WantedMeter = { metric: "cost_usd", centsPerUnit: "0.0001" };
const setUp = (changes: Partial<SetUpOptions> = {}) =>
  setUpStripe(stripe, { metrics: [COST], currency: "usd", isDryRun: false, ...changes });
const changes = () => fake.requests().filter(({ method }) => method === "POST");

test("a dry run says what is missing and changes nothing", async () => {
  expect(await setUp({ isDryRun: true })).toEqual([
    {
      metric: "cost_usd",
      eventName: "tallybase_cost_usd",
      displayName: "Tallybase cost usd",
      meterId: null,
      meter: "missing",
      priceId: null,
      price: "missing",
    },
  ]);
  expect(changes()).toEqual([]);
});

test("meters and prices are made once, however often it runs", async () => {
  const metrics: WantedMeter[] = [COST, { metric: "requests", centsPerUnit: null }];
  const made = await setUp({ metrics });
  expect(made.map(({ meter, price }) => [meter, price])).toEqual([
    ["created", "created"],
    ["created", "none"],
  ]);
  const [meter] = await stripe.billing.meters.list().autoPagingToArray({ limit: 10 });
  expect(meter).toMatchObject({
    event_name: "tallybase_cost_usd",
    default_aggregation: { formula: "sum" },
    customer_mapping: { event_payload_key: "stripe_customer_id" },
  });
  const [price] = await stripe.prices.list().autoPagingToArray({ limit: 10 });
  expect(price).toMatchObject({
    id: made[0]?.priceId,
    currency: "usd",
    lookup_key: "tallybase_cost_usd",
    recurring: { meter: made[0]?.meterId, usage_type: "metered" },
  });
  expect(String(price?.unit_amount_decimal)).toBe("0.0001");

  const before = changes().length;
  for (const isDryRun of [true, false]) {
    const again = await setUp({ metrics, isDryRun });
    expect(again.map(({ meter, price }) => [meter, price])).toEqual([
      ["found", "found"],
      ["found", "none"],
    ]);
    expect(again.map(({ meterId }) => meterId)).toEqual(made.map(({ meterId }) => meterId));
  }
  expect(changes()).toHaveLength(before);
});

test("what is there and counts or costs otherwise is not taken for ours", async () => {
  await stripe.billing.meters.create({
    display_name: "Last",
    event_name: "tallybase_requests",
    default_aggregation: { formula: "last" },
  });
  await expect(setUp({ metrics: [{ metric: "requests", centsPerUnit: null }] })).rejects.toThrow(
    /does not simply add up/,
  );
  const [made] = await setUp();
  await expect(setUp({ metrics: [{ ...COST, centsPerUnit: "0.0002" }] })).rejects.toThrow(
    /is another one: 0\.0001 cents/,
  );
  await expect(setUp({ currency: "eur" })).rejects.toThrow(/is another one/);
  expect(await setUp({ metrics: [{ ...COST, centsPerUnit: "0.00010" }] })).toMatchObject([
    { price: "found" },
  ]);
  await stripe.billing.meters.deactivate(made?.meterId ?? "");
  await expect(setUp()).rejects.toThrow(/is another one/);
});

test("an archived price makes room for another", async () => {
  const [made] = await setUp();
  await stripe.prices.update(made?.priceId ?? "", { active: false });
  const [again] = await setUp({ metrics: [{ ...COST, centsPerUnit: "0.0002" }] });
  expect(again).toMatchObject({ meter: "found", price: "created" });
  expect(again?.priceId).not.toBe(made?.priceId);
});
