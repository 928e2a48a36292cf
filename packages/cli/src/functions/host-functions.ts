import { spawn } from "node:child_process";
import { closeSync, type FSWatcher, openSync, watch } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../cli-error.ts";
import { type ProjectConfig, readConfig } from "../project/read-config.ts";
import { findDeno, functionEnvironment } from "./deno-environment.ts";
import { findFunction, listFunctions } from "./find-function.ts";
import { type RunningFunction, startFunction } from "./start-function.ts";

/** A function that is ready, and a note to call when the request it was taken for is over. */
export interface FunctionLease {
  port: number;
  release(): void;
}

/** All edge functions of a project. Each gets its process at its first request. */
export interface FunctionHost {
  names(): string[];
  /** Whether the function wants a user's token to be checked before it is called; null: no such function. */
  verifiesJwt(name: string): boolean | null;
  /** @throws CliError when the function does not start */
  take(name: string): Promise<FunctionLease>;
  /** Downloads what the functions import, so that their first call does not; returns what went wrong, or null. */
  download(signal: AbortSignal): Promise<string | null>;
  close(): Promise<void>;
}

/** What the functions of one stack share. */
export interface FunctionHostOptions {
  supabaseDir: string;
  logsDir: string;
  /** The settings of all functions. Read at each start, so that a change of them counts. */
  settings(): Record<string, string>;
  onReload?(): void;
}

interface Slot {
  started: Promise<RunningFunction>;
  requests: number;
  isRetired: boolean;
}

export function hostFunctions(options: FunctionHostOptions): FunctionHost {
  const { supabaseDir, logsDir } = options;
  /** The process that takes the next request of each function. */
  const slots = new Map<string, Slot>();
  /** Those that still run, the retired ones among them. */
  const running = new Set<Slot>();
  let config: ProjectConfig = readConfig(supabaseDir);
  const source = (name: string) => findFunction(supabaseDir, name, config.functions(name));
  const environment = () => functionEnvironment(options.settings());

  const open = (name: string): Slot => {
    const found = source(name);
    if (!found) throw new Error(`There is no function ${name}.`);
    const logFile = join(logsDir, `function-${name}.log`);
    const slot: Slot = {
      started: startFunction(found, { env: environment(), logFile }),
      requests: 0,
      isRetired: false,
    };
    slots.set(name, slot);
    running.add(slot);
    const forget = () => {
      running.delete(slot);
      if (slots.get(name) === slot) slots.delete(name);
    };
    slot.started.then((started) => started.exited.then(forget), forget);
    return slot;
  };

  /** The running requests of a retired process are answered by it; new ones start a new process. */
  const retire = (name: string, slot: Slot) => {
    slots.delete(name);
    slot.isRetired = true;
    if (slot.requests === 0) void stop(slot);
  };
  const stop = (slot: Slot) =>
    slot.started.then(
      (started) => started.stop(),
      () => undefined,
    );

  const watcher = watchSources(supabaseDir, () => {
    try {
      config = readConfig(supabaseDir);
    } catch (error) {
      console.error(messageOf(error));
    }
    for (const [name, slot] of slots) retire(name, slot);
    options.onReload?.();
  });

  return {
    names: () => listFunctions(supabaseDir).filter((name) => source(name) !== null),
    verifiesJwt: (name) => (source(name) ? config.functions(name).verifyJwt : null),
    take: async (name) => {
      const slot = slots.get(name) ?? open(name);
      slot.requests++;
      const release = () => {
        slot.requests--;
        if (slot.isRetired && slot.requests === 0) void stop(slot);
      };
      try {
        const { port } = await slot.started;
        return { port, release };
      } catch (error) {
        release();
        throw error;
      }
    },
    download: async (signal) => {
      for (const name of listFunctions(supabaseDir)) {
        const found = source(name);
        if (!found) continue;
        const args = [...found.denoFlags, found.entrypoint];
        const problem = await cache(args, { env: environment(), logsDir, signal });
        if (problem) return `${name}: ${problem}`;
      }
      return null;
    },
    close: async () => {
      watcher?.close();
      await Promise.all([...running].map(stop));
    },
  };
}

function watchSources(supabaseDir: string, onChange: () => void): FSWatcher | undefined {
  let pending: NodeJS.Timeout | undefined;
  try {
    return watch(supabaseDir, { recursive: true, persistent: false }, (_event, file) => {
      if (file !== "config.toml" && !file?.startsWith("functions")) return;
      // An editor writes one change in several steps.
      clearTimeout(pending);
      pending = setTimeout(onChange, 100);
    });
  } catch (error) {
    console.error(`Functions are not reloaded on change: ${messageOf(error)}`);
    return undefined;
  }
}

function cache(
  args: string[],
  { env, logsDir, signal }: { env: Record<string, string>; logsDir: string; signal: AbortSignal },
): Promise<string | null> {
  const log = openSync(join(logsDir, "function-downloads.log"), "a", 0o600);
  const child = spawn(findDeno(), ["cache", "--quiet", "--node-modules-dir=none", ...args], {
    env,
    signal,
    stdio: ["ignore", log, "pipe"],
  });
  closeSync(log);
  let errors = "";
  child.stderr?.on("data", (chunk) => (errors += chunk));
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code) => {
      resolve(code === 0 ? null : errors.trim().split("\n").slice(0, 2).join(" "));
    });
  });
}
