import { describe, expect, test } from "vitest";
import {
  createStreamAccumulator,
  type StreamResult,
} from "../../supabase/functions/_tally/accumulate-stream.ts";
import { normalizeUsage } from "../../supabase/functions/_tally/normalize-usage.ts";
import { type SampleStream, sampleStreams, toEventStream } from "./sample-streams.ts";

function accumulate(provider: string, events: unknown[], aborted = false): StreamResult {
  const stream = createStreamAccumulator(provider);
  for (const event of events) stream.push(event);
  return stream.finish({ aborted });
}

const bytesOf = (text: string) => new TextEncoder().encode(text).length;
const closingIndex = ({ closes, events }: SampleStream) => closes ?? events.length - 1;

describe.each(sampleStreams)("$name", (sample) => {
  const { provider, events, response, text } = sample;
  const whole = normalizeUsage(provider, response);

  test("reports what the same answer in one piece reports", () => {
    const result = accumulate(provider, events);
    expect(whole).not.toBeNull();
    expect(result.usage).toEqual({ ...whole, raw: result.usage?.raw });
    expect(result).toMatchObject({
      is_estimated: false,
      complete: true,
      model: whole?.model,
      text_chars: [...text].length,
      text_bytes: bytesOf(text),
    });
  });

  test("is exact when cut after its closing event, an estimate when cut before", () => {
    for (let length = 0; length <= events.length; length++) {
      const result = accumulate(provider, events.slice(0, length), true);
      const isClosed = length > closingIndex(sample);
      expect({ length, estimated: result.is_estimated }).toEqual({ length, estimated: !isClosed });
      if (isClosed) expect(result.usage).toEqual({ ...whole, raw: result.usage?.raw });
      else expect(result.complete && result.usage !== null).toBe(false);
      expect(result.text_bytes).toBeLessThanOrEqual(bytesOf(text));
    }
  });

  test.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
  ])("a cut anywhere in its bytes changes nothing, %s", (_, lineEnd) => {
    const bytes = new TextEncoder().encode(toEventStream(sample, lineEnd));
    const expected = JSON.stringify(accumulate(provider, events));
    const differing: number[] = [];
    for (let cut = 0; cut <= bytes.length; cut++) {
      const stream = createStreamAccumulator(provider);
      stream.pushBytes(bytes.subarray(0, cut));
      stream.pushBytes(bytes.subarray(cut));
      if (JSON.stringify(stream.finish()) !== expected) differing.push(cut);
    }
    expect(differing).toEqual([]);
  });

  test("every byte on its own changes nothing", () => {
    const stream = createStreamAccumulator(provider);
    for (const byte of new TextEncoder().encode(toEventStream(sample))) {
      stream.pushBytes(Uint8Array.of(byte));
    }
    expect(stream.finish()).toEqual(accumulate(provider, events));
  });
});

