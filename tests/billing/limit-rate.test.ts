import { expect, test } from "vitest";
import {
  limitFetch,
  limitRate,
  type Timekeeper,
} from "../../supabase/functions/_tally/billing/limit-rate.ts";
import { openStripe } from "../../supabase/functions/_tally/billing/open-stripe.ts";
import { stripeSink } from "../../supabase/functions/_tally/billing/stripe-sink.ts";
import { createRandom, readSeed } from "../races/callers/random-source.ts";
import { reportOf, startFake } from "./fixtures.ts";

/** A clock that only moves when somebody waits. */
function makeClock(): Timekeeper & { at: number } {
  const clock = {
    at: 0,
    now: () => clock.at,
    wait: async (ms: number) => {
      clock.at += ms;
    },
  };
  return clock;
}

test("as many go at once as a second takes, and the next when the first is a second ago", async () => {
  const clock = makeClock();
  const mayGo = limitRate(3, clock);
  const went: number[] = [];
  for (let request = 0; request < 7; request++) {
    await mayGo();
    went.push(clock.at);
  }
  expect(went).toEqual([0, 0, 0, 1100, 1100, 1100, 2200]);
});

test("however they come, no second has more, and none waits longer than it must", async () => {
  const random = createRandom(readSeed());
  const perSecond = random.between(1, 50);
  const clock = makeClock();
  const mayGo = limitRate(perSecond, clock);
  const went: number[] = [];
  for (let burst = 0; burst < 40; burst++) {
    clock.at += random.between(0, 700);
    const size = random.between(1, 60);
    await Promise.all(Array.from({ length: size }, () => mayGo().then(() => went.push(clock.at))));
  }
  for (const [index, at] of went.entries()) {
    const before = went[index - perSecond];
    if (before !== undefined) expect(at - before).toBeGreaterThan(1000);
  }
  expect(clock.at).toBeLessThan(40 * 700 + (went.length / perSecond) * 1100 + 1);
});

/** Three reports of each of 16 customers at once, to a fake that takes 20 requests a second. */
async function sendMany(wrap: (fetch: typeof globalThis.fetch) => typeof globalThis.fetch) {
  const { fake, settings } = await startFake();
  const { traffic, usage } = fake.account;
  traffic.perSecond = 20;
  const sink = stripeSink(openStripe(settings, 10_000, wrap(fetch)));
  const sendThree = async (customerId: string) => {
    usage.customers.add(customerId);
    const outcomes: string[] = [];
    for (const seq of [1, 2, 3]) {
      const identifier = `${customerId}_${seq}`;
      const [sent] = await sink.send([reportOf({ customerId, identifier })]);
      outcomes.push(sent?.outcome ?? "none");
    }
    return outcomes;
  };
  try {
    const lists = await Promise.all(
      Array.from({ length: 16 }, (_, index) => sendThree(`cus_many_${index}`)),
    );
    return { outcomes: [...new Set(lists.flat())], busiestSecond: traffic.busiestSecond };
  } finally {
    await fake.close();
  }
}

test("a sink behind it is never told that there are too many", async () => {
  expect((await sendMany((fetch) => fetch)).outcomes).toContain("retry");
  // One of the twenty is the request that made the meter.
  const { outcomes, busiestSecond } = await sendMany((fetch) => limitFetch(fetch, limitRate(19)));
  expect(outcomes).toEqual(["delivered"]);
  expect(busiestSecond).toBeLessThanOrEqual(20);
});
