import type { APIError } from "openai";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { API_KEY, admitted, ask, GATEWAY, openGateway, quietly } from "./gateway-support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

for (const status of [400, 401, 429, 500, 503]) {
  test(`the provider's ${status} passes untouched and costs nothing`, async () => {
    const gateway = openGateway(provider);
    const marker = `g-error-${status}`;

    const error = await quietly(() =>
      gateway
        .openai()
        .chat.completions.create(ask(`${marker} [[fake status=${status} retry_after=9]]`))
        .catch((thrown: unknown) => thrown),
    );

    expect(error).toMatchObject({
      status,
      message: expect.stringContaining(`Fake error ${status}`),
    });
    expect((error as APIError).headers?.get("retry-after")).toBe("9");
    expect(gateway.released()).toBe(1);
    expect(gateway.settled()).toEqual([]);
  });
}

test("a provider that cannot be reached costs nothing", async () => {
  const gateway = openGateway(provider, {
    env: { TALLY_OPENAI_BASE_URL: "http://127.0.0.1:9/v1" },
  });

  await expect(
    quietly(() => gateway.openai().chat.completions.create(ask("g-unreachable"))),
  ).rejects.toMatchObject({ status: 502, code: "PT502" });
  expect(gateway.released()).toBe(1);
});

test("an answer without usage is estimated, and said to be", async () => {
  const gateway = openGateway(provider);

  await quietly(() =>
    gateway.openai().chat.completions.create(ask("g-omitted [[fake omit_usage words=9]]")),
  );

  const [event] = gateway.settled();
  expect(event).toMatchObject({
    status: "success",
    is_estimated: true,
    output_tokens: 9,
    request_metadata: { anomalies: [expect.stringContaining("usage_missing")] },
  });
  expect(event.input_tokens).toBeGreaterThan(0);
  expect(event.input_tokens).toBeLessThanOrEqual(gateway.reserved()[0].input_tokens);
});

test("a whole answer in place of the stream that was asked for is metered as such", async () => {
  const answer = {
    model: "gpt-4o-mini",
    choices: [{ index: 0, message: { content: "one two" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 },
  };
  const gateway = openGateway(provider, { fetch: async () => Response.json(answer) });
  const request = new Request(`${GATEWAY}/openai/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${API_KEY}` },
    body: JSON.stringify(ask("g-whole", { stream: true })),
  });

  const response = await quietly(() => gateway.answer(request));

  expect(await response.json()).toEqual(answer);
  expect(response.headers.get("x-tally-cost-usd")).toBe("0.00001230");
  expect(gateway.settled()).toMatchObject([
    { status: "success", is_estimated: false, input_tokens: 4, output_tokens: 2 },
  ]);
});

test("an answer that breaks off in its middle is a failed call, not a free one", async () => {
  const gateway = openGateway(provider);

  await expect(
    quietly(() => gateway.openai().chat.completions.create(ask("g-broken [[fake break_after=1]]"))),
  ).rejects.toMatchObject({ status: 502 });
  expect(gateway.settled()).toMatchObject([{ status: "failed", is_estimated: true }]);
  expect(gateway.released()).toBe(0);
});

test("a provider that does not begin to answer has timed out", async () => {
  const signals: AbortSignal[] = [];
  const gateway = openGateway(provider, {
    env: { TALLY_UPSTREAM_TIMEOUT_MS: "20" },
    fetch: (_input, init) =>
      new Promise((_, reject) => {
        init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
        if (init?.signal) signals.push(init.signal);
      }),
  });

  await expect(
    quietly(() => gateway.openai().chat.completions.create(ask("g-late"))),
  ).rejects.toMatchObject({ status: 504, code: "PT504" });
  expect(gateway.settled()).toMatchObject([{ status: "timeout", is_estimated: true }]);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});

test("a caller who leaves before the answer stops the provider and pays for the prompt", async () => {
  const gateway = openGateway(provider);
  const controller = new AbortController();
  const settled = vi.waitFor(() => expect(gateway.settled()).toHaveLength(1), 5_000);

  await quietly(async () => {
    const call = gateway.openai().chat.completions.create(ask("g-left [[fake delay=60000]]"), {
      signal: controller.signal,
    });
    await provider.when({ received: 1, contains: "g-left" });
    controller.abort();
    await expect(call).rejects.toThrow();
    await settled;
  });

  expect(gateway.settled()).toMatchObject([{ status: "aborted", output_tokens: 0 }]);
  const [line] = await provider.when({ ended: 1, contains: "g-left" });
  expect(line?.outcome).toBe("aborted");
});

test("a caller who leaves before anything was sent pays nothing", async () => {
  const controller = new AbortController();
  const gateway = openGateway(provider, {
    answers: {
      admit_gateway_call: () => {
        controller.abort();
        return { answer: admitted() };
      },
    },
  });

  await quietly(async () => {
    const { signal } = controller;
    await gateway
      .openai()
      .chat.completions.create(ask("g-gone"), { signal })
      .catch(() => {});
    await vi.waitFor(() => expect(gateway.released()).toBe(1));
  });

  expect(gateway.settled()).toEqual([]);
  expect(provider.requests("g-gone")).toEqual([]);
});
