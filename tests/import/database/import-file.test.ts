import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { run } from "../../../packages/cli/src/commands/import.ts";
import { EVENT_COLUMNS } from "../../../packages/cli/src/import/event-columns.ts";
import { createDatabase, type TestDatabase } from "../../support/create-database.ts";

let database: TestDatabase;
let sql: Sql;
let directory: string;
let organizationId: string;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: 2, onnotice: () => {} });
  directory = mkdtempSync(join(tmpdir(), "tally-import-"));
  await sql`
    select public.set_price('lab', 'echo', '{"input": 1, "output": 1}', valid_from => '2019-01-01')`;
});

afterAll(async () => {
  await sql.end();
  await database.drop();
  rmSync(directory, { recursive: true });
});

beforeEach(async () => {
  const [row] = await sql`insert into public.organizations (name) values ('Import') returning id`;
  organizationId = row?.id;
});

function save(name: string, content: string | Buffer): string {
  const file = join(directory, name);
  writeFileSync(file, content);
  return file;
}

/** Runs the command; `output` is the object that `--json` prints. */
async function importFile(file: string, ...options: string[]) {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    const code = await run([file, "--database-url", database.url, "--json", ...options]);
    return { code, output: JSON.parse(String(write.mock.calls[0]?.[0])) };
  } finally {
    write.mockRestore();
  }
}

/** A CSV file of `count` events, of which each tenth is equal to the one before. */
function manyEvents(count: number): string {
  const rows = Array.from({ length: count }, (_, index) => {
    const place = index % 10 === 9 ? index - 1 : index;
    const time = new Date(Date.UTC(2020, 0, 15) + place * 3_600_000).toISOString();
    return `${organizationId},${time},lab,echo,${place},1`;
  });
  return ["organization_id,created_at,provider,model,input_tokens,output_tokens", ...rows].join(
    "\n",
  );
}

async function recorded() {
  const [row] = await sql`
    select count(*)::integer as events, sum(input_tokens)::integer as input_tokens, trim_scale(sum(cost_usd))::text as cost_usd
    from public.token_usage where organization_id = ${organizationId}`;
  return row;
}

test("the columns of a file are the fields of an event", async () => {
  const columns = await sql`
    select a.attname as name from pg_attribute as a where a.attrelid = 'tally.event'::regclass order by a.attnum`;
  expect(columns.map(({ name }) => name)).toEqual(Object.keys(EVENT_COLUMNS));
});

test("history of many months is recorded, priced and folded; again, it is all duplicates", async () => {
  const file = save("history.csv.gz", gzipSync(manyEvents(3_000)));
  const first = await importFile(file, "--batch", "70", "--connections", "4");
  expect(first).toMatchObject({
    code: 0,
    output: { events: 3_000, recorded: 3_000, duplicates: 0, rejected: 0, dry_run: false },
  });
  const sum = Array.from({ length: 3_000 }, (_, i) => (i % 10 === 9 ? i - 1 : i)).reduce(
    (a, b) => a + b,
  );
  const expected = { events: 3_000, input_tokens: sum, cost_usd: String((sum + 3_000) / 1e6) };
  expect(await recorded()).toEqual(expected);
  const [pending] = await sql`select count(*)::integer as count from tally.usage_deltas`;
  expect(pending?.count).toBe(0);
  const [total] = await sql`
    select trim_scale(total_cost_usd)::text as total_cost_usd from public.usage_totals(${organizationId}, '2020-01-01', '2021-01-01')`;
  expect(total?.total_cost_usd).toBe(expected.cost_usd);

  const again = await importFile(file, "--batch", "1000");
  expect(again.output).toMatchObject({ recorded: 0, duplicates: 3_000, rejected: 0 });
  expect(await recorded()).toEqual(expected);
});

