import { type ChildProcess, execFileSync, fork, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { functionEnvironment } from "../../packages/cli/src/functions/deno-environment.ts";
import { startFunction } from "../../packages/cli/src/functions/start-function.ts";
import { findFreePort } from "../../packages/cli/src/processes/find-port.ts";

const PROVIDER = fileURLToPath(new URL("provider.ts", import.meta.url));
const PORTKEY = fileURLToPath(new URL("portkey/", import.meta.url));
const FUNCTION = fileURLToPath(new URL("../../supabase/functions/gateway/", import.meta.url));

/** A process that answers HTTP. */
export interface System {
  port: number;
  /** Null where nobody asks. */
  pid: number | null;
  stop(): Promise<void>;
}

function stopper(child: ChildProcess): () => Promise<void> {
  return async () => {
    if (child.exitCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    await gone;
  };
}

export async function startProvider(): Promise<System> {
  const child = fork(PROVIDER, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const port = await new Promise<number>((resolve, reject) => {
    child.once("message", (message) => resolve(Number(message)));
    child.once("exit", (code) => reject(new Error(`The provider ended with ${code}.`)));
  });
  return { port, pid: child.pid ?? null, stop: stopper(child) };
}

/** Installs Portkey where it is missing, and starts it as its README says. */
export async function startPortkey(): Promise<System> {
  const entrypoint = join(PORTKEY, "node_modules/@portkey-ai/gateway/build/start-server.js");
  if (!existsSync(entrypoint)) {
    execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: PORTKEY,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  const port = await findFreePort();
  const child = spawn(process.execPath, [entrypoint, "--headless", `--port=${port}`], {
    env: { ...process.env, PORT: String(port), NODE_ENV: "production" },
    stdio: "ignore",
  });
  await untilListening(port);
  return { port, pid: child.pid ?? null, stop: stopper(child) };
}

/**
 * Starts our gateway as the local stack and hosted projects run it: one process of Deno.
 *
 * @param flags of V8, such as a limit of its memory
 */
export async function startOurs(
  databaseUrl: string,
  providerPort: number,
  logFile: string,
  flags: string[] = [],
): Promise<System> {
  const source = {
    name: "gateway",
    entrypoint: join(FUNCTION, "index.ts"),
    denoFlags: [...flags, "--config", join(FUNCTION, "deno.json")],
  };
  const env = functionEnvironment({
    SUPABASE_DB_URL: databaseUrl,
    SUPABASE_URL: "http://127.0.0.1:9",
    TALLY_OPENAI_BASE_URL: `http://127.0.0.1:${providerPort}/v1`,
    OPENAI_API_KEY: "bench",
  });
  const running = await startFunction(source, { env, logFile });
  return { port: running.port, pid: findListener(running.port), stop: () => running.stop() };
}

/** The process of ours that was told to listen on a port: memory is read from it. */
function findListener(port: number): number | null {
  const wanted = `DENO_SERVE_ADDRESS=tcp:127.0.0.1:${port}\0`;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (`${readFileSync(`/proc/${pid}/environ`, "utf8")}\0`.includes(wanted)) return Number(pid);
    } catch {
      // Somebody else's process, or one that has just ended.
    }
  }
  return null;
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (isOpen) return;
    await wait(50);
  }
  throw new Error("Portkey did not start.");
}
