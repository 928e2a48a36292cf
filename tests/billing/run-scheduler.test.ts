import type { Sql } from "postgres";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runScheduler } from "../../packages/cli/src/stack/run-scheduler.ts";

const INFO = { FUNCTIONS_URL: "http://functions.test", SECRET_KEY: "sb_secret_1" };

/** What the database says, and what was called with which key. */
const database = { hasDueBilling: false, hasDueAlerts: false, ticks: 0 };
let calls: { url: string; apikey: string; atSeconds: number }[];
let answer: () => Response;
let scheduler: ReturnType<typeof runScheduler>;

const sql = (async (strings: TemplateStringsArray) => {
  const statement = strings.join("");
  if (statement.includes("select tally.tick()")) database.ticks += 1;
  if (statement.includes("has_tick")) return [{ has_tick: true }];
  if (statement.includes("has_billing")) return [{ has_billing: true }];
  if (statement.includes("has_due_alerts()")) return [{ is_due: database.hasDueAlerts }];
  if (statement.includes("has_due_billing()")) return [{ is_due: database.hasDueBilling }];
  return [];
}) as unknown as Sql;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 20) });
  Object.assign(database, { hasDueBilling: false, hasDueAlerts: false, ticks: 0 });
  calls = [];
  answer = () => Response.json({});
  vi.stubGlobal("fetch", async (url: string, request: RequestInit) => {
    const apikey = new Headers(request.headers).get("apikey") ?? "";
    calls.push({ url, apikey, atSeconds: (Date.now() - Date.UTC(2026, 10, 20)) / 1000 });
    return answer();
  });
  scheduler = runScheduler(sql, INFO);
});
afterEach(async () => {
  await scheduler.stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);
const callsOf = (name: string) => calls.filter(({ url }) => url.endsWith(`/${name}`));

test("the tidy-up runs every five seconds; with nothing due no function is called", async () => {
  await pass(60);
  expect(database.ticks).toBe(12);
  expect(calls).toEqual([]);
});

test("usage is reported each minute while something is due", async () => {
  await pass(30);
  database.hasDueBilling = true;
  await pass(180);
  expect(callsOf("stripe-report")).toEqual(
    [35, 95, 155].map((atSeconds) => ({
      url: "http://functions.test/stripe-report",
      apikey: "sb_secret_1",
      atSeconds,
    })),
  );
});

test("a report that fails is said once and tried again a minute later; the rest goes on", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
  database.hasDueBilling = true;
  answer = () => new Response("no Stripe", { status: 503 });
  await pass(60);
  expect(callsOf("stripe-report")).toHaveLength(1);
  expect(said.mock.calls.flat()).toEqual([
    "The tidy-up failed: stripe-report answered 503: no Stripe",
  ]);
  expect(database.ticks).toBe(12);
  await pass(5);
  expect(callsOf("stripe-report")).toHaveLength(2);
});

test("alerts are sent within seconds, and nothing is called once it has stopped", async () => {
  database.hasDueAlerts = true;
  await pass(10);
  expect(callsOf("alerts")).toHaveLength(2);
  await scheduler.stop();
  await pass(60);
  expect(calls).toHaveLength(2);
});
