import { afterEach, beforeEach, expect, test } from "vitest";
import { arrange, errorOf, HOUR, NOON } from "./support.ts";

let world: Awaited<ReturnType<typeof arrange>>;
beforeEach(async () => {
  world = await arrange();
});
afterEach(() => world.fake.close());

const total = () => world.fake.total("spend", world.customer.id, NOON);
const send = (identifier: string, idempotencyKey: string, value = "1") =>
  errorOf(
    world.stripe.billing.meterEvents.create(world.event(identifier, value, NOON), {
      idempotencyKey,
    }),
  );

test("an idempotency key repeats its answer, a 500 too, for a day", async () => {
  world.fake.account.faults.plan("error_before");
  expect(await send("a", "key")).toContain("StripeAPIError | 500");
  expect(await send("a", "key")).toContain("StripeAPIError | 500");
  expect(total()).toBe(0);
  expect(await send("a", "key:r2")).toBe("no error");
  expect(await send("a", "key:r2")).toBe("no error");
  expect(total()).toBe(1);
  world.clock.now += 24 * HOUR;
  expect(await send("a", "key")).toBe("no error");
  expect(total()).toBe(2);
});

test("after a 500 that came too late the identifier still counts once", async () => {
  world.fake.account.faults.plan("error_after");
  expect(await send("a", "key")).toContain("500");
  expect(await send("a", "key:r2")).toContain("already exists");
  expect(total()).toBe(1);
});

test("a key with other parameters is an error; one that was refused is free", async () => {
  expect(await send("a", "key")).toBe("no error");
  expect(await send("b", "key")).toContain("StripeIdempotencyError | 400");
  expect(await send("c", "other", "1.5")).toContain("whole number");
  expect(await send("c", "other", "2")).toBe("no error");
  expect(total()).toBe(3);
});

test("two requests of one key at once: the second is told to wait", async () => {
  world.fake.account.workMs = 50;
  const answers = await Promise.all([send("a", "key"), send("a", "key")]);
  expect(answers.filter((answer) => answer.includes("409"))).toHaveLength(1);
  expect(total()).toBe(1);
});

test.each([
  ["rate_limit", "StripeRateLimitError | 429", 0],
  ["timeout_before", "timeout being reached", 0],
  ["timeout_after", "timeout being reached", 1],
  ["slow_body", "timeout being reached", 1],
] as const)("%s", async (kind, expected, counted) => {
  world.fake.account.faults.plan(kind);
  expect(await send("a", "key")).toContain(expected);
  expect(total()).toBe(counted);
});

test.each([
  ["reset_before", 0],
  ["reset_after", 1],
] as const)("%s cuts the connection", async (kind, counted) => {
  // The SDK tries once more when a connection is closed on it.
  world.fake.account.faults.plan(kind, { times: 2 });
  expect(await send("a", "key")).toContain("StripeConnectionError");
  expect(total()).toBe(counted);
});
