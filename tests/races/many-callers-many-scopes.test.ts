import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { createDatabase } from "../support/create-database.ts";
import { checkRun } from "./callers/check-run.ts";
import { readSeed } from "./callers/random-source.ts";
import { runCallers } from "./callers/run-callers.ts";

// Past Vite's module runner, which lacks import.meta.resolve.
const { useDatabase } = createRequire(import.meta.url)(
  "../../scripts/databases/use-database.ts",
) as typeof import("../../scripts/databases/use-database.ts");

const STEPS = Number(process.env.RACE_STEPS ?? 4_000);
const CALLERS = Number(process.env.RACE_CALLERS ?? 32);
const TIMEOUT_MS = 90_000 + STEPS * 15;

async function race(url: string): Promise<void> {
  const result = await runCallers({
    url,
    seed: readSeed(),
    steps: STEPS,
    callers: CALLERS,
    terminateEvery: 200,
  });
  console.log(`${result.recorded.size} events, ${result.losses} lost connections`);
  expect(result.recorded.size).toBeGreaterThan(STEPS / 10);
  await checkRun(url, result);
}

test(`${STEPS} random steps of ${CALLERS} callers keep the ledger whole`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const database = await createDatabase();
  try {
    await race(database.url);
  } finally {
    await database.drop();
  }
});

test("and on Postgres 15", { timeout: TIMEOUT_MS }, () => useDatabase(15, ({ url }) => race(url)));
