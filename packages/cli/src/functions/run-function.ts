// Runs under Deno, as the main module of one edge function: serves what the function exports, or
// lets it call Deno.serve itself. DENO_SERVE_ADDRESS says where.

interface DenoRuntime {
  addSignalListener(signal: "SIGTERM", listener: () => void): void;
  args: string[];
  exit(code: number): never;
  serve(handler: (request: Request) => Response | Promise<Response>): unknown;
  stdin: { readable: ReadableStream<Uint8Array> };
}

const { Deno } = globalThis as unknown as { Deno: DenoRuntime };

/** The pipe closes when the stack ends, however it ends. */
async function exitWithParent(): Promise<never> {
  for await (const _ of Deno.stdin.readable);
  return Deno.exit(0);
}

void exitWithParent();
// So that the function is told of its end, and can write the last lines of its log.
Deno.addSignalListener("SIGTERM", () => Deno.exit(143));
const [entrypoint] = Deno.args;
const { default: exported } = await import(entrypoint as string);
if (typeof exported?.fetch === "function") {
  Deno.serve((request) => exported.fetch(request));
} else if (typeof exported === "function") {
  Deno.serve(exported);
}
