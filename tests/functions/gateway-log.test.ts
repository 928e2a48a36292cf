import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { API_KEY, ask, openGateway, readStream } from "./gateway-support.ts";
import { databaseError, logsOf } from "./support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());
afterEach(() => vi.useRealTimers());

test("neither words nor keys are in the log", async () => {
  const gateway = openGateway(provider);
  const secrets = { "x-provider-key": "sk-canary-key", "x-tally-metadata": '{"x":"canary-meta"}' };

  const lines = await logsOf(async () => {
    const openai = gateway.openai(secrets);
    await openai.chat.completions.create(ask("canary-prompt"));
    await openai.chat.completions.create(ask("canary-prompt [[fake status=500]]")).catch(() => {});
    await openai.chat.completions.create({ ...ask("canary-prompt"), n: 0 }).catch(() => {});
  });

  expect(lines).toHaveLength(3);
  expect(JSON.stringify(lines)).not.toContain("canary");
  expect(JSON.stringify(lines)).not.toContain(API_KEY);
});

test("the log of a stream waits for its recording, however long that takes", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const { promise: databaseIsBack, resolve: bringBack } = Promise.withResolvers<void>();
  const gateway = openGateway(provider, {
    answers: {
      settle_gateway_call: async () => {
        await databaseIsBack;
        throw databaseError("PT400", "no");
      },
    },
    fetch: async () =>
      new Response('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n', {
        headers: { "content-type": "text/event-stream" },
      }),
  });

  const lines = await logsOf(async () => {
    const chunks = readStream(gateway.openai(), ask("g-slow-ledger"));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await chunks).toHaveLength(1);
    bringBack();
  });

  expect(lines).toMatchObject([{ call: "success", unsettled: "PT400" }]);
});
