import { type PgbenchOptions, type PgbenchRun, runPgbench } from "./run-pgbench.ts";

/** Scripts by name. */
export type Scripts<Name extends string> = Record<Name, string>;

/**
 * Runs scripts in turn, so that a change of the machine's pace meets all of them, and returns the
 * median run of each.
 */
export async function compare<Name extends string>(
  url: string,
  scripts: Scripts<Name>,
  rounds: number,
  options: PgbenchOptions,
): Promise<Record<Name, PgbenchRun>> {
  const names = Object.keys(scripts) as Name[];
  const runs = new Map(names.map((name) => [name, [] as PgbenchRun[]]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) runs.get(name)?.push(await runPgbench(url, scripts[name], options));
  }
  const medians = names.map((name) => [name, median(runs.get(name) ?? [])]);
  return Object.fromEntries(medians) as Record<Name, PgbenchRun>;
}

function median(runs: PgbenchRun[]): PgbenchRun {
  const sorted = runs.toSorted((a, b) => a.per_second - b.per_second);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (!middle) throw new Error("No run to take the median of.");
  return middle;
}
