/**
 * Run by Deno: answers one request with the estimate function, from nothing, and prints what it took.
 * Arguments: a file with the request's body, an API key.
 */
import { cpuTime, Deno, peakMemory } from "./deno-api.ts";

/** What a first answer took, in milliseconds unless the name says otherwise. */
export interface ColdStart {
  status: number;
  /** Loading the function's modules. */
  import_ms: number;
  /** From the request to its answer, with the first connection to Postgres. */
  answer_ms: number;
  /** CPU of the process from its start to the answer. */
  cpu_ms: number;
  /** From the request to its answer when all is warm. */
  warm_ms: number;
  peak_mb: number;
}

const [file = "", key = ""] = Deno.args;
const body = Deno.readTextFileSync(file);
const importStart = performance.now();
const { default: estimate } = await import("../../supabase/functions/estimate/index.ts");
const imported = performance.now();

async function ask(): Promise<number> {
  const request = new Request("http://localhost/estimate", {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body,
  });
  const response = await estimate.fetch(request);
  await response.arrayBuffer();
  return response.status;
}

const status = await ask();
const answered = performance.now();
const cpu = cpuTime();
const peak = peakMemory();
const askedAgain = performance.now();
await ask();
const coldStart: ColdStart = {
  status,
  import_ms: imported - importStart,
  answer_ms: answered - imported,
  cpu_ms: cpu,
  warm_ms: performance.now() - askedAgain,
  peak_mb: peak,
};
console.log(`result ${JSON.stringify(coldStart)}`);
Deno.exit();
