import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commandLine, isAlive } from "../processes/inspect-process.ts";

/** What a running Postgres writes about itself into its data directory. */
export interface Postmaster {
  pid: number;
  isReady: boolean;
}

/** Reads `postmaster.pid`; null when there is none or its process is not a Postgres of this directory. */
export function readPostmaster(dataDir: string): Postmaster | null {
  let lines: string[];
  try {
    lines = readFileSync(join(dataDir, "postmaster.pid"), "utf8").split("\n");
  } catch {
    return null;
  }
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return null;
  // The number may belong to somebody else by now.
  if (!commandLine(pid).includes(dataDir)) return null;
  return { pid, isReady: lines[7]?.trim() === "ready" };
}
