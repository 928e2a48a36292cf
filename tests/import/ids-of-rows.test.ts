import fc from "fast-check";
import { expect, test } from "vitest";
import { EqualRows } from "../../packages/cli/src/import/count-equal-rows.ts";
import { timeOfEventId } from "../../packages/client/src/mint-event-id.ts";
import { idsOf, prepareRows, readRows } from "./read-all.ts";

const CSV = [
  "created_at,provider,input_tokens,classes,is_byok",
  '2026-01-31T12:00:00.123Z,openai,5,"{""a"": 1, ""b"": 2}",true',
  '2026-01-31T12:00:00.123Z,openai,5,"{""a"": 1, ""b"": 2}",true',
  "2026-01-31T12:00:00.123Z,openai,6,,",
].join("\n");

test("the recipe never changes: what was imported once would be recorded again", async () => {
  expect(await idsOf(await readRows("csv", CSV))).toEqual([
    "019c13ec-9e7b-7b6c-9169-da0a18763f88",
    "019c13ec-9e7b-75e5-9f25-c7a4636f7c80",
    "019c13ec-9e7b-7d06-96bf-2d470b8d55fe",
  ]);
});

test("the time of the event is inside its id, to the millisecond", async () => {
  const [id = ""] = await idsOf(await readRows("csv", CSV));
  expect(timeOfEventId(id)?.toISOString()).toBe("2026-01-31T12:00:00.123Z");
});

test("the order of columns, the spelling of values and the format do not matter", async () => {
  const reordered = [
    "is_byok,tool_name,classes,input_tokens,provider,created_at",
    't,,"{""b"":2,""a"":1}",5,openai,2026-01-31 12:00:00.123+00',
    't,,"{""b"":2,""a"":1}",5,openai,2026-01-31 13:00:00.123+01',
    ",,,6,openai,2026-01-31T12:00:00.123456Z",
  ].join("\n");
  const event = { created_at: "2026-01-31T12:00:00.123Z", provider: "openai" };
  const full = { ...event, id: null, classes: { b: 2, a: 1 }, input_tokens: 5, is_byok: true };
  const ndjson = [full, full, { ...event, input_tokens: 6 }]
    .map((e) => JSON.stringify(e))
    .join("\n");
  const ids = await idsOf(await readRows("csv", CSV));
  expect(await idsOf(await readRows("csv", reordered))).toEqual(ids);
  expect(await idsOf(await readRows("ndjson", ndjson))).toEqual(ids);
});

test("an id of its own stays", async () => {
  const event = { created_at: "2026-01-31T12:00:00Z", id: "019c1404-2e00-7000-8000-000000000001" };
  expect(await idsOf(await readRows("ndjson", JSON.stringify(event)))).toEqual([event.id]);
});

test("equal rows are counted, whatever else is in the file", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 9_000 }), { maxLength: 20_000, size: "max" }), (rows) => {
      const seen = new EqualRows();
      const counts = new Map<number, number>();
      for (const row of rows) {
        const hash = Buffer.alloc(32);
        // Many that begin their search at one place.
        hash.writeUInt32LE(row, 8);
        hash.writeUInt32LE(row % 100, 12);
        const earlier = counts.get(row) ?? 0;
        counts.set(row, earlier + 1);
        if (seen.countNext(hash) !== earlier) return false;
      }
      return true;
    }),
    { numRuns: 20 },
  );
});

test.each([
  [{}, "created_at is missing: an import must say when each event happened."],
  [{ created_at: null }, "created_at is missing: an import must say when each event happened."],
  [{ created_at: "2026-01-31" }, "created_at must be a time with its zone"],
  [{ created_at: "2026-01-31T12:00:00" }, "created_at must be a time with its zone"],
  [{ created_at: "2026-02-30T12:00:00Z" }, "created_at must be a time with its zone"],
  [{ created_at: "1969-12-31T23:59:59Z" }, "created_at must be a time with its zone"],
  [{ created_at: 1769860800 }, "created_at must be a time with its zone"],
])("%j is rejected by its line", async (event, message) => {
  const { events, rejected } = await prepareRows(
    await readRows("ndjson", `\n${JSON.stringify(event)}\n{"created_at":"2026-01-31T12:00:00Z"}`),
  );
  expect(rejected).toEqual([
    {
      line: 2,
      code: "PT400",
      field: "created_at",
      message: expect.stringContaining(message),
      event: JSON.stringify(event),
    },
  ]);
  expect(events.map(({ row, month }) => ({ line: row.line, month }))).toEqual([
    { line: 3, month: "2026-01" },
  ]);
});
