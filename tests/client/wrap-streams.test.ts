import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  createTallybase,
  type TallybaseOptions,
  UsageNotRecordedError,
} from "../../packages/client/src/index.ts";
import { type FakeProject, fakeProject, refuse } from "./fake-project.ts";
import {
  anthropicEvents,
  anthropicMessage,
  openaiChunks,
  openaiEventStream,
  sourceOf,
} from "./provider-answers.ts";

const context = { provider: "openai", model: "gpt-4o" };
const estimate = { inputTokens: 200, maxOutputTokens: 100 };

let project: FakeProject;
const client = (options: TallybaseOptions = {}) =>
  createTallybase({
    url: "http://project.test",
    key: "sb_secret_1",
    organizationId: "org-1",
    retries: 0,
    fetch: project.fetch,
    ...options,
  });
const onlyEvent = () => {
  expect([...project.events.values()]).toHaveLength(1);
  return [...project.events.values()][0];
};
async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const value of stream) seen.push(value);
  return seen;
}

beforeEach(() => {
  project = fakeProject();
});
afterEach(() => void vi.useRealTimers());

describe("an async iterable", () => {
  test("passes through unchanged and is settled before its end is told", async () => {
    const { response, usage, quotaExceeded } = await client().wrapWithTracking(
      context,
      () => sourceOf(openaiChunks).stream,
      estimate,
    );
    expect(quotaExceeded).toBe(false);
    expect(await collect(response)).toEqual(openaiChunks);
    expect(onlyEvent()).toMatchObject({
      model: "gpt-4o-2024-08-06",
      input_tokens: 120,
      output_tokens: 30,
      status: "success",
      is_estimated: false,
    });
    expect(await usage).toMatchObject({ status: "recorded", totalTokens: 150, isEstimated: false });
    expect(project.holds.get("hold-1")).toBe("settled");
  });

  test("is read no faster than its reader asks", async () => {
    const { stream, state } = sourceOf(openaiChunks);
    const { response } = await client().wrapWithTracking(context, () => stream, estimate);
    expect(state.given).toBe(0);
    await response.next();
    expect(state.given).toBe(1);
  });

  test.each([1, 2, 3])(
    "that is left after %i pieces is closed and settled at what was seen",
    async (count) => {
      const { stream, state } = sourceOf(openaiChunks);
      const { response, usage } = await client().wrapWithTracking(context, () => stream, estimate);
      let seen = 0;
      for await (const _ of response) if (++seen === count) break;
      expect(state.isClosed).toBe(true);
      const text = ["One ", "two ", "three."].slice(0, count).join("");
      expect(onlyEvent()).toMatchObject({
        status: "aborted",
        is_estimated: true,
        input_tokens: 200,
        output_tokens: Math.ceil(text.length / 3),
      });
      expect(await usage).toMatchObject({ isEstimated: true });
    },
  );

  test("that is left before it began is closed and settled as well", async () => {
    const { stream } = sourceOf(openaiChunks);
    const { response } = await client().wrapWithTracking(context, () => stream, estimate);
    await response.return?.();
    expect(onlyEvent()).toMatchObject({ status: "aborted", is_estimated: true });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test("that breaks throws its own error and is settled at what was seen", async () => {
    const { response } = await client().wrapWithTracking(
      context,
      () => sourceOf(openaiChunks, 2).stream,
      estimate,
    );
    await expect(collect(response)).rejects.toThrow("connection lost");
    expect(onlyEvent()).toMatchObject({ status: "failed", is_estimated: true, output_tokens: 3 });
  });

  test("that breaks before its first piece used nothing", async () => {
    const { response, usage } = await client().wrapWithTracking(
      context,
      () => sourceOf(openaiChunks, 0).stream,
      estimate,
    );
    await expect(collect(response)).rejects.toThrow("connection lost");
    expect(project.events.size).toBe(0);
    expect(project.holds.get("hold-1")).toBe("released");
    expect(await usage).toMatchObject({ status: "released" });
  });

  test("cut in silence, as SDKs do when aborted, counts as aborted", async () => {
    const { response } = await client().wrapWithTracking(
      context,
      () => sourceOf(openaiChunks.slice(0, 2)).stream,
      estimate,
    );
    await collect(response);
    expect(onlyEvent()).toMatchObject({ status: "aborted", is_estimated: true });
  });

  test("without a usage of its own is estimated from its text", async () => {
    const { response } = await client().wrapWithTracking(
      context,
      () => sourceOf(openaiChunks.slice(0, 3)).stream,
      estimate,
    );
    await collect(response);
    expect(onlyEvent()).toMatchObject({
      status: "success",
      is_estimated: true,
      input_tokens: 200,
      output_tokens: 5,
    });
  });

  test("of Anthropic, left in the middle, keeps the input that was stated", async () => {
    const { response } = await client().wrapWithTracking(
      { provider: "anthropic", model: "claude-sonnet-4-5" },
      () => sourceOf(anthropicEvents).stream,
      estimate,
    );
    await response.next();
    await response.next();
    await response.next();
    await response.return?.();
    expect(onlyEvent()).toMatchObject({
      classes: { input: 20, cache_read: 100, output: 4 },
      input_tokens: 120,
      output_tokens: 4,
      is_estimated: true,
    });
  });

  test("is settled once, however often its end is asked for", async () => {
    const { response } = await client().wrapWithTracking(
      context,
      () => sourceOf(openaiChunks).stream,
      estimate,
    );
    await collect(response);
    await response.next();
    await response.return?.();
    expect(project.count("settle_usage")).toBe(1);
  });
});

describe("a ReadableStream", () => {
  const bytes = () => streamOf(openaiEventStream.map((text) => new TextEncoder().encode(text)));

  test("of bytes passes through and is settled at its end", async () => {
    const { response, usage } = await client().wrapWithTracking(context, bytes, estimate);
    expect(response).toBeInstanceOf(ReadableStream);
    expect(await new Response(response).text()).toBe(openaiEventStream.join(""));
    expect(await usage).toMatchObject({ status: "recorded", totalTokens: 150 });
  });

  test("of an SDK's chunks is settled by them", async () => {
    const { response } = await client().wrapWithTracking(
      context,
      () => streamOf(openaiChunks),
      estimate,
    );
    expect(await collect(response)).toEqual(openaiChunks);
    expect(onlyEvent()).toMatchObject({ input_tokens: 120, output_tokens: 30 });
  });

  test("that is cancelled cancels its source and is settled at what was seen", async () => {
    const cancelled = vi.fn();
    const source = new ReadableStream({
      pull: (controller) => controller.enqueue(openaiChunks[0]),
      cancel: cancelled,
    });
    const { response } = await client().wrapWithTracking(context, () => source, estimate);
    const reader = response.getReader();
    await reader.read();
    await reader.cancel("enough");
    expect(cancelled).toHaveBeenCalledExactlyOnceWith("enough");
    expect(onlyEvent()).toMatchObject({ status: "aborted", output_tokens: 2 });
  });

  test("that breaks hands on its error", async () => {
    const { response } = await client().wrapWithTracking(
      context,
      () => streamOf(sourceOf(openaiChunks, 2).stream),
      estimate,
    );
    await expect(collect(response)).rejects.toThrow("connection lost");
    expect(onlyEvent()).toMatchObject({ status: "failed" });
  });
});

describe("a fetch response", () => {
  test("of JSON stays readable and is settled at once", async () => {
    const { response, usage } = await client().wrapWithTracking(
      { provider: "anthropic", model: "claude-sonnet-4-5" },
      () => Response.json(anthropicMessage),
      estimate,
    );
    expect(await usage).toMatchObject({ totalTokens: 150 });
    expect(await response.json()).toEqual(anthropicMessage);
  });

  test("of events keeps its status and headers, and is settled when it has been read", async () => {
    const { response, usage } = await client().wrapWithTracking(
      context,
      () =>
        new Response(streamOf(openaiEventStream).pipeThrough(new TextEncoderStream()), {
          headers: { "content-type": "text/event-stream", "x-request-id": "req-1" },
        }),
      estimate,
    );
    expect(response.headers.get("x-request-id")).toBe("req-1");
    expect(project.events.size).toBe(0);
    expect(await response.text()).toBe(openaiEventStream.join(""));
    expect(await usage).toMatchObject({ totalTokens: 150 });
  });

  test.each([
    ["JSON", Response.json({ error: { message: "slow down" } }, { status: 429 })],
    ["text", new Response("bad gateway", { status: 502 })],
  ])("that refuses in %s used nothing", async (_, answer) => {
    const { response, usage } = await client().wrapWithTracking(context, () => answer, estimate);
    expect(response).toBe(answer);
    expect(await usage).toMatchObject({ status: "released" });
    expect(project.holds.get("hold-1")).toBe("released");
  });
});

describe("a stream whose usage cannot be written", () => {
  const start = (options: TallybaseOptions = {}) =>
    client(options).wrapWithTracking(context, () => sourceOf(openaiChunks).stream, estimate);

  test("says so at its end, and in usage", async () => {
    const { response, usage } = await start();
    project.failWith("refused");
    await expect(collect(response)).rejects.toThrow(UsageNotRecordedError);
    await expect(usage).rejects.toMatchObject({ events: [{ inputTokens: 120 }] });
  });

  test("ends as usual when onLost takes the event", async () => {
    const onLost = vi.fn();
    const { response, usage } = await start({ onLost });
    project.failWith("refused");
    expect(await collect(response)).toHaveLength(openaiChunks.length);
    expect(await usage).toMatchObject({ status: "lost", totalTokens: 150 });
    expect(onLost).toHaveBeenCalledOnce();
  });

  test("that broke keeps its own error, and the loss is logged", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    project.answer("settle_usage", () => refuse(400, "PT400", "no"));
    const { response } = await client().wrapWithTracking(
      context,
      () => sourceOf(openaiChunks, 2).stream,
      estimate,
    );
    await expect(collect(response)).rejects.toThrow("connection lost");
    expect(logged).toHaveBeenCalledExactlyOnceWith(expect.any(UsageNotRecordedError));
    logged.mockRestore();
  });
});

test("a long stream renews its hold at half of its life", async () => {
  vi.useFakeTimers({ now: new Date("2026-11-23T09:30:00Z") });
  const { response } = await client().wrapWithTracking(
    context,
    () => sourceOf(openaiChunks).stream,
    estimate,
  );
  await response.next();
  expect(project.count("extend_hold")).toBe(0);
  vi.setSystemTime(new Date("2026-11-23T09:32:31Z"));
  await response.next();
  await response.next();
  expect(project.count("extend_hold")).toBe(1);
  expect(project.requests.find(({ path }) => path.endsWith("extend_hold"))?.body).toEqual({
    hold_id: "hold-1",
    seconds: 300,
  });
});

/** A stream of what there is, handed out when it is asked for. */
function streamOf<T>(source: Iterable<T> | AsyncIterable<T>): ReadableStream<T> {
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => void (await iterator.return?.()),
    },
    { highWaterMark: 0 },
  );
}
