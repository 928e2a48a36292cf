/**
 * Installs the dependencies when they are missing or not those of the lock file. Runs on Node 20
 * without node_modules.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NETWORK =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT/;

/** Ends the process with a message when the dependencies cannot be installed. */
export async function ensureInstalled() {
  const [major] = process.versions.node.split(".");
  if (Number(major) < 20) {
    fail(`This needs Node 20 or later, and ${process.execPath} is ${process.version}.`);
  }
  const reason = whatIsMissing();
  if (!reason) return;
  console.log(`Installing dependencies (${reason}): npm ci`);
  const startedAt = performance.now();
  const { code, output } = await runNpm(["ci", "--prefer-offline", "--no-audit", "--no-fund"]);
  if (code !== 0) {
    console.error(output.trim());
    fail(
      NETWORK.test(output)
        ? "npm cannot reach its registry. Connect to the network (or name your proxy or mirror: npm config set registry …) and run the same command again."
        : "npm ci failed, see above. Mend that and run the same command again.",
    );
  }
  console.log(`Installed in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}

/** @returns {string | null} why an install is due */
function whatIsMissing() {
  const wanted = readPackages("package-lock.json");
  const installed = readPackages("node_modules/.package-lock.json");
  if (!installed) return "first run";
  for (const [path, { version, optional }] of Object.entries(wanted ?? {})) {
    if (path === "" || (optional && !installed[path])) continue;
    if (installed[path]?.version !== version)
      return `${path.replace(/^.*node_modules\//, "")} changed`;
  }
  return null;
}

/** @param {string} file @returns {Record<string, { version?: string, optional?: boolean }> | null} */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(ROOT, file), "utf8")).packages;
  } catch {
    return null;
  }
}

/** @param {string[]} args @returns {Promise<{ code: number | null, output: string }>} */
function runNpm(args) {
  return new Promise((resolve) => {
    const child = spawn("npm", args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.once("error", (error) => resolve({ code: 1, output: error.message }));
    child.once("close", (code) => resolve({ code, output }));
  });
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(`\n${message}`);
  process.exit(1);
}
