import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  createTallybase,
  isQuotaExceeded,
  meterAnthropic,
  meterGoogle,
  meterOpenAI,
  type Tallybase,
} from "../../packages/client/src/index.ts";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { type FakeProject, fakeProject, refuse } from "./fake-project.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

let project: FakeProject;
let tally: Tallybase;
beforeEach(() => {
  provider.reset();
  project = fakeProject();
  tally = createTallybase({
    url: "http://project.test",
    key: "sb_secret_1",
    organizationId: "org-1",
    fetch: project.fetch,
    retries: 0,
  });
});

const openai = (more = {}) =>
  meterOpenAI(new OpenAI({ apiKey: "sk-1", baseURL: `${provider.url}/openai/v1`, ...more }), {
    tally,
    toolName: "chat",
  });
const anthropic = () =>
  meterAnthropic(new Anthropic({ apiKey: "sk-1", baseURL: `${provider.url}/anthropic` }), {
    tally,
  });
const google = () =>
  meterGoogle(
    new GoogleGenAI({ apiKey: "sk-1", httpOptions: { baseUrl: `${provider.url}/google` } }),
    { tally },
  );

const gpt = (text: string) => ({
  model: "gpt-4o",
  max_completion_tokens: 40,
  messages: [{ role: "user" as const, content: text }],
});
const claude = (text: string) => ({
  model: "claude-haiku-4-5",
  max_tokens: 40,
  messages: [{ role: "user" as const, content: text }],
});
const gemini = (contents: string) => ({ model: "gemini-3-flash", contents });

/** What was recorded, and what the provider billed: the same tokens. */
function recorded(count = 1): Record<string, unknown>[] {
  const events = [...project.events.values()];
  expect(events).toHaveLength(count);
  const bills = provider.requests().map(({ classes }) => classes);
  for (const [index, { classes, status, is_estimated }] of events.entries()) {
    expect({ status, is_estimated }).toEqual({ status: "success", is_estimated: false });
    const billed = Object.entries(bills[index] ?? {}).filter(([, amount]) => amount > 0);
    expect(classes).toEqual(Object.fromEntries(billed));
  }
  expect([...project.holds.values()].every((state) => state === "settled")).toBe(true);
  return events;
}

/** What the first call was held for. */
const held = () => project.requests[0]?.body.request as Record<string, number>;

const blocked = () => {
  const blocked_by = { metric: "cost_usd", quota_type: "daily", quota_limit: 1, remaining: 0 };
  project.answer("reserve_usage", () => Response.json({ allowed: false, blocked_by }));
};

