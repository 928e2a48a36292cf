import { expect, test } from "vitest";
import type { PreparedRequest } from "../../supabase/functions/_tally/gateway/adapter.ts";
import { chatCompletions } from "../../supabase/functions/_tally/gateway/adapters/openai-chat.ts";
import {
  meterStream,
  type StreamOutcome,
} from "../../supabase/functions/_tally/gateway/meter-stream.ts";
import { FrameSplitter } from "../../supabase/functions/_tally/gateway/split-frames.ts";

const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
const frames = [
  ...["one", " two", " three"].map((content) => ({ choices: [{ index: 0, delta: { content } }] })),
  { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
  { model: "gpt-4o-mini-2024-07-18", choices: [], usage },
].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
const USAGE_FRAME = 4;
const stream = [...frames, "data: [DONE]\n\n"];

/** What its reader looks at of a request: nothing. */
const ANY_REQUEST = {} as PreparedRequest;

/** A provider whose frames are let through one by one. */
function setUp(options: { hidesUsage?: boolean; idleMs?: number } = {}) {
  let provider!: ReadableStreamDefaultController<Uint8Array>;
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      provider = controller;
    },
  });
  const outcomes: StreamOutcome[] = [];
  let upstreamAborts = 0;
  const client = new AbortController();
  const { promise: ended, resolve } = Promise.withResolvers<StreamOutcome>();
  const output = meterStream(source, {
    reader: chatCompletions("openai").createStreamReader(ANY_REQUEST),
    splitter: new FrameSplitter(),
    hidesUsage: options.hidesUsage ?? true,
    idleMs: options.idleMs ?? 60_000,
    clientGone: client.signal,
    abortUpstream: () => {
      upstreamAborts++;
      provider.error(new DOMException("aborted", "AbortError"));
    },
    onEnd: async (outcome) => {
      outcomes.push(outcome);
      resolve(outcome);
      return null;
    },
  });
  return {
    output: output.getReader(),
    send: (frame: string) => provider.enqueue(new TextEncoder().encode(frame)),
    close: () => provider.close(),
    fail: () => provider.error(new TypeError("connection reset")),
    client,
    ended,
    outcomes,
    upstreamAborts: () => upstreamAborts,
  };
}

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
}

const countWords = async (texts: readonly string[]) => ({
  tokens: texts.join("").split(/\s+/).filter(Boolean).length,
  wide_tokens: 0,
  bytes: 0,
  is_exact: true,
  operations: 0,
});

test("a whole stream passes byte for byte, without the usage that nobody asked for", async () => {
  const { output, send, close, ended } = setUp();
  for (const frame of stream) send(frame);
  close();

  expect(await readAll(output)).toBe(stream.filter((_, at) => at !== USAGE_FRAME).join(""));
  const { status, end } = await ended;
  expect(status).toBe("success");
  expect(end).toMatchObject({ isComplete: true, model: "gpt-4o-mini-2024-07-18" });
  expect(end.usage?.classes).toEqual({ input: 7, output: 3 });
});

test("who asked for usage gets everything, at once and cut as it came", async () => {
  const { output, send, close } = setUp({ hidesUsage: false });
  const half = stream[0]?.slice(0, 10) ?? "";
  send(half);

  expect(new TextDecoder().decode((await output.read()).value)).toBe(half);
  send(stream[0]?.slice(10) ?? "");
  for (const frame of stream.slice(1)) send(frame);
  close();
  expect(half + (await readAll(output))).toBe(stream.join(""));
});

test("the call is recorded before the last frame leaves", async () => {
  let isRecorded = false;
  const output = meterStream(new Blob([stream.join("")]).stream(), {
    reader: chatCompletions("openai").createStreamReader(ANY_REQUEST),
    splitter: new FrameSplitter(),
    hidesUsage: true,
    idleMs: 60_000,
    clientGone: new AbortController().signal,
    abortUpstream: () => {},
    onEnd: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      isRecorded = true;
      return null;
    },
  });

  const seen: [string, boolean][] = [];
  for await (const bytes of output) seen.push([new TextDecoder().decode(bytes), isRecorded]);
  expect(seen.at(-1)).toEqual(["data: [DONE]\n\n", true]);
  // Frames that came together leave together; the first ones do not wait for the end.
  expect(seen[0]?.[0]).toContain(stream[0]);
  expect(seen[0]?.[1]).toBe(false);
});

