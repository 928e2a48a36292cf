import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { keepHold } from "../../supabase/functions/_tally/gateway/keep-hold.ts";
import { type Ledger, openLedger } from "../../supabase/functions/_tally/gateway/ledger.ts";
import { ask, HOLD_ID, openGateway } from "./gateway-support.ts";
import { databaseError, fakeDatabase, logsOf } from "./support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());
afterEach(() => vi.useRealTimers());

test("ending a hold is tried again while the database is away", async () => {
  const pauses: number[] = [];
  let failures = 3;
  const database = fakeDatabase({
    settle_gateway_call: () => {
      if (failures-- > 0) throw databaseError("CONNECTION_CLOSED", "gone");
      return { id: "e", cost_usd: null };
    },
  });
  const ledger = openLedger(database, async (ms) => {
    pauses.push(ms);
  });

  expect(await ledger.settle(HOLD_ID, { id: "e" })).toEqual({ id: "e", cost_usd: null });
  expect(pauses).toHaveLength(3);
  expect(pauses[2]).toBeGreaterThanOrEqual(150 * 4 * 0.5);
});

test("a mistake is not tried again, and patience has an end", async () => {
  const wait = async () => {};
  const wrong = fakeDatabase({
    settle_gateway_call: () => {
      throw databaseError("PT400", "no");
    },
  });
  const away = fakeDatabase({
    settle_gateway_call: () => {
      throw databaseError("ECONNREFUSED", "no");
    },
  });

  await expect(openLedger(wrong, wait).settle(HOLD_ID, { id: "e" })).rejects.toMatchObject({
    code: "PT400",
  });
  expect(wrong.sent).toHaveLength(1);
  await expect(openLedger(away, wait).settle(HOLD_ID, { id: "e" })).rejects.toMatchObject({
    code: "PT503",
  });
  expect(away.sent).toHaveLength(6);
});

test("what cannot be kept of a call does not keep its use from being recorded", async () => {
  const database = fakeDatabase({
    settle_gateway_call: ({ parameters }) => {
      if (String(parameters[1]).includes("unfit")) throw databaseError("22P05", "no such text");
      return { id: "e", cost_usd: "0.1" };
    },
  });
  const event = { id: "e", input_tokens: 3, request_metadata: { unfit: true } };

  expect(await openLedger(database).settle(HOLD_ID, event)).toMatchObject({ cost_usd: "0.1" });
  expect(database.sent).toHaveLength(2);
  expect(JSON.parse(String(database.sent[1]?.parameters[1]))).toEqual({ id: "e", input_tokens: 3 });
});

test("an answer is not lost with the ledger: it is delivered, and the log says what to mend", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const gateway = openGateway(provider, {
    answers: {
      settle_gateway_call: () => {
        throw databaseError("ECONNREFUSED", "no");
      },
    },
    fetch: async () =>
      Response.json({ model: "m", choices: [], usage: { prompt_tokens: 4, completion_tokens: 2 } }),
  });

  const lines = await logsOf(async () => {
    const call = gateway.openai().chat.completions.create(ask("g-lost")).withResponse();
    await vi.advanceTimersByTimeAsync(2_000);
    const { data, response } = await call;
    expect(data.usage?.prompt_tokens).toBe(4);
    expect(response.headers.has("x-tally-cost-usd")).toBe(false);
    await vi.advanceTimersByTimeAsync(20_000);
  });

  expect(lines).toMatchObject([
    { outcome: "ok", unsettled: "PT503", hold_id: HOLD_ID, input_tokens: 4, output_tokens: 2 },
  ]);
});

test("a hold is extended for as long as its call runs", () => {
  vi.useFakeTimers();
  const extensions: unknown[] = [];
  const ledger = {
    extend: async (...call: unknown[]) => {
      extensions.push(call);
      throw new Error("the database is away for a moment");
    },
  } as Partial<Ledger> as Ledger;

  const stop = keepHold(ledger, HOLD_ID, 600);
  vi.advanceTimersByTime(299_999);
  expect(extensions).toEqual([]);
  vi.advanceTimersByTime(600_001);
  expect(extensions).toEqual(Array(3).fill([HOLD_ID, 600]));
  stop();
  vi.advanceTimersByTime(3_600_000);
  expect(extensions).toHaveLength(3);
});