describe("openai", () => {
  test("a completion is held by its own limits and recorded as billed", async () => {
    const completion = await openai().chat.completions.create(gpt("Hello [[fake cached=100]]"));
    expect(completion.choices[0]?.message.content).toBeTruthy();
    expect(recorded()).toMatchObject([{ tool_name: "chat", operation: "chat", model: "gpt-4o" }]);
    expect(held()).toMatchObject({ max_output_tokens: 40, tool_name: "chat" });
  });

  test("a stream that was not asked for its usage states it to us alone", async () => {
    const stream = await openai().chat.completions.create({ ...gpt("Hello"), stream: true });
    const chunks = await collect(stream);
    expect(chunks.every(({ choices }) => choices.length > 0)).toBe(true);
    expect(chunks.length).toBeGreaterThan(3);
    recorded();
  });

  test("without a project the way out is in the error, at once", async () => {
    vi.stubEnv("SUPABASE_URL", undefined);
    const client = meterOpenAI(
      new OpenAI({ apiKey: "sk-1", baseURL: `${provider.url}/openai/v1` }),
    );
    const call = client.chat.completions.create(gpt("Hello"));
    await expect(call).rejects.toMatchObject({
      status: 503,
      code: "TALLY_UNSUPPORTED",
      message: expect.stringContaining("No project is configured."),
    });
    vi.unstubAllEnvs();
  });

  test("a stream's own options stay", async () => {
    const stream = await openai().chat.completions.create({
      ...gpt("Hello"),
      stream: true,
      stream_options: { include_obfuscation: false },
    });
    const chunks = await collect(stream);
    expect(chunks.every(({ choices }) => choices.length > 0)).toBe(true);
    recorded();
    expect(provider.requests()[0]?.body).toMatchObject({
      stream_options: { include_obfuscation: false, include_usage: true },
    });
  });

  test("a stream that was asked for its usage keeps it, however it is cut", async () => {
    const stream = await openai().chat.completions.create({
      ...gpt("Hello [[fake split=3 unicode]]"),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await collect(stream);
    expect(chunks.at(-1)?.usage?.total_tokens).toBeGreaterThan(0);
    recorded();
  });

  test("a stream in tiny pieces loses nothing but its usage frame", async () => {
    const ask = gpt("Hello [[fake split=3 unicode]]");
    const whole = await openai().chat.completions.create(ask);
    const stream = await openai().chat.completions.create({ ...ask, stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toBe(whole.choices[0]?.message.content);
    recorded(2);
  });

  test("helpers of the SDK are metered too", async () => {
    const final = await openai().chat.completions.stream(gpt("Hello")).finalChatCompletion();
    expect(final.choices[0]?.message.content).toBeTruthy();
    const { data, response } = await openai().chat.completions.create(gpt("Hi")).withResponse();
    expect(data.model).toBe("gpt-4o");
    expect(response.status).toBe(200);
    recorded(2);
  });

  test("responses, whole and streamed, and embeddings", async () => {
    const ask = { model: "gpt-4o", input: "Hello", max_output_tokens: 30 };
    expect((await openai().responses.create(ask)).output_text).toBeTruthy();
    for await (const _ of await openai().responses.create({ ...ask, stream: true }));
    await openai().embeddings.create({ model: "text-embedding-3-small", input: "Hello" });
    expect(recorded(3).map(({ operation }) => operation)).toEqual([
      "responses",
      "responses",
      "embedding",
    ]);
  });

  test("speech by its characters, images by their number, sound by what the answer says", async () => {
    const client = openai();
    await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "Hé 👋" });
    const image = {
      model: "dall-e-3",
      prompt: "A meter",
      size: "1024x1792",
      quality: "hd",
    } as const;
    await client.images.generate(image);
    const file = new File(["sound"], "talk.wav");
    await client.audio.transcriptions.create({ model: "whisper-1", file });
    await client.audio.transcriptions.create({ model: "gpt-4o-transcribe", file });
    expect([...project.events.values()]).toMatchObject([
      { operation: "speech", units: 4, unit_type: "character", is_estimated: false },
      { operation: "image", units: 1, unit_type: "image_hd_1024x1792", is_estimated: false },
      { operation: "transcription", unit_type: "second", is_estimated: false },
      { operation: "transcription", classes: expect.any(Object), is_estimated: false },
    ]);
    expect(held()).toMatchObject({ units: 4, unit_type: "character" });
  });

  test("what costs nothing is not metered", async () => {
    await openai()
      .models.list()
      .catch(() => {});
    expect(project.requests).toEqual([]);
  });

  test("each attempt of the SDK is held by itself; a failed one gives back", async () => {
    const call = openai({ maxRetries: 1 }).chat.completions.create(gpt("[[fake status=503]]"));
    await expect(call).rejects.toMatchObject({ status: 503 });
    expect(provider.requests()).toHaveLength(2);
    expect([...project.holds.values()]).toEqual(["released", "released"]);
    expect(project.events.size).toBe(0);
  });

  test("a refusal is the SDK's own error, at once, and nothing is sent", async () => {
    blocked();
    const error = await openai()
      .chat.completions.create(gpt("Hello"))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 402, code: "PT402" });
    expect(isQuotaExceeded(error)).toBe(true);
    expect(project.count("reserve_usage")).toBe(1);
    expect(provider.requests()).toEqual([]);
  });

  test("when admission cannot be asked, no call is made", async () => {
    project.answer("reserve_usage", () => refuse(503, "PT503", "Later."));
    const call = openai().chat.completions.create(gpt("Hello"));
    await expect(call).rejects.toMatchObject({ status: 503, code: "PT503" });
    expect(provider.requests()).toEqual([]);
  });

  test("usage that cannot be written waits in the queue; the answer is the caller's", async () => {
    project.answer("settle_usage", () => refuse(503, "PT503", "Later."));
    const completion = await openai().chat.completions.create(gpt("Hello"));
    expect(completion.choices[0]?.message.content).toBeTruthy();
    expect(tally.queue.length).toBe(1);
    expect(await tally.queue.flush()).toMatchObject({ recorded: 1, waiting: 0 });
    expect([...project.events.values()]).toMatchObject([{ tool_name: "chat" }]);
  });

  test("a client of the gateway is metered there, not twice", async () => {
    const fetched = vi.fn(async () => Response.json({ choices: [], model: "gpt-4o" }));
    const client = new OpenAI({
      apiKey: "tally_1",
      baseURL: "http://project.test/functions/v1/gateway/openai/v1",
      fetch: fetched,
    });
    await meterOpenAI(client, { tally }).chat.completions.create(gpt("Hello"));
    expect(fetched).toHaveBeenCalledOnce();
    expect(project.requests).toEqual([]);
  });

  test("an image in the prompt is not counted by its bytes", async () => {
    const image = `data:image/png;base64,${"A".repeat(100_000)}`;
    await openai().chat.completions.create({
      ...gpt("Hello"),
      messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: image } }] }],
    });
    expect(held().input_tokens).toBeLessThan(3_000);
  });

  test("the client that was given stays as it is", async () => {
    const own = new OpenAI({ apiKey: "sk-1", baseURL: `${provider.url}/openai/v1` });
    meterOpenAI(own, { tally });
    await own.chat.completions.create(gpt("Hello"));
    expect(project.requests).toEqual([]);
  });
});

