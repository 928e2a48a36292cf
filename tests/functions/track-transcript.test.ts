import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { handleRequests } from "../../supabase/functions/_tally/handle-request.ts";
import { trackUsage } from "../../supabase/functions/_tally/track-usage.ts";
import { billed } from "./gateway-support.ts";
import { API_KEY_ID, ENVIRONMENT, fakeDatabase, keyRow, logsOf, ORGANIZATION } from "./support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

/** A stream as a caller kept it. */
async function keep(path: string, body: object): Promise<string> {
  const response = await fetch(`${provider.url}/${path}`, {
    method: "POST",
    headers: { authorization: "Bearer any", "x-api-key": "any" },
    body: JSON.stringify(body),
  });
  return response.text();
}

async function send(transcript: BodyInit, headers: Record<string, string> = {}) {
  const database = fakeDatabase({
    verify_api_key: keyRow,
    track_usage: () => ({ answer: "{}" }),
  });
  const answer = handleRequests(
    { name: "track", scope: "track", handle: trackUsage },
    { variable: (name) => ENVIRONMENT[name], database, fetch },
  );
  let response = new Response();
  await logsOf(async () => {
    response = await answer(
      new Request("http://functions.invalid/track", {
        method: "POST",
        headers: {
          authorization: `Bearer tally_${"k".repeat(43)}`,
          "content-type": "text/event-stream",
          ...headers,
        },
        body: transcript,
        duplex: "half",
      } as RequestInit),
    );
  });
  const last = database.sent.at(-1);
  return {
    status: response.status,
    body: (await response.json()) as { code?: string; details?: string },
    event: last?.statement.includes("track_usage") ? JSON.parse(String(last.parameters[0])) : null,
  };
}

const messages = [{ role: "user", content: "tt-one [[fake words=8 reasoning=5 unicode]]" }];

for (const [name, path, body] of [
  [
    "openai",
    "openai/v1/chat/completions",
    { model: "gpt-4o-mini", messages, stream: true, stream_options: { include_usage: true } },
  ],
  [
    "anthropic",
    "anthropic/v1/messages",
    { model: "claude-sonnet-4-6", max_tokens: 50, messages, stream: true },
  ],
  [
    "google",
    "google/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
    { contents: [{ parts: [{ text: "tt-one [[fake words=8 reasoning=5 unicode]]" }] }] },
  ],
  ["openai", "openai/v1/responses", { model: "gpt-5", input: messages[0]?.content, stream: true }],
] as const) {
  test(`a transcript of ${path.split("?")[0]} is recorded as the provider bills it`, async () => {
    provider.reset();
    const transcript = await keep(path, body);
    const { status, event } = await send(transcript, {
      "x-tally-provider": name,
      "x-tally-tool": "notes",
      "idempotency-key": "kept-1",
    });

    expect(status).toBe(200);
    const [line] = provider.requests();
    expect(event).toMatchObject({
      organization_id: ORGANIZATION,
      api_key_id: API_KEY_ID,
      provider: name,
      model: line?.model,
      tool_name: "notes",
      idempotency_key: "kept-1",
      classes: billed(line),
    });
    expect(event.is_estimated ?? false).toBe(false);
  });
}

test("a transcript that stops early is an estimate of what is in it", async () => {
  const whole = await keep("anthropic/v1/messages", {
    model: "claude-sonnet-4-6",
    max_tokens: 90,
    messages: [{ role: "user", content: "[[fake words=60]]" }],
    stream: true,
  });
  const { event } = await send(whole.slice(0, whole.indexOf("message_delta")), {
    "x-tally-provider": "anthropic",
  });

  expect(event).toMatchObject({ is_estimated: true, status: "aborted" });
  expect(event.output_tokens).toBeGreaterThan(40);
});

test("what says no usage, or not whose it is, is refused by name", async () => {
  const silent = await keep("openai/v1/chat/completions", {
    model: "gpt-4o-mini",
    messages,
    stream: true,
  });

  expect(await send(silent, { "x-tally-provider": "openai" })).toMatchObject({
    status: 400,
    event: null,
  });
  expect(await send(silent)).toMatchObject({ status: 400, body: { details: "x-tally-provider" } });
  const headers = { "x-tally-provider": "openai", "x-tally-usage-id": "mine" };
  expect(await send(silent, headers)).toMatchObject({ status: 400, body: { details: "id" } });
});

test("a compressed transcript is refused as such", async () => {
  const headers = { "x-tally-provider": "openai", "content-encoding": "gzip" };

  expect(await send("x", headers)).toMatchObject({
    status: 400,
    body: { details: "content-encoding" },
  });
});

test("a long transcript is followed, never kept", async () => {
  let sent = 0;
  const chunk = new TextEncoder().encode(
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "x".repeat(60_000) } }] })}\n\n`,
  );
  const end = new TextEncoder().encode(
    `data: ${JSON.stringify({ model: "gpt-4o-mini", choices: [], usage: { prompt_tokens: 4, completion_tokens: 9, total_tokens: 13 } })}\n\ndata: [DONE]\n\n`,
  );
  const endless = (bytes: number) =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent < bytes) controller.enqueue(chunk);
        else {
          controller.enqueue(end);
          controller.close();
        }
        sent += chunk.length;
      },
    });
  const headers = { "x-tally-provider": "openai" };

  expect((await send(endless(20_000_000), headers)).event).toMatchObject({ output_tokens: 9 });
  sent = 0;
  expect(await send(endless(80_000_000), headers)).toMatchObject({ status: 413, event: null });
});
