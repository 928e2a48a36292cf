import { readdirSync, readFileSync } from "node:fs";
import { isAlive, waitUntilGone } from "../../packages/cli/src/processes/inspect-process.ts";

/** A process and all that it has started, theirs included. */
export function listFamily(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const parent = parentOf(entry);
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const family = [pid];
  for (const member of family) family.push(...(children.get(member) ?? []));
  return family;
}

/** The program that a process runs, with its arguments; empty if the process has ended. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function parentOf(pid: string): number | null {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return null;
  }
}

/** Those of these processes that are still there after `ms`. */
export async function listSurvivors(pids: number[], ms: number): Promise<number[]> {
  await Promise.all(pids.map((pid) => waitUntilGone(pid, ms)));
  return pids.filter(isAlive);
}