test("what is rejected is named by line, the rest lands, and the mended rest is imported alone", async () => {
  const event = { organization_id: organizationId, provider: "lab", model: "echo" };
  const usage = { ...event, created_at: "2020-03-01T00:00:00Z", input_tokens: 1, output_tokens: 1 };
  const lines = [
    { ...usage, input_tokens: 2 },
    { ...event, input_tokens: 3, output_tokens: 1 },
    { ...usage, status: "odd" },
    { ...usage, request_metadata: { note: "\u0000" } },
    { ...usage, status: "odd", input_tokens: 4 },
    { ...usage, input_tokens: 5 },
  ];
  const file = save("some-bad.ndjson", lines.map((line) => JSON.stringify(line)).join("\n"));
  const rejects = join(directory, "rejects.ndjson");
  const { code, output } = await importFile(file, "--rejects", rejects);
  expect(code).toBe(1);
  expect(output).toMatchObject({
    events: 6,
    recorded: 2,
    rejected: 4,
    rejections: [
      { code: "PT400", field: "status", count: 2, lines: [3, 5] },
      { code: "PT400", field: "created_at", count: 1, lines: [2] },
      { code: "22P05", field: null, count: 1, lines: [4] },
    ],
  });
  const written = readFileSync(rejects, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(written.map(({ line, event: rejected }) => [line, rejected])).toEqual(
    [2, 3, 4, 5].map((line) => [line, lines[line - 1]]),
  );
  const mended = written.map(({ event: rejected }) => ({
    ...rejected,
    created_at: usage.created_at,
    status: "failed",
    request_metadata: {},
  }));
  const rest = save("mended.ndjson", mended.map((line) => JSON.stringify(line)).join("\n"));
  expect(await importFile(rest)).toMatchObject({ code: 0, output: { recorded: 4, rejected: 0 } });
});

test("a dry run says what would happen and writes nothing", async () => {
  const known = manyEvents(20);
  await importFile(save("known.csv", known));
  const before = await recorded();
  const unknown = "00000000-0000-4000-8000-00000000dead";
  const more = [
    known,
    `${organizationId},2016-03-01T00:00:00Z,lab,unheard-of,7,0`,
    `${organizationId},2026-03-01T00:00:00Z,lab,echo,1000000,0`,
    `${unknown},2026-03-01T00:00:00Z,lab,echo,1,0`,
  ].join("\n");
  expect(await importFile(save("more.csv", more), "--dry-run")).toMatchObject({
    code: 1,
    output: {
      dry_run: true,
      recorded: 2,
      duplicates: 20,
      rejected: 1,
      rejections: [{ code: "PT404", lines: [24] }],
      cost_usd: "1",
      unpriced: 1,
      folded: null,
    },
  });
  expect(await recorded()).toEqual(before);
  const [month] = await sql`select to_regclass('tally.token_usage_2016_03') is null as is_absent`;
  expect(month?.is_absent).toBe(true);
});

test("a dry run rejects what lies in an archived month, as the import does", async () => {
  const kept = `organization_id,created_at,provider,model,input_tokens,output_tokens
${organizationId},2014-05-03T00:00:00Z,lab,echo,7,0`;
  await importFile(save("old.csv", kept));
  await sql`drop table tally.token_usage_2014_05`;
  const late = save("late.csv", kept.replace("05-03", "05-04"));
  const answer = { code: 1, output: { recorded: 0, rejections: [{ code: "PT400", lines: [2] }] } };

  expect(await importFile(late, "--dry-run")).toMatchObject(answer);
  expect(await importFile(late)).toMatchObject(answer);
});

test("a malformed line stops the import and says what is recorded", async () => {
  const file = save("torn.csv", `${manyEvents(50)}\n${organizationId},2020`);
  await expect(importFile(file, "--batch", "10")).rejects.toMatchObject({
    name: "CliError",
    message: "Line 52 has 2 fields, and the header has 6.",
    hint: expect.stringContaining("Recorded so far: 50."),
  });
  expect(await recorded()).toMatchObject({ events: 50 });
});

test("connections that are lost on the way lose and double nothing", async () => {
  const file = save("long.csv", manyEvents(4_000));
  let isDone = false;
  const cut = async () => {
    let cuts = 0;
    while (!isDone) {
      const gone = await sql`
        select pg_terminate_backend(a.pid) from pg_stat_activity as a
        where a.datname = current_database() and a.application_name = 'tallybase import' and a.state = 'active'
          and a.query like '%import_usage(%' and a.query not like '%to_regprocedure%'`;
      cuts += gone.length;
      if (cuts >= 5) break;
    }
    return cuts;
  };
  const cutting = cut();
  const { code, output } = await importFile(file, "--batch", "50").finally(() => {
    isDone = true;
  });
  expect(await cutting).toBeGreaterThan(0);
  expect({ code, rejected: output.rejected }).toEqual({ code: 0, rejected: 0 });
  expect(output.recorded + output.duplicates).toBe(4_000);
  expect(await recorded()).toMatchObject({ events: 4_000 });
});

test("databases that cannot be imported into are named", async () => {
  const file = save("one.csv", manyEvents(1));
  const importInto = (url: string) => run([file, "--database-url", url]);
  await expect(importInto("postgres://postgres:x@127.0.0.1:1/none")).rejects.toThrow(
    /^The database none at 127\.0\.0\.1:1 cannot be opened: .*ECONNREFUSED/,
  );
  const bare = new URL("/template1", database.url).href;
  await expect(importInto(bare)).rejects.toThrow("This database has no import_usage().");
});
