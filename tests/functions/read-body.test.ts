import { expect, test } from "vitest";
import { parseJsonObject, readBody } from "../../supabase/functions/_tally/read-body.ts";

function streamed(chunks: string[], headers: Record<string, string> = {}): Request {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
  return new Request("http://function.invalid/", {
    method: "POST",
    headers,
    body,
    duplex: "half",
  } as RequestInit);
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

test("a body of exactly the limit is read, one byte more is not", async () => {
  expect(await readBody(streamed(["12345", "67890"]), 10)).toEqual(bytesOf("1234567890"));
  await expect(readBody(streamed(["12345", "678901"]), 10)).rejects.toMatchObject({
    code: "PT413",
    status: 413,
  });
});

test("a size that is announced is believed when it is too large, never when it is small", async () => {
  await expect(readBody(streamed(["1"], { "content-length": "11" }), 10)).rejects.toMatchObject({
    code: "PT413",
  });
  await expect(
    readBody(streamed(["12345", "678901"], { "content-length": "1" }), 10),
  ).rejects.toMatchObject({ code: "PT413" });
});

test("a sender is heard out before it is refused, but not for ever", async () => {
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(1024));
    },
  });
  const endless = new Request("http://function.invalid/", {
    method: "POST",
    body,
    duplex: "half",
  } as RequestInit);

  await expect(readBody(endless, 10_000)).rejects.toMatchObject({ code: "PT413" });
  expect(pulled).toBeGreaterThanOrEqual(40);
  expect(pulled).toBeLessThan(50);
});

test("compressed bodies are refused: their size says nothing", async () => {
  await expect(readBody(streamed(["x"], { "content-encoding": "gzip" }))).rejects.toMatchObject({
    code: "PT400",
  });
});

test("no body is no JSON", async () => {
  const empty = await readBody(new Request("http://function.invalid/", { method: "POST" }));

  expect(() => parseJsonObject(empty)).toThrow("not valid JSON");
});

for (const text of ["", "{", "[1]", '"text"', "null", "3", '{"a":1}x']) {
  test(`${text || "nothing"} is refused without being repeated`, () => {
    expect(() => parseJsonObject(bytesOf(text))).toThrow(/^The request body is not/);
  });
}

test("broken UTF-8 is refused", () => {
  expect(() => parseJsonObject(new Uint8Array([123, 34, 0xff, 34, 58, 49, 125]))).toThrow(
    "not valid JSON",
  );
});

test("deep nesting is refused, the same characters in a text are not", () => {
  const nested = (depth: number) => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;

  expect(parseJsonObject(bytesOf(nested(255)))).toHaveProperty("a");
  expect(() => parseJsonObject(bytesOf(nested(256)))).toThrow("more than 256 levels");
  expect(() => parseJsonObject(bytesOf(nested(500_000)))).toThrow("more than 256 levels");
  const text = `\\"${"[{".repeat(500)}`;
  expect(parseJsonObject(bytesOf(JSON.stringify({ text })))).toEqual({ text });
  const wide = JSON.stringify({ list: Array(1000).fill({ a: [] }) });
  expect(parseJsonObject(bytesOf(wide)).list).toHaveLength(1000);
});