test("a client that leaves while its call is being recorded disturbs nothing", async () => {
  const { promise: isBack, resolve: bringBack } = Promise.withResolvers<void>();
  const { promise: isEnding, resolve: end } = Promise.withResolvers<void>();
  const outcomes: string[] = [];
  const output = meterStream(new Blob([stream.join("")]).stream(), {
    reader: chatCompletions("openai").createStreamReader(ANY_REQUEST),
    splitter: new FrameSplitter(),
    hidesUsage: true,
    idleMs: 60_000,
    clientGone: new AbortController().signal,
    abortUpstream: () => {},
    onEnd: async ({ status }) => {
      outcomes.push(status);
      end();
      await isBack;
      return null;
    },
  }).getReader();

  const text = readAll(output);
  await isEnding;
  const left = output.cancel();
  bringBack();
  await left;

  expect(await text).not.toContain("[DONE]");
  expect(outcomes).toEqual(["success"]);
});

for (let sent = 0; sent < stream.length; sent++) {
  test(`a client that leaves after ${sent} frames ends the upstream request`, async () => {
    const { output, send, ended, outcomes, upstreamAborts } = setUp();
    for (const frame of stream.slice(0, sent)) {
      send(frame);
      if (frame !== stream[USAGE_FRAME]) await output.read();
    }
    // Asks for more, so that the frames before are followed; then leaves while nothing comes.
    const pending = output.read();
    await new Promise((resolve) => setImmediate(resolve));
    await output.cancel();

    const { status, end, text } = await ended;
    await pending;
    const isKnown = sent > USAGE_FRAME;
    expect(upstreamAborts()).toBe(1);
    expect(outcomes).toHaveLength(1);
    // After the last word nothing was lost: the numbers are the provider's.
    expect(end.isComplete).toBe(sent > USAGE_FRAME - 1);
    expect(status).toBe(end.isComplete ? "success" : "aborted");
    expect(end.usage === null).toBe(!isKnown);
    expect(await text.countTokens(countWords)).toBe(Math.min(sent, 3));
  });
}

test("a client that is gone is noticed while the provider is silent", async () => {
  const { client, ended, upstreamAborts, outcomes } = setUp();
  client.abort();
  client.abort();

  expect((await ended).status).toBe("aborted");
  expect(upstreamAborts()).toBe(1);
  expect(outcomes).toHaveLength(1);
});

test("a stream that breaks is an error for the client and a failed call with what was seen", async () => {
  const { output, send, fail, ended } = setUp();
  send(stream[0] ?? "");
  await output.read();
  const rest = readAll(output);
  fail();

  await expect(rest).rejects.toThrow("connection reset");
  const { status, end, text } = await ended;
  expect({ status, isComplete: end.isComplete }).toEqual({ status: "failed", isComplete: false });
  expect(await text.countTokens(countWords)).toBe(1);
});

test("a stream that stops politely before its end has failed too", async () => {
  const { output, send, close, ended } = setUp();
  send(stream[0] ?? "");
  close();

  await readAll(output);
  expect((await ended).status).toBe("failed");
});

test("a provider that stays silent too long has timed out", async () => {
  const { output, ended, upstreamAborts } = setUp({ idleMs: 5 });

  await expect(output.read()).rejects.toThrow("silent for 5 ms");
  expect((await ended).status).toBe("timeout");
  expect(upstreamAborts()).toBe(1);
});

test("a finished stream without usage is a success that has to be estimated", async () => {
  const { output, send, close, ended } = setUp();
  for (const [at, frame] of stream.entries()) if (at !== USAGE_FRAME) send(frame);
  close();

  await readAll(output);
  const { status, end } = await ended;
  expect(status).toBe("success");
  expect(end.usage).toBeNull();
});
