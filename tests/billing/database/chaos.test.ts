import { afterAll, beforeAll, expect, test } from "vitest";
import { readSeed } from "../../races/callers/random-source.ts";
import { checkBilling } from "./check-billing.ts";
import { runSchedule, type Tally } from "./run-schedule.ts";
import { DAY, forgetCustomers, openWorld, type World } from "./world.ts";

const SCHEDULES = Number(process.env.BILLING_SCHEDULES ?? 60);
/** Events lie in the past: the database's own clock decides which ones are folded. */
const BEGINS_AT = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 180 * DAY;

let world: World;
beforeAll(async () => {
  world = await openWorld(BEGINS_AT);
});
afterAll(() => world?.close());

test(`${SCHEDULES} random schedules: Stripe has counted what the ledger says, of every customer, meter and hour`, {
  timeout: 30_000 + SCHEDULES * 5_000,
}, async () => {
  const seed = readSeed();
  const tally: Tally = {};
  for (let schedule = 0; schedule < SCHEDULES; schedule++) {
    await forgetCustomers(world, BEGINS_AT);
    try {
      await runSchedule(world, seed + schedule, tally);
      await checkBilling(world);
    } catch (error) {
      throw new Error(`Schedule ${schedule} (BILLING_SCHEDULES=1 RACE_SEED=${seed + schedule})`, {
        cause: error,
      });
    }
  }
  console.log(tally, `${world.fake.requests().length} requests answered`);
  expect(world.fake.account.usage.events.length).toBeGreaterThan(SCHEDULES);
});
