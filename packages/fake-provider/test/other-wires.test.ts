import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../src/index.ts";

let provider: FakeProvider;

beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

function post(path: string, headers: Record<string, string>, body: unknown) {
  return fetch(provider.url + path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function eventsOf(response: Response): Promise<Record<string, unknown>[]> {
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  const text = await response.text();
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data));
}

const anthropicHeaders = { "x-api-key": "any", "anthropic-version": "2023-06-01" };
const anthropicBody = (content: string) => ({
  model: "claude-sonnet-4-5",
  max_tokens: 1000,
  messages: [{ role: "user", content }],
});

test("Anthropic: cache classes are beside input_tokens, thinking is inside output_tokens", async () => {
  const directive =
    "[[fake input=27095 cached=20000 cache_write=3000 cache_write_1h=2000 output=403 reasoning=100 web_search=2]]";
  const response = await post(
    "/anthropic/v1/messages",
    anthropicHeaders,
    anthropicBody(`m-anthropic ${directive}`),
  );

  expect(await response.json()).toMatchObject({
    type: "message",
    usage: {
      input_tokens: 2095,
      cache_creation_input_tokens: 5000,
      cache_read_input_tokens: 20_000,
      cache_creation: { ephemeral_5m_input_tokens: 3000, ephemeral_1h_input_tokens: 2000 },
      output_tokens: 503,
      output_tokens_details: { thinking_tokens: 100 },
      server_tool_use: { web_search_requests: 2 },
    },
  });
});

test("Anthropic: a stream runs from message_start to message_stop with cumulative usage", async () => {
  const response = await post("/anthropic/v1/messages", anthropicHeaders, {
    ...anthropicBody("m-stream [[fake words=6 output=42]]"),
    stream: true,
  });

  const events = await eventsOf(response);
  expect(events.map(({ type }) => type)).toEqual([
    "message_start",
    "content_block_start",
    "ping",
    ...Array(6).fill("content_block_delta"),
    "content_block_stop",
    "message_delta",
    "message_stop",
  ]);
  expect(events[0]).toMatchObject({ message: { usage: { output_tokens: 1 } } });
  expect(events.at(-2)).toMatchObject({ usage: { output_tokens: 42 } });
});

test("Anthropic: counting is free and errors have Anthropic's shape", async () => {
  const body = anthropicBody("m-count one two three");
  const counted = await post("/anthropic/v1/messages/count_tokens", anthropicHeaders, body);
  const answered = await post("/anthropic/v1/messages", anthropicHeaders, body);
  const keyless = await post("/anthropic/v1/messages", {}, body);

  const { usage } = (await answered.json()) as { usage: { input_tokens: number } };
  expect(await counted.json()).toEqual({ input_tokens: usage.input_tokens });
  const [line] = await provider.when({ ended: 3, contains: "m-count" });
  expect(line?.classes).toBeNull();
  expect(keyless.status).toBe(401);
  expect(await keyless.json()).toMatchObject({
    type: "error",
    error: { type: "authentication_error" },
  });
});

const googleHeaders = { "x-goog-api-key": "any" };
const googleBody = (text: string) => ({ contents: [{ role: "user", parts: [{ text }] }] });
const googleModel = "/google/v1beta/models/gemini-3-pro-preview";

test("Google: cached is inside the prompt, thoughts are beside the candidates", async () => {
  const response = await post(
    `${googleModel}:generateContent`,
    googleHeaders,
    googleBody("m-google [[fake input=12500 cached=8000 output=700 reasoning=1300]]"),
  );

  expect(await response.json()).toMatchObject({
    modelVersion: "gemini-3-pro-preview",
    usageMetadata: {
      promptTokenCount: 12_500,
      cachedContentTokenCount: 8000,
      candidatesTokenCount: 700,
      thoughtsTokenCount: 1300,
      totalTokenCount: 14_500,
    },
  });
});

test("Google: a stream's last chunk has the usage and the reason", async () => {
  const response = await post(
    `${googleModel}:streamGenerateContent?alt=sse`,
    googleHeaders,
    googleBody("m-stream [[fake words=3 output=33]]"),
  );

  const events = await eventsOf(response);
  expect(events).toHaveLength(4);
  expect(events.at(-1)).toMatchObject({
    candidates: [{ finishReason: "STOP" }],
    usageMetadata: { candidatesTokenCount: 33 },
  });
});

test("Google: countTokens, embedContent, a key in the query, and errors", async () => {
  const counted = await post(
    `${googleModel}:countTokens?key=any`,
    {},
    googleBody("m-google-count one two"),
  );
  const embedded = await post(
    "/google/v1beta/models/gemini-embedding-001:embedContent",
    googleHeaders,
    {
      content: { parts: [{ text: "m-google-embed" }] },
    },
  );
  const keyless = await post(`${googleModel}:generateContent`, {}, googleBody("m-google-keyless"));

  expect(await counted.json()).toEqual({ totalTokens: expect.any(Number) });
  expect(await embedded.json()).toEqual({ embedding: { values: expect.any(Array) } });
  expect(keyless.status).toBe(401);
  expect(await keyless.json()).toMatchObject({ error: { code: 401, status: "UNAUTHENTICATED" } });
});

test("the bill is readable over HTTP, waits for the end of a request, and can be forgotten", async () => {
  const running = post("/google/v1beta/models/gemini-2.5-flash:generateContent", googleHeaders, {
    ...googleBody("m-bill [[fake delay=50]]"),
  });
  const bill = await fetch(`${provider.url}/__fake/requests?contains=m-bill&ended=1`);
  await running;

  expect(await bill.json()).toMatchObject([
    {
      provider: "google",
      model: "gemini-2.5-flash",
      outcome: "complete",
      headers: { "x-goog-api-key": "(present)" },
    },
  ]);
  await fetch(`${provider.url}/__fake/reset`, { method: "POST" });
  expect(provider.requests()).toEqual([]);
});

test("gzip, where the client takes it", async () => {
  const response = await fetch(`${provider.url}/anthropic/v1/messages`, {
    method: "POST",
    headers: { ...anthropicHeaders, "accept-encoding": "gzip" },
    body: JSON.stringify(anthropicBody("m-gzip [[fake gzip]]")),
  });

  expect(response.headers.get("content-encoding")).toBe("gzip");
  expect(await response.json()).toMatchObject({ type: "message" });
});
