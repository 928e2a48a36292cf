import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { run } from "../../../packages/cli/src/commands/import.ts";
import { createDatabase, type TestDatabase } from "../../support/create-database.ts";

let database: TestDatabase;
let sql: Sql;
let directory: string;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: 2, onnotice: () => {} });
  directory = mkdtempSync(join(tmpdir(), "tally-import-"));
  await sql`
    select public.set_price('lab', 'echo', '{"input": 1, "output": 2, "cache_read": 0.1}', valid_from => '2019-01-01')`;
});

afterAll(async () => {
  await sql.end();
  await database.drop();
  rmSync(directory, { recursive: true });
});

async function createOrganization(): Promise<string> {
  const [row] = await sql`insert into public.organizations (name) values ('Import') returning id`;
  return row?.id;
}

/** Runs the command; the object that `--json` prints. */
async function importText(name: string, text: string, ...options: string[]) {
  const file = join(directory, name);
  writeFileSync(file, text);
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    await run([file, "--database-url", database.url, "--json", ...options]);
    return JSON.parse(String(write.mock.calls[0]?.[0]));
  } finally {
    write.mockRestore();
  }
}

/** A uuid v7 of a time; the same number gives the same one. */
function idOf(time: string, number: number): string {
  const head = Date.parse(time).toString(16).padStart(12, "0");
  return `${head.slice(0, 8)}-${head.slice(8)}-7000-8000-${number.toString(16).padStart(12, "0")}`;
}

const COLUMNS =
  "organization_id,id,created_at,provider,model,tool_name,input_tokens,output_tokens,classes,units,unit_type,is_byok,cost_usd,idempotency_key,request_metadata";

/** The cells behind `created_at`, of what files hold: plain, odd and wrong. */
const ROWS = [
  'lab,echo,ads,10,1,,,,,,,"{""a"": ""b, \\n c""}"',
  'lab,echo,"say ""hello"", twice",10,1,"{""cache_read"": 5}",,,yes,,,',
  "lab,echo,two\\.,10,1,,,,f,0.12345678901234567890123,,",
  'lab,echo,"two\nlines",10,1,,,,"",,"",""',
  'lab,unheard-of,," 10 ",1,,,,,,,',
  "lab,echo,,,,,3,images,,,,",
  "lab,echo,,10,1,,,,,,by-key,",
  "lab,echo,[braces],10,1,,,,,,,",
];
const WRONG = [
  "lab,echo,,1.5,1,,,,,,,",
  "lab,echo,,10,1,[1],,,,,,",
  "lab,echo,,10,1,,,,maybe,,,",
  "lab,echo,,-1,1,,,,,,,",
  ",echo,,10,1,,,,,,,",
];

function fileOf(organizationId: string, rows: string[]): string {
  const lines = rows.map((row, index) => {
    const time = new Date(Date.UTC(2021, 4, 30) + index * 3_600_000).toISOString();
    return `${organizationId},${idOf(time, index)},${time},${row}`;
  });
  return [COLUMNS, ...lines].join("\n");
}

/** The same file with a column that a COPY does not take. */
function asJson(file: string): string {
  return file.replace(COLUMNS, `total_tokens,${COLUMNS}`).replaceAll(/^(?=[0-9a-f-]{36},)/gm, "9,");
}

async function recordedBy(organizationId: string) {
  return await sql`
    select to_jsonb(u) - '{organization_id,recorded_at}'::text[] as event, u.cost_usd::text
    from public.token_usage as u where u.organization_id = ${organizationId} order by u.created_at`;
}

test("rows go in by COPY as they would go in as JSON", async () => {
  const [copied, sent] = [await createOrganization(), await createOrganization()];
  for (const rows of [ROWS.slice(0, 6), ROWS, [...WRONG, ...ROWS.slice(5)]]) {
    const first = await importText("copied.csv", fileOf(copied, rows), "--batch", "6");
    const second = await importText("sent.csv", asJson(fileOf(sent, rows)), "--batch", "6");
    for (const answer of [first, second]) {
      for (const key of ["file", "seconds", "events_per_second", "folded", "fold_seconds"]) {
        delete answer[key];
      }
    }
    expect(first).toEqual(second);
    expect(await recordedBy(copied)).toEqual(await recordedBy(sent));
  }
  expect((await recordedBy(copied)).length).toBe(ROWS.length);
  expect(await sql`select * from public.verify_ledger()`).toEqual([]);
});

test("what is plain and new needs no JSON, and the file again is all duplicates", async () => {
  const organizationId = await createOrganization();
  const file = fileOf(
    organizationId,
    Array.from({ length: 500 }, () => ROWS[1] ?? ""),
  );
  const [{ source } = {}] = await sql`
    select pg_get_functiondef('public.import_usage(jsonb)'::regprocedure) as source`;
  await sql.unsafe(
    source.replace(
      "return tally.import_usage",
      "raise exception 'asked'; return tally.import_usage",
    ),
  );
  expect(await importText("plain.csv", file, "--batch", "100")).toMatchObject({ recorded: 500 });
  await sql.unsafe(source);
  expect(await importText("plain.csv", file, "--batch", "100")).toMatchObject({
    recorded: 0,
    duplicates: 500,
    rejected: 0,
  });
  expect((await recordedBy(organizationId)).length).toBe(500);
});

test("a line that would end a COPY is an event like any other", async () => {
  const organizationId = await createOrganization();
  const rows = ["lab,echo,before,10,1,,,,,,,", 'lab,echo,"a\n\\.\nb",10,1,,,,,,,', ROWS[0] ?? ""];
  const answer = await importText("backslash.csv", fileOf(organizationId, rows));
  expect(answer).toMatchObject({ recorded: 3, rejected: 0 });
  const tools = (await recordedBy(organizationId)).map(({ event }) => event.tool_name);
  expect(tools).toEqual(["before", "a\n\\.\nb", "ads"]);
});
