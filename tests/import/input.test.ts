import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chooseFormat, openInput } from "../../packages/cli/src/import/open-input.ts";
import { findDatabaseUrl } from "../../packages/cli/src/import/open-ledger.ts";
import { collect } from "./read-all.ts";

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tally-import-"));
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

async function readFile(name: string, content: string | Buffer): Promise<string> {
  const file = join(directory, name);
  writeFileSync(file, content);
  const input = await openInput(file);
  const pieces = await collect(input.text);
  expect(input.progress()).toBe(1);
  return pieces.join("");
}

test("a file is read as UTF-8, packed or not, without its byte order mark", async () => {
  const text = `${"größer €😀\n".repeat(20_000)}end`;
  expect(await readFile("plain.csv", `\ufeff${text}`)).toBe(text);
  expect(await readFile("packed.csv.gz", gzipSync(`\ufeff${text}`))).toBe(text);
});

test.each([
  ["latin.csv", Buffer.from("gr\xf6sser", "latin1"), "is not UTF-8", "iconv"],
  ["plain.csv.gz", Buffer.from("created_at"), "is not whole gzip", "must not be named .gz"],
  ["cut.csv.gz", gzipSync("created_at".repeat(99)).subarray(0, 30), "is not whole gzip", "again"],
])("%s is refused", async (name, content, message, hint) => {
  await expect(readFile(name, content)).rejects.toMatchObject({
    name: "CliError",
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  });
});

test("a missing file and a directory are named", async () => {
  await expect(openInput(join(directory, "none.csv"))).rejects.toThrow(
    /^There is no file .*none\.csv\.$/,
  );
  await expect(openInput(directory)).rejects.toThrow("is a directory");
});

test("the format is what the option or the name says", () => {
  expect(chooseFormat("a.csv", undefined)).toBe("csv");
  expect(chooseFormat("a.CSV.gz", undefined)).toBe("csv");
  expect(chooseFormat("a.jsonl", undefined)).toBe("ndjson");
  expect(chooseFormat("a.csv", "ndjson")).toBe("ndjson");
  expect(() => chooseFormat("-", undefined)).toThrow("Standard input does not say");
  expect(() => chooseFormat("a.csv", "xlsx")).toThrow("There is no input format xlsx");
});

test("the database is what the option, the environment or the local stack names, in this order", () => {
  const env = {
    TALLY_DB_URL: "postgres://one/x",
    DATABASE_URL: "postgres://two/x",
    SUPABASE_DB_URL: "postgres://three/x",
  };
  const place = { databaseUrl: undefined, project: directory, stateDir: undefined };
  expect(findDatabaseUrl({ ...place, databaseUrl: "postgresql://four/x" }, env)).toBe(
    "postgresql://four/x",
  );
  expect(findDatabaseUrl(place, env)).toBe(env.TALLY_DB_URL);
  expect(findDatabaseUrl(place, { ...env, TALLY_DB_URL: "" })).toBe(env.DATABASE_URL);
  expect(findDatabaseUrl(place, { SUPABASE_DB_URL: env.SUPABASE_DB_URL })).toBe(
    env.SUPABASE_DB_URL,
  );
  expect(() => findDatabaseUrl(place, {})).toThrow("There is no database to import into.");
  expect(() => findDatabaseUrl(place, { DATABASE_URL: "mysql://x" })).toThrow("not a Postgres URL");
});
