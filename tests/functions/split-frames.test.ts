import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameSplitter } from "../../supabase/functions/_tally/gateway/split-frames.ts";

function splitAt(bytes: Uint8Array, cuts: number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...places, bytes.length].map((end, index) => bytes.subarray(places[index - 1] ?? 0, end));
}

function run(pieces: Uint8Array[]) {
  const splitter = new FrameSplitter();
  const frames = [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()];
  return {
    data: frames.map((frame) => frame.data).filter((data) => data !== null),
    bytes: Buffer.concat(frames.flatMap((frame) => frame.bytes)),
  };
}

test("however a stream is cut, its bytes stay the same and its data is found", () => {
  const line = fc
    .string({ unit: "grapheme", maxLength: 20 })
    .map((text) => text.replace(/\s/g, "_"));
  const end = fc.constantFrom("\n", "\r\n");
  fc.assert(
    fc.property(
      fc.array(fc.tuple(line, end), { maxLength: 8 }),
      fc.array(fc.nat(2000), { maxLength: 30 }),
      (events, cuts) => {
        const stream = events
          .map(([text, eol]) => `: note${eol}data: ${text}${eol}${eol}`)
          .join("");
        const bytes = new TextEncoder().encode(stream);

        const result = run(splitAt(bytes, cuts));

        expect(result.data).toEqual(events.map(([text]) => text));
        expect(result.bytes.equals(bytes)).toBe(true);
      },
    ),
  );
});

test("several data lines are one text, names and comments are none", () => {
  const { data } = run([Buffer.from("event: x\ndata: one\ndata:two\nid: 3\n\n: ping\n\n")]);

  expect(data).toEqual(["one\ntwo"]);
});

test("what a cut stream leaves over is handed out", () => {
  const { data, bytes } = run([Buffer.from("data: whole\n\ndata: half")]);

  expect(data).toEqual(["whole", "half"]);
  expect(bytes.toString()).toBe("data: whole\n\ndata: half");
});

test("a frame of several megabytes passes in pieces, and the next one is read again", () => {
  const piece = Buffer.from("x".repeat(300_000));
  const splitter = new FrameSplitter(1024 * 1024);
  const sizes: number[] = [];
  const passed = [
    Buffer.from("data: "),
    ...Array<Buffer>(10).fill(piece),
    Buffer.from("\n\n"),
  ].flatMap((part) => {
    const frames = splitter.push(part);
    sizes.push(frames.flatMap((frame) => frame.bytes).reduce((sum, b) => sum + b.length, 0));
    return frames;
  });
  const next = splitter.push(Buffer.from("data: small\n\n"));

  expect(passed.every((frame) => frame.data === null)).toBe(true);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(3_000_008);
  expect(Math.max(...sizes)).toBeLessThan(1_500_000);
  expect(next.map((frame) => frame.data)).toEqual(["small"]);
});