describe("streams that end badly", () => {
  test("no usage was asked for: the answer is complete, the usage an estimate", () => {
    const { events } = sampleStreams[0] as SampleStream;
    expect(accumulate("openai", events.slice(0, -1))).toMatchObject({
      usage: null,
      complete: true,
      is_estimated: true,
      model: "gpt-5.4",
      text_chars: 17,
    });
  });

  test("a clean end without a closing mark is believed where the usage can be the last one", () => {
    const xai = sampleStreams[1] as SampleStream;
    const open = xai.events.slice(0, 2);
    expect(accumulate("xai", open, false)).toMatchObject({ complete: true, is_estimated: false });
    expect(accumulate("xai", open, true)).toMatchObject({ complete: false, is_estimated: true });
  });

  test("anthropic's first count of output is never the last one", () => {
    const start = sampleStreams
      .find(({ provider }) => provider === "anthropic")
      ?.events.slice(0, 1);
    const result = accumulate("anthropic", start ?? []);
    expect(result).toMatchObject({ complete: false, is_estimated: true });
    expect(result.usage).toMatchObject({ input_tokens: 1325, output_tokens: 1 });
  });

  test("a failed response without usage is complete and has none", () => {
    const events = [
      { type: "response.output_text.delta", delta: "abc" },
      { type: "response.failed", response: { model: "gpt-5.4", status: "failed", usage: null } },
    ];
    expect(accumulate("openai", events)).toMatchObject({
      usage: null,
      complete: true,
      is_estimated: true,
      model: "gpt-5.4",
      text_chars: 3,
    });
  });

  test("one of two choices still open is not the end", () => {
    const choice = (index: number, finish_reason: string | null) => ({
      choices: [{ index, delta: { content: "x" }, finish_reason }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    });
    const events = [choice(0, "stop"), choice(1, null)];
    expect(accumulate("xai", events, true).complete).toBe(false);
    expect(accumulate("xai", [...events, choice(1, "stop")], true).complete).toBe(true);
  });

  test("a blocked prompt ends the stream", () => {
    const event = {
      promptFeedback: { blockReason: "SAFETY" },
      usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
    };
    expect(accumulate("google", [event], true)).toMatchObject({
      complete: true,
      is_estimated: false,
    });
  });
});

describe("text", () => {
  const emitted = (text: string[]) => {
    const events = text.map((delta) => ({ type: "response.output_text.delta", delta }));
    const { text_chars, text_bytes } = accumulate("openai", events);
    return { text_chars, text_bytes };
  };

  test("is counted in code points and in bytes", () => {
    expect(emitted(["aé€😀"])).toEqual({ text_chars: 4, text_bytes: 10 });
  });

  test("may be cut inside a character", () => {
    expect(emitted(["a\ud83d", "\ude00b"])).toEqual({ text_chars: 3, text_bytes: 6 });
  });

  test("is not kept", () => {
    const secret = "secret".repeat(1000);
    const stream = createStreamAccumulator("openai");
    stream.push({ type: "response.output_text.delta", delta: secret });
    stream.push({
      type: "response.completed",
      response: {
        output: [{ type: "message", content: [{ text: secret }] }],
        usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
      },
    });
    expect(JSON.stringify(stream.finish())).not.toContain("secret");
  });

  test("base64 of audio is not text", () => {
    const events = [
      { type: "response.output_audio.delta", delta: "AAAA" },
      { type: "response.audio.delta", delta: "AAAA" },
      { type: "response.output_audio_transcript.delta", delta: "hi" },
    ];
    expect(accumulate("openai", events).text_chars).toBe(2);
  });
});

describe("what counts as emitted text", () => {
  const choice = (delta: object) => ({ choices: [{ index: 0, delta, finish_reason: null }] });
  const parts = (...list: object[]) => ({ candidates: [{ content: { parts: list }, index: 0 }] });
  test.each([
    ["legacy completions", { choices: [{ index: 0, text: "abc", finish_reason: null }] }, "abc"],
    ["content in parts", choice({ content: [{ type: "text", text: "abc" }] }), "abc"],
    ["a refusal", choice({ refusal: "no" }), "no"],
    ["reasoning", choice({ reasoning: "hm" }), "hm"],
    [
      "reasoning in both of its names once",
      choice({ reasoning: "hm", reasoning_content: "hm" }),
      "hm",
    ],
    [
      "the words of audio, not its data",
      choice({ audio: { transcript: "hi", data: "AAAA" } }),
      "hi",
    ],
    ["a function call", choice({ function_call: { name: "f", arguments: "{}" } }), "f{}"],
    ["code", parts({ executableCode: { language: "PYTHON", code: "1+1" } }), "1+1"],
    [
      "a call of Gemini",
      parts({ functionCall: { name: "f", args: {} } }),
      '{"name":"f","args":{}}',
    ],
    ["a chunk inside a response", { response: parts({ text: "hi" }), usageMetadata: {} }, "hi"],
    ["arguments of an interaction", { delta: { type: "arguments_delta", arguments: "{}" } }, "{}"],
    ["thinking of Cohere", { delta: { message: { content: { thinking: "hm" } } } }, "hm"],
    ["a part of the AI SDK's stream", { type: "text-delta", id: "1", text: "hi" }, "hi"],
    ["its reasoning", { type: "reasoning-delta", id: "1", text: "hm" }, "hm"],
    ["nothing of a finished text", { type: "response.output_text.done", text: "hi" }, ""],
  ])("%s", (_, event, text) => {
    expect(accumulate("custom", [event]).text_chars).toBe([...text].length);
  });
});

test("what an interaction reported on the way is known after a cut", () => {
  const { events } = sampleStreams.find(({ name }) =>
    name.endsWith("interactions"),
  ) as SampleStream;
  expect(accumulate("google", events.slice(0, 2), true)).toMatchObject({
    usage: { model: "gemini-3-pro-preview", input_tokens: 9, output_tokens: 1 },
    is_estimated: true,
  });
});

test.each([
  ["responses", { type: "response.created", response: { model: "m" } }],
  ["the AI SDK", { type: "finish-step", response: { modelId: "m" } }],
  ["chat", { choices: [], model: "m" }],
  ["Gemini", { candidates: [], modelVersion: "m" }],
  ["Anthropic", { type: "message_start", message: { model: "m" } }],
])("the model is known before any usage: %s", (_, event) => {
  expect(accumulate("custom", [event])).toMatchObject({ usage: null, model: "m", complete: false });
});

test("searches of several candidates are all counted", () => {
  const candidate = (index: number, queries: string[]) => ({
    index,
    finishReason: "STOP",
    groundingMetadata: { webSearchQueries: queries },
  });
  const event = {
    candidates: [candidate(0, ["a"]), candidate(1, ["b", "c"])],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    modelVersion: "gemini-3-pro-preview",
  };
  expect(accumulate("google", [event]).usage?.classes).toMatchObject({ web_search: 3 });
});

test("an array of chunks is a stream too", () => {
  const { events, response } = sampleStreams.find(({ name }) =>
    name.startsWith("gemini g"),
  ) as SampleStream;
  const stream = createStreamAccumulator("google");
  stream.push(events);
  expect(stream.finish().usage?.classes).toEqual(normalizeUsage("google", response)?.classes);
});

test("a forced wire format is kept", () => {
  const stream = createStreamAccumulator("custom", { api: "chat" });
  stream.push({ usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 } });
  expect(stream.finish().usage?.classes).toEqual({ input: 2, output: 3 });
});

test("events that are none are ignored", () => {
  const stream = createStreamAccumulator("openai");
  for (const event of [null, 1, "data", undefined, true, [], [[null]]]) stream.push(event);
  stream.pushBytes(": comment\n\ndata: [DONE]\n\ndata: {broken\n\n");
  expect(stream.finish()).toEqual({
    usage: null,
    is_estimated: true,
    complete: false,
    text_chars: 0,
    text_bytes: 0,
    model: null,
  });
});
