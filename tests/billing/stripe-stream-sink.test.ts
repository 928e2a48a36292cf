import { afterEach, beforeEach, expect, test } from "vitest";
import { stripeStreamSink } from "../../supabase/functions/_tally/billing/stripe-stream-sink.ts";
import { type Fake, reportOf, startFake } from "./fixtures.ts";

let world: Fake;
let sink: ReturnType<typeof stripeStreamSink>;
beforeEach(async () => {
  world = await startFake();
  sink = stripeStreamSink(world.settings, () => world.clock.now);
});
afterEach(() => world.fake.close());

const reports = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => reportOf({ identifier: `tally_${from + index}` }));
const outcomes = (list: { outcome: string }[]) => [...new Set(list.map(({ outcome }) => outcome))];
const sessions = () => world.fake.requests().filter(({ path }) => path.endsWith("session")).length;

test("a hundred reports are one request, and one session serves many", async () => {
  expect(outcomes(await sink.send(reports(100)))).toEqual(["delivered"]);
  await Promise.all([sink.send(reports(100, 100)), sink.send(reports(100, 200))]);
  expect(world.total()).toBe(1500);
  expect(sessions()).toBe(1);
});

test("a session is renewed before it ends, and one that is not known is refused", async () => {
  await sink.send(reports(1));
  world.clock.now += 14 * 60_000;
  expect(outcomes(await sink.send(reports(1, 1)))).toEqual(["delivered"]);
  expect(sessions()).toBe(2);
  world.fake.account.sessions.clear();
  expect(outcomes(await sink.send(reports(1, 2)))).toEqual(["refused"]);
  expect(world.total()).toBe(10);
});

test("an expired session is renewed and the reports sent again", async () => {
  await sink.send(reports(1));
  for (const token of world.fake.account.sessions.keys()) {
    world.fake.account.sessions.set(token, world.clock.now);
  }
  expect(outcomes(await sink.send(reports(1, 1)))).toEqual(["delivered"]);
  expect(sessions()).toBe(2);
  expect(world.total()).toBe(10);
});

test("requests that begin or find it expired together open one session for all", async () => {
  const sendThree = (from: number) =>
    Promise.all([0, 1, 2].map((index) => sink.send(reports(1, from + index))));
  expect(outcomes((await sendThree(0)).flat())).toEqual(["delivered"]);
  expect(sessions()).toBe(1);
  for (const token of world.fake.account.sessions.keys()) {
    world.fake.account.sessions.set(token, world.clock.now);
  }
  expect(outcomes((await sendThree(3)).flat())).toEqual(["delivered"]);
  expect(sessions()).toBe(2);
  expect(world.total()).toBe(30);
});

test("a renewed session that cannot be had now sends nothing, and the next attempt opens one", async () => {
  await sink.send(reports(1));
  world.clock.now += 15 * 60_000;
  world.fake.account.faults.plan("rate_limit", { path: "session" });
  expect(outcomes(await sink.send(reports(1, 1)))).toEqual(["retry"]);
  expect(outcomes(await sink.send(reports(1, 1)))).toEqual(["delivered"]);
  expect(world.total()).toBe(10);
});

test("without a session nothing was sent", async () => {
  world.fake.account.faults.plan("error_before", { path: "session", times: 2 });
  expect(outcomes(await sink.send(reports(2)))).toEqual(["retry"]);
  expect(outcomes(await sink.send(reports(2)))).toEqual(["retry"]);
  expect(outcomes(await sink.send(reports(2)))).toEqual(["delivered"]);
});

test("one report that cannot be read does not keep the others", async () => {
  const list = [...reports(2), reportOf({ identifier: "x".repeat(101) })];
  expect((await sink.send(list)).map(({ outcome }) => outcome)).toEqual([
    "delivered",
    "delivered",
    "refused",
  ]);
  expect(world.total()).toBe(10);
});

test("what fails on the way is of unknown outcome", async () => {
  for (const kind of ["error_after", "reset_after"] as const) {
    world.fake.account.faults.plan(kind, { path: "stream", times: 2 });
    expect(outcomes(await sink.send(reports(1)))).toEqual(["unknown"]);
    world.fake.account.faults.clear();
  }
  world.fake.account.faults.plan("rate_limit", { path: "stream" });
  expect(outcomes(await sink.send(reports(1)))).toEqual(["retry"]);
  expect(outcomes(await sink.send(reports(1)))).toEqual(["delivered"]);
  expect(world.total()).toBe(5);
});
