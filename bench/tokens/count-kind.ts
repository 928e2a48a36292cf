/**
 * Run by Deno: counts one kind of text once, in a process of its own, and prints what it took.
 * Arguments: the kind's name, bytes.
 */
import { readFileSync } from "node:fs";
import { argv, cpuUsage } from "node:process";
import { createTextCounter } from "../../supabase/functions/_tally/count-text.ts";
import { TEXT_KINDS } from "../../tests/estimate/texts.ts";

/** What one count took. */
export interface Measured {
  tokens: number;
  bytes: number;
  is_exact: boolean;
  wall_ms: number;
  cpu_ms: number;
  /** Resident memory at its highest, before and after counting. */
  loaded_mb: number;
  peak_mb: number;
}

function peakMemory(): number {
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}

const [name, bytes] = argv.slice(2);
const text = TEXT_KINDS.find((kind) => kind.name === name)?.make(Number(bytes)) ?? "";
const countText = createTextCounter();
await countText(["warm up: the tokenizer is loaded"]);
const loaded = peakMemory();
const cpuBefore = cpuUsage();
const startedAt = performance.now();
const count = await countText([text]);
const wall = performance.now() - startedAt;
const { user, system } = cpuUsage(cpuBefore);
const measured: Measured = {
  tokens: count.tokens,
  bytes: count.bytes,
  is_exact: count.is_exact,
  wall_ms: Math.round(wall),
  cpu_ms: Math.round((user + system) / 1_000),
  loaded_mb: loaded,
  peak_mb: peakMemory(),
};
console.log(JSON.stringify(measured));
