import { expect, test } from "vitest";
import { readPieces } from "../../supabase/functions/_tally/read-pieces.ts";

const PIECES = ["data: one\n\n", "data: two", "\n\n"].map((text) => new TextEncoder().encode(text));

/** As a body from the network: whoever reads brings the buffer. */
function fromNetwork(pieces: Uint8Array<ArrayBuffer>[]): ReadableStream<Uint8Array> {
  const left = [...pieces];
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const piece = left.shift();
      const asked = controller.byobRequest;
      if (piece === undefined) {
        controller.close();
        asked?.respond(0);
      } else if (asked?.view) {
        new Uint8Array(asked.view.buffer, asked.view.byteOffset).set(piece);
        asked.respond(piece.length);
      } else {
        controller.enqueue(piece);
      }
    },
  });
}

function fromMemory(pieces: Uint8Array<ArrayBuffer>[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
}

test.each([
  ["from the network", fromNetwork],
  ["made in memory", fromMemory],
])("the pieces of a stream %s stay what they were when the next one comes", async (_, make) => {
  const reader = readPieces(make(PIECES));
  const read: Uint8Array[] = [];
  for (let piece = await reader.read(); piece !== null; piece = await reader.read()) {
    read.push(piece);
  }
  expect(read).toEqual(PIECES);
  expect(await reader.read()).toBeNull();
});

test("a piece larger than the buffer comes as several", async () => {
  const large = new Uint8Array(200_000).fill(7);
  const reader = readPieces(new Response(large).body as ReadableStream<Uint8Array>);
  let size = 0;
  for (let piece = await reader.read(); piece !== null; piece = await reader.read()) {
    size += piece.length;
    expect(piece.every((byte) => byte === 7)).toBe(true);
  }
  expect(size).toBe(large.length);
});

test("a stream that is no longer wanted is cancelled at its source", async () => {
  let isCancelled = false;
  const source = new ReadableStream<Uint8Array>({
    type: "bytes",
    cancel() {
      isCancelled = true;
    },
  });
  const reader = readPieces(source);
  const read = reader.read();
  await reader.cancel();
  expect(await read).toBeNull();
  expect(isCancelled).toBe(true);
});
