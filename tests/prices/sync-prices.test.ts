import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { parseMigration, renderMigration } from "../../packages/cli/src/prices/migration-file.ts";
import { run as runPrices } from "../../packages/cli/src/prices/run-prices.ts";
import { syncPrices } from "../../packages/cli/src/prices/sync-prices.ts";
import { MIGRATION, PRICES_DIR } from "./support/price-usage.ts";

let root: string;
let pricesDir: string;
let migration: string;
let cwd: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sync-"));
  pricesDir = join(root, "prices");
  cpSync(PRICES_DIR, pricesDir, { recursive: true });
  mkdirSync(join(root, "supabase/migrations"), { recursive: true });
  writeFileSync(join(root, "supabase/config.toml"), "");
  migration = join(root, "supabase/migrations/20261123001500_price_book.sql");
  copyFileSync(MIGRATION, migration);
  cwd = process.cwd();
  process.chdir(root);
});
afterEach(() => {
  process.chdir(cwd);
  vi.restoreAllMocks();
  rmSync(root, { recursive: true });
});

/** Changes the input rate of one list price in a file of the overlay. */
function setRate(file: string, model: string, rate: string): void {
  const path = join(pricesDir, file);
  const book = JSON.parse(readFileSync(path, "utf8"));
  const card = book.cards.find(
    (c: { model: string; service_tier: string }) =>
      c.model === model && c.service_tier === "standard",
  );
  card.rates.input = rate;
  writeFileSync(path, JSON.stringify(book));
}

function run(...args: string[]) {
  let out = "";
  let err = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += text;
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    err += text;
    return true;
  });
  return runPrices(args).then((code) => ({ code, out, err }));
}

describe("tallybase prices sync", () => {
  test("the shipped migration is what the sources give: syncing changes nothing", async () => {
    const options = { pricesDir, migration, isDryRun: false, isForced: false };
    expect(await syncPrices(options)).toMatchObject({ outcome: "unchanged", jumps: [] });
    expect(readFileSync(migration, "utf8")).toBe(readFileSync(MIGRATION, "utf8"));
  });

  test("a change is shown in percent, written, and then nothing is left to write", async () => {
    setRate("openai.json", "gpt-5-mini", "0.3");
    const first = await run("sync");
    expect(first.code).toBe(0);
    expect(first.out).toMatch(
      /~ openai\/gpt-5-mini standard .*changed\n +input {2}0.25 -> 0.3 \(\+20.0 %\)/,
    );
    expect(first.out).toMatch(/Written\.\n$/);
    expect((await run("sync")).out).toMatch(/nothing was written/);
    expect(readFileSync(migration, "utf8")).toMatch(/"gpt-5-mini".*"input":"0.3"/);
  });

  test("a dry run shows the same and writes nothing", async () => {
    setRate("openai.json", "gpt-5-mini", "0.3");
    const result = await run("sync", "--dry-run");
    expect(result).toMatchObject({ code: 0 });
    expect(result.out).toMatch(/0.25 -> 0.3/);
    expect(readFileSync(migration, "utf8")).toBe(readFileSync(MIGRATION, "utf8"));
  });

  test("a unit slip is refused, and written only by force", async () => {
    setRate("openai.json", "gpt-5-mini", "0.00025");
    const refused = await run("sync");
    expect(refused.code).toBe(1);
    expect(refused.out).toMatch(/JUMP .*per thousand and per million/);
    expect(readFileSync(migration, "utf8")).toBe(readFileSync(MIGRATION, "utf8"));
    expect((await run("sync", "--force")).out).toMatch(/Written/);
    expect((await run("sync")).code).toBe(0);
  });

  test("--json is for programs", async () => {
    setRate("xai.json", "grok-4.7", "3");
    const { out } = await run("sync", "--dry-run", "--json");
    expect(JSON.parse(out)).toMatchObject({
      outcome: "dry-run",
      jumps: [],
      changes: [{ kind: "changed", card: { model: "grok-4.7" } }],
    });
  });

  test("an unsound overlay is refused with the reason, whatever the force", async () => {
    const path = join(pricesDir, "xai.json");
    const book = JSON.parse(readFileSync(path, "utf8"));
    book.cards.push({ ...book.cards[0], rates: { sorbet: "1" }, valid_from: "2026-05-01" });
    writeFileSync(path, JSON.stringify(book));
    const { code, err } = await run("sync", "--force");
    expect(code).toBe(1);
    expect(err).toMatch(/sorbet is not a class of use/);
    expect(err).toMatch(/overlaps the card from/);
  });

  test("prices in euros are refused", async () => {
    const path = join(pricesDir, "xai.json");
    writeFileSync(
      path,
      readFileSync(path, "utf8").replace('"aliases"', '"currency": "EUR", "aliases"'),
    );
    expect(await run("sync", "--force")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/USD/),
    });
  });

  test("after a release the next book is a new migration, compared with the last", async () => {
    setRate("openai.json", "gpt-5-mini", "0.3");
    const next = join(root, "supabase/migrations/20270101000000_price_book.sql");
    const { code, out } = await run("sync", "--migration", next);
    expect(code).toBe(0);
    expect(out).toMatch(/Cards: 1 changed/);
    expect(parseMigration(readFileSync(next, "utf8")).cards.length).toBeGreaterThan(2000);
    expect(readFileSync(migration, "utf8")).toBe(readFileSync(MIGRATION, "utf8"));
    expect((await run("sync")).out).toMatch(/nothing was written/);
  });

  test.each([[["sync", "--bogus"]], [["list"]], [[]]])(
    "wrong usage %j exits with 2",
    async (args) => {
      expect(await run(...args)).toMatchObject({ code: 2, err: expect.stringMatching(/Usage/) });
    },
  );

  test("--help explains", async () => {
    expect(await run("--help")).toMatchObject({ code: 0, out: expect.stringMatching(/--dry-run/) });
  });

  test("a directory that is no project is said so", async () => {
    rmSync(join(root, "supabase"), { recursive: true });
    expect(await run("sync")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/config\.toml/),
    });
  });
});

describe("the migration", () => {
  const text = readFileSync(MIGRATION, "utf8");

  test("reads back to the same bytes", () => {
    expect(renderMigration(parseMigration(text))).toBe(text);
  });

  test("keeps one card on one line", () => {
    const cards = text.split("\n").filter((line) => line.includes('"context_from"'));
    expect(cards).toHaveLength(parseMigration(text).cards.length);
  });

  test("no statement is larger than older versions of the Supabase CLI read", () => {
    const statements = text.split(";\n");
    expect(statements.length).toBeGreaterThan(4);
    expect(statements.filter((statement) => Buffer.byteLength(statement) > 262_144)).toEqual([]);
  });

  test("a text without a book is an empty book; one that is cut off is refused", () => {
    expect(parseMigration("select 1;").cards).toEqual([]);
    expect(() => parseMigration(text.slice(0, -20))).toThrow(/cut off/);
  });
});
