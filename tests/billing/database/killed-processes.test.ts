import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRandom, readSeed } from "../../races/callers/random-source.ts";
import { checkBilling } from "./check-billing.ts";
import { HOUR, MINUTE, openCustomer, openWorld, use, type World } from "./world.ts";

const SCRIPT = fileURLToPath(new URL("report-process.ts", import.meta.url));
const KILLS = 8;

let world: World;
beforeAll(async () => {
  world = await openWorld(Math.floor(Date.now() / HOUR) * HOUR);
});
afterAll(() => world?.close());

/** Starts a process and has `kill` called with it at each request that Stripe gets from it. */
function start(onRequest: (child: ChildProcess, requests: number) => void): ChildProcess {
  const child = spawn(process.execPath, [SCRIPT], {
    env: {
      ...process.env,
      DATABASE_URL: world.databaseUrl,
      STRIPE_URL: world.fake.url,
      AT: new Date(world.clock.now).toISOString(),
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let requests = 0;
  world.fake.account.faults.hook = () => {
    requests += 1;
    onRequest(child, requests);
    return undefined;
  };
  return child;
}

test(`a process killed ${KILLS} times between sending and noting loses and doubles nothing`, {
  timeout: 120_000,
}, async () => {
  const random = createRandom(readSeed());
  const began = world.clock.now - 30 * HOUR;
  for (let customer = 0; customer < 3; customer++) {
    const { organizationId } = await openCustomer(world, began);
    for (let hour = 2; hour < 12; hour++) {
      await use(world, organizationId, world.clock.now - hour * HOUR, { cost_usd: "0.0012345" });
    }
  }
  let killed = 0;
  for (let run = 0; run < KILLS; run++) {
    const after = random.between(2, 14);
    const child = start((process, requests) => {
      // The request has arrived and is worked on; its sender does not live to hear of it.
      if (requests === after) process.kill("SIGKILL");
    });
    const [, signal] = await once(child, "exit");
    if (signal === "SIGKILL") killed += 1;
    // Until the lease of the dead is over.
    world.clock.now += 6 * MINUTE;
  }
  expect(killed).toBeGreaterThan(KILLS / 2);
  const [code] = await once(
    start(() => undefined),
    "exit",
  );
  expect(code).toBe(0);
  expect(world.fake.account.usage.events).toHaveLength(3 * 10 * 3);
  await checkBilling(world);
});
