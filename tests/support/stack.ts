import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { readRun, type StackInfo } from "../../packages/cli/src/state/run-file.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Addresses and keys of the stack that all end-to-end tests share. */
    stack: StackInfo;
  }
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = join(ROOT, "packages/cli/src/main.ts");

/** How `tallybase` is run by a test. */
export interface RunOptions {
  /** A directory with a `supabase/` folder; default: this repository. */
  project?: string;
  stateDir: string;
  args?: string[];
  env?: Record<string, string>;
}

/** A `tallybase` that runs. */
export interface Tallybase {
  child: ChildProcess;
  /** All it has written so far, errors among it. */
  output(): string;
  /** Resolves once it has written this text; rejects with its output when it ends before. */
  wrote(text: string): Promise<void>;
  /** Its exit code; null when a signal ended it. */
  exited: Promise<number | null>;
}

/** A stack that answers. */
export interface RunningStack extends Tallybase {
  info: StackInfo;
  stateDir: string;
  /** Stops it as Ctrl-C does, and returns the exit code. */
  stop(): Promise<number | null>;
}

/** Runs `tallybase <command>`. The person's own provider keys stay out of it. */
export function runTallybase(command: string, options: RunOptions): Tallybase {
  const { project = ROOT, stateDir, args = [], env = {} } = options;
  const { DATABASE_URL: _, ...inherited } = process.env;
  const child = spawn(
    process.execPath,
    [MAIN, command, "--project", project, "--state-dir", stateDir, ...args],
    { env: { ...inherited, NO_COLOR: "1", ...env }, stdio: ["ignore", "pipe", "pipe", "ipc"] },
  );
  let output = "";
  const listeners = new Set<() => void>();
  const take = (chunk: Buffer) => {
    output += chunk;
    for (const listener of listeners) listener();
  };
  child.stdout?.on("data", take);
  child.stderr?.on("data", take);
  // Not "close": it never comes for a child whose channel we have closed ourselves.
  const exited = Promise.all([
    once(child, "exit"),
    ...[child.stdout, child.stderr].map((stream) => stream && finished(stream)),
  ]).then(([[code]]) => code as number | null);
  return {
    child,
    exited,
    output: () => output,
    wrote: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!output.includes(text)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
        void exited.then(() => reject(new Error(`tallybase ${command} ended:\n${output}`)));
      }),
  };
}

/** Starts a stack on free ports and waits until it answers. */
export async function startStack(options: RunOptions): Promise<RunningStack> {
  const args = ["--port", "0", "--env-file", "/dev/null", ...(options.args ?? [])];
  const run = runTallybase("dev", { ...options, args });
  await run.wrote("Ready in");
  const info = readRun(options.stateDir)?.info;
  if (!info) throw new Error(`The stack says it is ready but not where:\n${run.output()}`);
  return {
    ...run,
    info,
    stateDir: options.stateDir,
    stop: () => {
      run.child.kill("SIGINT");
      return run.exited;
    },
  };
}

/** A temporary directory that the user of Postgres can reach, and how to remove it. */
export async function makeDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "tallybase-test-"));
  await chmod(path, 0o755);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Vitest's global setup: one stack of this repository for a whole run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await makeDirectory();
  const stack = await startStack({ stateDir: directory.path });
  project.provide("stack", stack.info);
  return async () => {
    await stack.stop();
    await directory.remove();
  };
}
