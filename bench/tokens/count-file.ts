/**
 * Run by Deno: counts a text once, in a process of its own, and prints what it took.
 * Argument: a file with the text.
 */
import { createTextCounter } from "../../supabase/functions/_tally/count-text.ts";
import { cpuTime, Deno, peakMemory } from "./deno-api.ts";

/** What one count took. */
export interface Measured {
  tokens: number;
  bytes: number;
  is_exact: boolean;
  wall_ms: number;
  /** With the garbage collector and the compiler. */
  cpu_ms: number;
  peak_mb: number;
}

const countText = createTextCounter();
await countText(["The tokenizer is loaded."]);
const text = Deno.readTextFileSync(Deno.args[0] ?? "");
const cpuBefore = cpuTime();
const startedAt = performance.now();
const { tokens, bytes, is_exact } = await countText([text]);
const measured: Measured = {
  tokens,
  bytes,
  is_exact,
  wall_ms: Math.round(performance.now() - startedAt),
  cpu_ms: cpuTime() - cpuBefore,
  peak_mb: Math.round(peakMemory()),
};
console.log(JSON.stringify(measured));