describe("anthropic", () => {
  test("messages, whole and streamed, with caches", async () => {
    const message = await anthropic().messages.create(
      claude("Hi [[fake cached=50 cache_write=20]]"),
    );
    expect(message.content[0]).toMatchObject({ type: "text" });
    for await (const _ of await anthropic().messages.create({ ...claude("Hi"), stream: true }));
    const final = await anthropic().messages.stream(claude("Hi")).finalMessage();
    expect(final.usage.output_tokens).toBeGreaterThan(0);
    recorded(3);
  });

  test("a refusal is the SDK's own error", async () => {
    blocked();
    const error = await anthropic()
      .messages.create(claude("Hi"))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 402 });
    expect(isQuotaExceeded(error)).toBe(true);
    expect(provider.requests()).toEqual([]);
  });
});

describe("google", () => {
  test("models, whole and streamed", async () => {
    const answer = await google().models.generateContent(gemini("Hi [[fake reasoning=7]]"));
    expect(answer.text).toBeTruthy();
    for await (const _ of await google().models.generateContentStream(gemini("Hi")));
    expect(recorded(2)).toMatchObject([{ model: "gemini-3-flash", operation: "generate" }, {}]);
  });

  test("chats keep their settings and their history", async () => {
    const chat = google().chats.create({
      model: "gemini-3-flash",
      config: { systemInstruction: "Be brief.", maxOutputTokens: 20 },
    });
    await chat.sendMessage({ message: "One" });
    expect(chat.getHistory()).toHaveLength(2);
    expect(chat.getHistory(true)).toHaveLength(2);
    for await (const _ of await chat.sendMessageStream({ message: "Two" }));
    await chat.sendMessage({ message: "Three", config: { maxOutputTokens: 10 } });
    recorded(3);
    const [first] = provider.requests();
    expect(first?.body).toMatchObject({ systemInstruction: { parts: [{ text: "Be brief." }] } });
  });

  test("a refusal is the SDK's own error", async () => {
    blocked();
    const error = await google()
      .models.generateContent(gemini("Hi"))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 402 });
    expect(isQuotaExceeded(error)).toBe(true);
    expect(provider.requests()).toEqual([]);
  });

  test("an SDK that takes no fetch of ours is an error, not a call that nobody counts", async () => {
    const old = {
      models: { generateContent: async () => ({ text: "Hi" }) },
      chats: {},
    };
    const call = meterGoogle(old, { tally }).models.generateContent();
    await expect(call).resolves.toEqual({ text: "Hi" });
    const generate = meterGoogle(old, { tally }).models.generateContent as (
      parameters: object,
    ) => Promise<unknown>;
    await expect(generate({})).rejects.toMatchObject({ code: "TALLY_UNSUPPORTED" });
  });
});

test("a 402 of the provider itself is no quota of ours", () => {
  expect(isQuotaExceeded({ status: 402, message: "402 Insufficient Balance" })).toBe(false);
  expect(isQuotaExceeded(new Error("Quota exceeded"))).toBe(false);
  expect(isQuotaExceeded(null)).toBe(false);
});

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}
