import { linkSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { commandLine, isAlive } from "../processes/inspect-process.ts";
import { writePrivateFile } from "./write-private-file.ts";

/** What others may know about a running stack: the names are those of `supabase status`. */
export interface StackInfo {
  API_URL: string;
  REST_URL: string;
  AUTH_URL: string;
  FUNCTIONS_URL: string;
  DB_URL: string;
  FAKE_PROVIDER_URL: string;
  FAKE_STRIPE_URL: string;
  PUBLISHABLE_KEY: string;
  SECRET_KEY: string;
  JWT_SECRET: string;
  DEMO_EMAIL: string;
  DEMO_PASSWORD: string;
  DEMO_ORGANIZATION_ID: string;
  DEMO_API_KEY: string;
}

/** The run that owns a state directory; `info` is there once everything answers. */
export interface Run {
  pid: number;
  info?: StackInfo;
}

/** The title of the process that runs a stack: how a later run knows that a process id is still ours. */
export const PROCESS_TITLE = "tallybase dev";

const FILE = "run.json";

/** The run of this state directory that is alive, or null. */
export function readRun(stateDir: string): Run | null {
  const run = readRunFile(stateDir);
  return run && isOurs(run.pid) ? run : null;
}

function readRunFile(stateDir: string): Run | null {
  try {
    return JSON.parse(readFileSync(join(stateDir, FILE), "utf8"));
  } catch {
    return null;
  }
}

function isOurs(pid: number): boolean {
  return isAlive(pid) && commandLine(pid).startsWith(PROCESS_TITLE);
}

/** Either the state directory is now ours, or the run that has it. */
export type Claim = { owner: Run } | { owner: null; deadPid: number | null };

/**
 * Takes the state directory for this process. At most one process has it at a time.
 * `deadPid` is the process of an earlier run that ended without cleaning up.
 */
export function claimRun(stateDir: string): Claim {
  mkdirSync(join(stateDir, "logs"), { recursive: true });
  const file = join(stateDir, FILE);
  const mine = `${file}.claim-${process.pid}`;
  writePrivateFile(mine, { pid: process.pid });
  let deadPid: number | null = null;
  try {
    for (;;) {
      try {
        // A link fails when the name exists: the one step that two processes cannot both succeed in.
        linkSync(mine, file);
        return { owner: null, deadPid };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const run = readRunFile(stateDir);
      if (run && isOurs(run.pid)) return { owner: run };
      deadPid = run?.pid ?? null;
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Tells the world that the stack of this process is ready. */
export function publishRun(stateDir: string, info: StackInfo): void {
  writePrivateFile(join(stateDir, FILE), { pid: process.pid, info });
}

/** Gives the state directory back. */
export function releaseRun(stateDir: string): void {
  if (readRunFile(stateDir)?.pid === process.pid) rmSync(join(stateDir, FILE), { force: true });
}
