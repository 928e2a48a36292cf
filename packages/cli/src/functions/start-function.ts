import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { CliError } from "../cli-error.ts";
import { findFreePort } from "../processes/find-port.ts";
import { findDeno } from "./deno-environment.ts";
import type { FunctionSource } from "./find-function.ts";

const RUNNER = fileURLToPath(new URL("./run-function.ts", import.meta.url));
/** The first start of all may download packages. */
const START_TIMEOUT_MS = 60_000;

/** A Deno process that serves one edge function. */
export interface RunningFunction {
  name: string;
  port: number;
  /** Resolves when the process has ended for whatever reason. */
  exited: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the process of one function and waits until it listens. It may do what a hosted function
 * may: network, its environment, reading files, writing to the temporary directory; no other
 * programs.
 *
 * @throws CliError with the end of its log when it does not start
 */
export async function startFunction(
  source: FunctionSource,
  options: { env: Record<string, string>; logFile: string },
): Promise<RunningFunction> {
  const port = await findFreePort();
  const log = openSync(options.logFile, "a", 0o600);
  const logStart = fstatSync(log).size;
  const permissions = [
    "--allow-net",
    "--allow-env",
    "--allow-sys",
    "--allow-read",
    `--allow-write=${tmpdir()}`,
  ];
  const child = spawn(
    findDeno(),
    [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-check",
      "--node-modules-dir=none",
      ...permissions,
    ].concat(source.denoFlags, RUNNER, pathToFileURL(source.entrypoint).href),
    {
      // Its own session: a Ctrl-C in the terminal must not end it before its requests are answered.
      detached: true,
      env: { ...options.env, DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}` },
      stdio: ["pipe", log, log],
    },
  );
  closeSync(log);
  const exited = new Promise<void>((done) => {
    child.once("close", () => done());
    child.once("error", () => done());
  });
  if (!(await waitUntilListening(child, port))) {
    child.kill("SIGKILL");
    const output = readFileSync(options.logFile).subarray(logStart).toString().trim();
    throw new CliError(`The function ${source.name} did not start.`, lastLines(output));
  }
  return {
    name: source.name,
    port,
    exited,
    stop: async () => {
      child.kill("SIGTERM");
      const isGone = await Promise.race([
        exited.then(() => true),
        delay(2_000, false, { ref: false }),
      ]);
      if (!isGone) child.kill("SIGKILL");
      await exited;
    },
  };
}

function lastLines(output: string): string {
  return output.split("\n").slice(-12).join("\n");
}

async function waitUntilListening(child: ChildProcess, port: number): Promise<boolean> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (child.exitCode === null && child.pid !== undefined && Date.now() < deadline) {
    if (await canConnect(port)) return true;
    await delay(20);
  }
  return false;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
