import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../src/index.ts";

let provider: FakeProvider;
let openai: OpenAI;

beforeAll(async () => {
  provider = await startFakeProvider();
  openai = clientFor("/openai/v1", "sk-any");
});
afterAll(() => provider.close());

function clientFor(path: string, apiKey: string) {
  return new OpenAI({ apiKey, baseURL: provider.url + path, maxRetries: 0 });
}

async function billOf(marker: string) {
  const [line] = await provider.when({ ended: 1, contains: marker });
  if (!line) throw new Error(`no request with ${marker} was received`);
  return line;
}

function ask(content: string) {
  return { model: "gpt-4o-mini", messages: [{ role: "user" as const, content }] };
}

test("a chat completion is billed by its disjoint parts", async () => {
  const completion = await openai.chat.completions.create(
    ask("m-plain [[fake input=2006 cached=1920 output=300 reasoning=20]]"),
  );

  expect(completion.usage).toMatchObject({
    prompt_tokens: 2006,
    completion_tokens: 320,
    total_tokens: 2326,
    prompt_tokens_details: { cached_tokens: 1920 },
    completion_tokens_details: { reasoning_tokens: 20 },
  });
  expect((await billOf("m-plain")).classes).toMatchObject({
    input: 86,
    cache_read: 1920,
    output: 300,
    reasoning: 20,
  });
});

test("the same prompt gets the same answer", async () => {
  const first = await openai.chat.completions.create(ask("m-same"));
  const second = await openai.chat.completions.create(ask("m-same"));

  expect(second.choices).toEqual(first.choices);
  expect(second.usage).toEqual(first.usage);
});

test("a token limit cuts the answer", async () => {
  const completion = await openai.chat.completions.create({
    ...ask("m-cut [[fake words=50]]"),
    max_completion_tokens: 5,
  });

  expect(completion.choices[0]?.finish_reason).toBe("length");
  expect(completion.usage?.completion_tokens).toBeLessThanOrEqual(5);
});

test("a stream tells its usage only when asked", async () => {
  const read = async (options: { stream_options?: { include_usage: boolean } }) => {
    const stream = await openai.chat.completions.create({
      ...ask("m-stream [[fake words=10 unicode split=3]]"),
      stream: true,
      ...options,
    });
    let text = "";
    const usages: unknown[] = [];
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (chunk.usage !== undefined) usages.push(chunk.usage);
    }
    return { text, usages };
  };

  const silent = await read({});
  const asked = await read({ stream_options: { include_usage: true } });

  expect(silent.usages).toEqual([]);
  expect(asked.usages.at(-1)).toMatchObject({ completion_tokens: expect.any(Number) });
  expect(asked.usages.slice(0, -1).every((usage) => usage === null)).toBe(true);
  expect(silent.text).toBe(asked.text);
  expect(silent.text).toContain("🚀");
});

test("an aborted stream is billed for what was sent", async () => {
  const stream = await openai.chat.completions.create({
    ...ask("m-abort [[fake words=20 hang_after=4]]"),
    stream: true,
  });
  let pieces = 0;
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) pieces++;
    if (pieces === 4) break;
  }

  const line = await billOf("m-abort");
  expect(line.outcome).toBe("aborted");
  expect(line.classes?.output).toBe(4);
});

test("a stream can break in the middle", async () => {
  const stream = await openai.chat.completions.create({
    ...ask("m-break [[fake words=20 break_after=3]]"),
    stream: true,
  });
  const read = async () => {
    for await (const _ of stream);
  };

  await expect(read()).rejects.toThrow();
  expect((await billOf("m-break")).outcome).toBe("broken");
});

test("errors have the status that was asked for and cost nothing", async () => {
  const failed = openai.chat.completions.create(ask("m-error [[fake status=503 retry_after=7]]"));

  const error = await failed.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(APIError);
  expect(error).toMatchObject({ status: 503 });
  expect((error as APIError).headers?.get("retry-after")).toBe("7");
  expect(await billOf("m-error")).toMatchObject({ outcome: "error", classes: null });
});

test("a request without a key is refused in the provider's own shape", async () => {
  const response = await fetch(`${provider.url}/openai/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify(ask("m-keyless")),
  });

  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ error: { code: "invalid_api_key" } });
});

test("a directive with a typo is an error, not an ordinary answer", async () => {
  await expect(
    openai.chat.completions.create(ask("m-typo [[fake statuss=500]]")),
  ).rejects.toMatchObject({ status: 400 });
});

test("tools are called when asked for", async () => {
  const completion = await openai.chat.completions.create({
    ...ask("m-tool [[fake tool_call]]"),
    tools: [{ type: "function", function: { name: "weather", parameters: {} } }],
  });

  expect(completion.choices[0]?.finish_reason).toBe("tool_calls");
  expect(completion.choices[0]?.message.tool_calls?.[0]).toMatchObject({
    function: { name: "weather" },
  });
});

test("the Responses API answers and streams with usage", async () => {
  const input =
    "m-responses [[fake input=10000 cached=6000 cache_write=3000 output=500 reasoning=1500]]";
  const response = await openai.responses.create({ model: "gpt-6-sol", input });
  const stream = await openai.responses.create({ model: "gpt-6-sol", input, stream: true });
  const events = await Array.fromAsync(stream);

  const usage = {
    input_tokens: 10_000,
    input_tokens_details: { cached_tokens: 6000, cache_write_tokens: 3000 },
    output_tokens: 2000,
    output_tokens_details: { reasoning_tokens: 1500 },
    total_tokens: 12_000,
  };
  expect(response.usage).toEqual(usage);
  const last = events.at(-1);
  expect(last?.type).toBe("response.completed");
  expect(last).toMatchObject({ response: { usage } });
  expect(response.output_text).toBe(
    events
      .map((event) => (event.type === "response.output_text.delta" ? event.delta : ""))
      .join(""),
  );
});

test("embeddings cost input only", async () => {
  const result = await openai.embeddings.create({
    model: "text-embedding-3-small",
    input: ["m-embed one two", "three"],
  });

  expect(result.data).toHaveLength(2);
  expect(result.usage.prompt_tokens).toBe(result.usage.total_tokens);
  expect((await billOf("m-embed")).classes).toMatchObject({
    input: result.usage.prompt_tokens,
    output: 0,
  });
});

test("xAI reports reasoning beside the completion, and its streams always tell usage", async () => {
  const xai = clientFor("/xai/v1", "xai-any");
  const request = ask("m-xai [[fake input=10120 cached=128 output=1499 reasoning=2809]]");
  const completion = await xai.chat.completions.create(request);
  const chunks = await Array.fromAsync(
    await xai.chat.completions.create({ ...request, stream: true }),
  );

  expect(completion.usage).toMatchObject({
    prompt_tokens: 10_120,
    completion_tokens: 1499,
    total_tokens: 14_428,
  });
  expect(chunks.at(-1)?.usage).toEqual(completion.usage);
});
