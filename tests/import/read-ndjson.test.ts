import { expect, test } from "vitest";
import { readRows } from "./read-all.ts";

test("each line is an event and is sent as it stands", async () => {
  const lines = [
    '{"created_at":"2026-01-31T12:00:00Z","cost_usd":0.12345678901234567890123}',
    '{ "created_at": "2026-01-31T12:00:00Z", "tool_name": "a\u2028b" }',
  ];
  const rows = await readRows("ndjson", `${lines[0]}\r\n\n${lines[1]}`);
  expect(rows.map(({ line, text }) => ({ line, text }))).toEqual([
    { line: 1, text: lines[0] },
    { line: 3, text: lines[1] },
  ]);
});

test("what is left out takes no digits from the rest", async () => {
  const [row] = await readRows(
    "ndjson",
    '{"created_at":"x","total_tokens":9,"colour":"red","cost_usd":0.12345678901234567890123,"classes":{"input":1e3}}',
    { skip: ["colour"] },
  );
  expect(row?.text).toBe(
    '{"created_at":"x","cost_usd":0.12345678901234567890123,"classes":{"input":1e3}}',
  );
  expect(Object.keys(row?.fields ?? {})).toEqual(["created_at", "cost_usd", "classes"]);
});

test.each([
  ['{"created_at":"x"}\n{"a":', "Line 2 is not JSON", "one whole JSON object on each line"],
  ["created_at,model\n", "Line 1 is not JSON", "--format csv"],
  ["[1]", "Line 1 is not a JSON object", "jq -c '.[]'"],
  ['\n{"tokens":1}', "Line 2: there is no field tokens in an event", "--skip tokens"],
  ['{"__proto__":1}', "there is no field __proto__", "--skip"],
  [`{"a":"${"x".repeat(1_100_000)}`, "Line 1 has more than 1000000 characters", "jq"],
])("%.30j is refused: %s", async (text, message, hint) => {
  await expect(readRows("ndjson", text, { pieceSize: 65_536 })).rejects.toMatchObject({
    name: "CliError",
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  });
});
