/**
 * Runs the TypeScript of this package, which needs a Node that strips types: ours when it is new
 * enough, otherwise the one that npm installed beside us. Itself it runs on Node 20.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = new URL("../src/main.ts", import.meta.url);

/**
 * @param {string[]} args what follows the name of the program
 * @param {number} [startedAt] when the person's command began, in milliseconds of `Date.now()`
 */
export async function launch(args, startedAt = Date.now()) {
  process.env.TALLYBASE_STARTED_AT = String(startedAt);
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major >= 24 || (major === 22 && minor >= 18)) {
    const { main } = await import(MAIN.href);
    await main(args);
    return;
  }
  const child = spawn(findNode(), [fileURLToPath(MAIN), ...args], {
    // Its own group: a Ctrl-C reaches it once, through us. It notices by the channel when we are killed.
    detached: true,
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => child.kill(signal));
  }
  child.once("error", (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
  child.once("exit", (code) => {
    process.exitCode = code ?? 1;
  });
}

/** @returns {string} */
function findNode() {
  const installed = dirname(createRequire(import.meta.url).resolve("node/package.json"));
  const program = join(installed, "bin/node");
  if (existsSync(program)) return program;
  console.error(
    `This needs Node 22.18 or later, and ${process.execPath} is ${process.version}.\n` +
      "The package `node` would bring one, but its install script has not run: npm rebuild node",
  );
  process.exit(1);
}
