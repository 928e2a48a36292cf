import { createOpenAI } from "@ai-sdk/openai";
import { generateText, streamText, wrapLanguageModel } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  createTallybase,
  QuotaExceededError,
  tallybaseMiddleware,
} from "../../packages/client/src/index.ts";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { type FakeProject, fakeProject } from "./fake-project.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

let project: FakeProject;
beforeEach(() => {
  provider.reset();
  project = fakeProject();
});

function middleware() {
  const tally = createTallybase({
    url: "http://project.test",
    key: "sb_secret_1",
    organizationId: "org-1",
    fetch: project.fetch,
  });
  return tallybaseMiddleware({ tally, toolName: "chat" });
}

const model = () => {
  const openai = createOpenAI({ apiKey: "sk-1", baseURL: `${provider.url}/openai/v1` });
  return wrapLanguageModel({ model: openai.chat("gpt-4o"), middleware: middleware() });
};

function recordedAsBilled(): Record<string, unknown> | undefined {
  const [event] = project.events.values();
  const [bill] = provider.requests();
  const billed = Object.entries(bill?.classes ?? {}).filter(([, amount]) => amount > 0);
  expect(event?.classes).toEqual(Object.fromEntries(billed));
  return event;
}

test("generateText is held by its limit and recorded as billed", async () => {
  const ask = "Hello [[fake cached=40 reasoning=6]]";
  const { text } = await generateText({ model: model(), prompt: ask, maxOutputTokens: 50 });
  expect(text).not.toBe("");
  expect(recordedAsBilled()).toMatchObject({
    provider: "openai",
    model: "gpt-4o",
    tool_name: "chat",
    is_estimated: false,
  });
  expect(project.requests[0]?.body.request).toMatchObject({ max_output_tokens: 50 });
});

test("streamText streams and is recorded as billed", async () => {
  const result = streamText({ model: model(), prompt: "Hello" });
  let text = "";
  for await (const piece of result.textStream) text += piece;
  expect(text).not.toBe("");
  expect(recordedAsBilled()).toMatchObject({ status: "success", is_estimated: false });
});

test("a refused call throws what it is, is not retried, and is never sent", async () => {
  const blocked_by = { metric: "cost_usd", quota_type: "daily", quota_limit: 1, remaining: 0 };
  project.answer("reserve_usage", () => Response.json({ allowed: false, blocked_by }));
  const call = generateText({ model: model(), prompt: "Hello" });
  await expect(call).rejects.toThrow(QuotaExceededError);
  expect(project.count("reserve_usage")).toBe(1);
  expect(provider.requests()).toEqual([]);
});

test("a stream that is left is recorded at what was seen", async () => {
  const abort = new AbortController();
  const result = streamText({
    model: model(),
    prompt: "Hello [[fake words=50 chunk_delay=5]]",
    abortSignal: abort.signal,
  });
  for await (const part of result.fullStream) if (part.type === "text-delta") abort.abort();
  await expect.poll(() => [...project.events.values()]).toMatchObject([{ is_estimated: true }]);
  expect([...project.holds.values()]).toEqual(["settled"]);
});

test("any model: the provider's name without its kind, the usage in the SDK's shape", async () => {
  const mock = new MockLanguageModelV4({
    provider: "anthropic.messages",
    modelId: "claude-haiku-4-5",
    doGenerate: {
      content: [{ type: "text", text: "Hi" }],
      finishReason: { unified: "stop", raw: "end_turn" },
      usage: {
        inputTokens: { total: 30, noCache: 10, cacheRead: 20, cacheWrite: 0 },
        outputTokens: { total: 5, text: 5, reasoning: 0 },
      },
      warnings: [],
    },
  });
  const wrapped = wrapLanguageModel({ model: mock, middleware: middleware() });
  await generateText({ model: wrapped, prompt: "Hello" });
  expect([...project.events.values()]).toMatchObject([
    { provider: "anthropic", model: "claude-haiku-4-5", input_tokens: 30, output_tokens: 5 },
  ]);
});
