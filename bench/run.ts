/**
 * Every benchmark, one after another: `npm run bench` (the quick rounds, about half an hour) or
 * `npm run bench -- --full`. Each writes its results to bench/results.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const BENCHES = ["pricing", "ledger", "events", "gateway", "billing", "tokens"];
const options = process.argv.includes("--full") ? ["--full"] : ["--quick"];

for (const name of BENCHES) {
  console.log(`\n── ${name} ${"─".repeat(60 - name.length)}\n`);
  const script = fileURLToPath(new URL(`${name}/run.ts`, import.meta.url));
  const code = await new Promise<number | null>((resolve) => {
    spawn(process.execPath, [script, ...options], { stdio: "inherit" }).on("close", resolve);
  });
  if (code !== 0) process.exitCode = 1;
}
