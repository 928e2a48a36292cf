import { expect, test } from "vitest";
import { CliError } from "../../packages/cli/src/cli-error.ts";
import { readRows } from "./read-all.ts";

async function failureOf(text: string, skip: string[] = []): Promise<CliError> {
  const error = await readRows("csv", text, { skip }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CliError);
  return error as CliError;
}

test("a row becomes an event of numbers, booleans, objects and texts", async () => {
  const [row] = await readRows(
    "csv",
    [
      "created_at,provider,input_tokens,units,is_byok,is_estimated,classes,request_metadata",
      '2026-01-31T12:00:00Z,007,12,0.5,t,no,"{""cache_read"": 5}","{""note"": ""a, b""}"',
    ].join("\n"),
  );
  expect(JSON.parse(row?.text ?? "")).toEqual({
    created_at: "2026-01-31T12:00:00Z",
    provider: "007",
    input_tokens: 12,
    units: 0.5,
    is_byok: true,
    is_estimated: false,
    classes: { cache_read: 5 },
    request_metadata: { note: "a, b" },
  });
  expect(row?.problem).toBeUndefined();
});

test("an empty field is absent", async () => {
  const [row] = await readRows(
    "csv",
    "created_at,tool_name,units,classes\n2026-01-31T12:00:00Z,,,\n",
  );
  expect(row?.text).toBe('{"created_at":"2026-01-31T12:00:00Z"}');
});

test("money keeps every digit", async () => {
  const cost = "0.12345678901234567890123";
  const [row] = await readRows("csv", `created_at,cost_usd\n2026-01-31T12:00:00Z,${cost}`);
  expect(row?.text).toContain(`"cost_usd":${cost}}`);
});

test.each([
  ["input_tokens", "1.5", "a whole number"],
  ["input_tokens", "1,000", "a whole number"],
  ["duration_ms", "fast", "a whole number"],
  ["units", "0x10", "a number"],
  ["cost_usd", "NaN", "a number"],
  ["is_byok", "maybe", "true or false"],
  ["classes", "[1]", "a JSON object"],
  ["request_metadata", "{'a': 1}", "a JSON object"],
])("%s %s is the problem of its row", async (column, field, expected) => {
  const [row, next] = await readRows(
    "csv",
    `created_at,${column}\n2026-01-31T12:00:00Z,"${field}"\n2026-01-31T12:00:00Z,\n`,
  );
  expect(row?.problem).toEqual({
    code: "PT400",
    field: column,
    message: `${column} must be ${expected}, not ${JSON.stringify(field)}.`,
  });
  expect(next?.problem).toBeUndefined();
});

test("lines are counted as an editor does, through empty ones and fields of several lines", async () => {
  const rows = await readRows(
    "csv",
    'created_at,tool_name\r\n\r\na,"two\r\nlines"\r\nb,plain\r\n\r\nc,"x\r\ny\r\nz"\r\n',
  );
  expect(rows.map(({ line }) => line)).toEqual([3, 5, 7]);
});

test("columns that the database computes are left out", async () => {
  const [row] = await readRows(
    "csv",
    "created_at,total_tokens,price_id,recorded_at,input_tokens\n2026-01-31T12:00:00Z,9,1,2026-02-01,7",
  );
  expect(Object.keys(row?.fields ?? {})).toEqual(["created_at", "input_tokens"]);
});

test("an unknown column is named, with the way out", async () => {
  const error = await failureOf("created_at,tokens\n");
  expect(error.message).toBe("Line 1: there is no column tokens in an event.");
  expect(error.hint).toContain("Is it input_tokens?");
  expect(error.hint).toContain("--skip tokens");
  const rows = await readRows("csv", "created_at,tokens\nx,5\n", { skip: ["tokens"] });
  expect(rows[0]?.text).toBe('{"created_at":"x"}');
});

test.each([
  ["created_at;provider\n", "there is no column created_at;provider", "commas"],
  ["created_at,,provider\n", "column 2 has no name", "--skip"],
  ["created_at,model,model\n", "names the column model twice", "Rename"],
  ["provider,model\n", "the column created_at is missing", "when each event happened"],
  ["", "The file is empty", "names its columns"],
  ["created_at,model\na,b\na,b,c\n", "Line 3 has 3 fields, and the header has 2", "double quotes"],
  ['created_at,model\na,b\nc,"d', "Line 3 is not CSV: its quote is never closed", "doubled"],
  ['created_at,model\na,b"c"\n', "Line 2 is not CSV: a quote stands in the middle", "doubled"],
])("a file that begins %j is refused: %s", async (text, message, hint) => {
  const error = await failureOf(text);
  expect(error.message).toContain(message);
  expect(error.hint).toContain(hint);
});
