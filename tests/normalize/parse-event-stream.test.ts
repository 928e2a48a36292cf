import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createEventStreamParser,
  parseEventStream,
  type ServerSentEvent,
} from "../../supabase/functions/_tally/parse-event-stream.ts";

function parse(...chunks: (string | Uint8Array)[]): ServerSentEvent[] {
  const events: ServerSentEvent[] = [];
  const parser = createEventStreamParser((event) => events.push(event));
  for (const chunk of chunks) parser.push(chunk);
  parser.end();
  return events;
}

const dataOf = (events: ServerSentEvent[]) => events.map(({ data }) => data);

test.each([
  ["one event", "data: a\n\n", ["a"]],
  ["without a space", "data:a\n\n", ["a"]],
  ["one space only is taken off", "data:  a\n\n", [" a"]],
  ["several lines of data", "data: a\ndata: b\n\n", ["a\nb"]],
  ["an empty line of data", "data\n\n", [""]],
  ["carriage returns", "data: a\r\rdata: b\r\r", ["a", "b"]],
  ["both", "data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]],
  ["comments and keep-alives", ": hi\n\n:\n\ndata: a\n\n", ["a"]],
  ["other fields", "id: 1\nretry: 10\nfoo: bar\ndata: a\n\n", ["a"]],
  ["events without data", "event: ping\n\ndata: a\n\n", ["a"]],
  ["the byte order mark", "\uFEFFdata: a\n\n", ["a"]],
  ["a colon inside", "data: a: b\n\n", ["a: b"]],
  ["no blank line at the end", "data: a\n\ndata: b", ["a", "b"]],
  ["nothing", "", []],
])("%s", (_, text, expected) => {
  expect(dataOf(parse(text))).toEqual(expected);
  expect(dataOf(parse(new TextEncoder().encode(text)))).toEqual(expected);
});

test("names its events", () => {
  expect(parse("event: ping\ndata: {}\n\ndata: x\n\n")).toEqual([
    { event: "ping", data: "{}" },
    { event: "message", data: "x" },
  ]);
});

test("hands out an event as soon as its blank line is there", () => {
  const events: ServerSentEvent[] = [];
  const parser = createEventStreamParser((event) => events.push(event));
  parser.push("data: a\n");
  expect(events).toHaveLength(0);
  parser.push("\n");
  expect(events).toHaveLength(1);
});

test("a line of many megabytes in small pieces takes linear time", () => {
  const piece = "x".repeat(1024);
  const pieces = Array.from({ length: 16_384 }, () => piece);
  const events = parse("data: ", ...pieces, "\n\n");
  expect(events[0]?.data.length).toBe(16 * 1024 * 1024);
}, 5_000);

describe("any cut", () => {
  const line = fc.oneof(
    fc.constantFrom(
      "data: a",
      "data:",
      "data",
      "event: x",
      ": c",
      "id: 1",
      "",
      "data: é€😀",
      "data: [DONE]",
    ),
    fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => `data: ${text}`),
  );
  const stream = fc
    .array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")), { maxLength: 12 })
    .map((lines) => lines.map(([text, end]) => text.replace(/[\r\n]/g, "") + end).join(""));

  test("of the bytes gives the same events", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(200), { maxLength: 6 }), (text, cuts) => {
        const bytes = new TextEncoder().encode(text);
        const marks = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length];
        marks.sort((a, b) => a - b);
        const pieces = marks.slice(1).map((end, index) => bytes.subarray(marks[index], end));
        expect(parse(...pieces)).toEqual(parse(text));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("parseEventStream", () => {
  const collect = async (source: string | ReadableStream<Uint8Array>) => {
    const data: string[] = [];
    for await (const event of parseEventStream(source)) data.push(event.data);
    return data;
  };

  test("reads text and streams alike", async () => {
    const text = "data: a\n\ndata: é\n\n";
    expect(await collect(text)).toEqual(["a", "é"]);
    expect(await collect(new Blob([text]).stream())).toEqual(["a", "é"]);
  });

  test("cancels the stream when the loop is left", async () => {
    let reason: unknown = "open";
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode("data: a\n\n")),
      cancel(cause) {
        reason = cause;
      },
    });
    for await (const event of parseEventStream(source)) {
      expect(event.data).toBe("a");
      break;
    }
    expect(reason).toBeUndefined();
  });

  test("passes a broken connection on, after the events that came", async () => {
    let sent = false;
    const source = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) controller.error(new Error("reset"));
        else controller.enqueue(new TextEncoder().encode("data: a\n\n"));
        sent = true;
      },
    });
    const seen: string[] = [];
    await expect(async () => {
      for await (const event of parseEventStream(source)) seen.push(event.data);
    }).rejects.toThrow("reset");
    expect(seen).toEqual(["a"]);
  });
});
