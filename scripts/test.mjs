/**
 * Everything that proves the project, one gate after another: `npm test`, or some of them by name:
 * `npm test -- lint test:db`. A gate is an npm script. Runs on Node 20 without node_modules; the
 * gates run on the Node 24 that is installed with the rest.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ensureInstalled } from "./install.mjs";

const GATES = [
  ["lint", "Format and lint: TypeScript, JSON"],
  ["lint:functions", "Format, lint and types: edge functions"],
  ["check:types", "Types: packages, scripts, tests"],
  ["lint:sql", "Migrations: squawk"],
  ["check:migrations", "Migrations apply: Postgres 17 and 15"],
  ["check:generated", "Generated types are fresh"],
  ["lint:db", "Database: advisors, plpgsql_check"],
  ["test:unit", "Unit tests"],
  ["test:db", "Database tests: pgTAP on Postgres 17 and 15"],
  ["test:database", "Prices, reports, billing, imports through the database"],
  ["test:races", "Races: many connections at once"],
  ["test:stack", "The local stack: start, restart, stop"],
  ["test:e2e", "End to end over HTTP"],
  ["test:browser", "A page in a real browser"],
];

/** Colours are for terminals, not for the log of a CI. */
const ENV = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: "1" };
const ROOT = fileURLToPath(new URL("..", import.meta.url));

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !GATES.some(([gate]) => gate === name));
if (unknown.length > 0) {
  console.error(
    `No such gate: ${unknown.join(", ")}. There are ${GATES.map(([g]) => g).join(", ")}.`,
  );
  process.exit(2);
}

await ensureInstalled();

const gates = GATES.filter(([gate]) => wanted.length === 0 || wanted.includes(gate));
const results = [];
for (const [index, [gate, title]] of gates.entries()) {
  console.log(`\n=== ${index + 1}/${gates.length} ${title} (npm run ${gate})\n`);
  const startedAt = performance.now();
  const isPassed = await run(gate);
  const seconds = (performance.now() - startedAt) / 1000;
  results.push({ gate, title, isPassed, seconds });
  console.log(`\n--- ${isPassed ? "passed" : "FAILED"} in ${seconds.toFixed(1)} s`);
}

console.log("\n=== Summary\n");
for (const { gate, title, isPassed, seconds } of results) {
  const time = `${seconds.toFixed(1)} s`.padStart(9);
  console.log(`${isPassed ? "passed" : "FAILED"} ${time}  ${gate.padEnd(17)} ${title}`);
}
const failed = results.filter(({ isPassed }) => !isPassed).length;
console.log(`\n${results.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** @param {string} gate an npm script @returns {Promise<boolean>} whether it ended well */
function run(gate) {
  return new Promise((resolve) => {
    const child = spawn("npm", ["run", "--silent", gate], {
      cwd: ROOT,
      env: ENV,
      stdio: "inherit",
    });
    child.once("error", (error) => {
      console.error(error.message);
      resolve(false);
    });
    child.once("close", (code) => resolve(code === 0));
  });
}
