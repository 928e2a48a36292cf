import type { ReadVariable } from "./env.ts";
import { gatherLines } from "./gather-lines.ts";
import type { Surroundings } from "./handle-request.ts";

/**
 * The surroundings under Deno: its environment, and `EdgeRuntime.waitUntil` where it exists. A hosted
 * runtime makes an entry of its log of each thing that is written, so nothing is gathered for it.
 */
export function denoSurroundings(): Surroundings {
  const { Deno, EdgeRuntime } = globalThis as unknown as {
    Deno: { env: { get: ReadVariable } };
    EdgeRuntime?: { waitUntil?: (work: Promise<unknown>) => void };
  };
  const variable: ReadVariable = (name) => Deno.env.get(name);
  if (EdgeRuntime?.waitUntil) {
    return { variable, waitUntil: (work) => EdgeRuntime.waitUntil?.(work) };
  }
  // The process outlives its requests.
  const { write, flush } = gatherLines((text) => console.log(text));
  addEventListener("unload", flush);
  return { variable, writeLine: write };
}
