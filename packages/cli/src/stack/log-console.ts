import { Console } from "node:console";
import { createWriteStream } from "node:fs";
import { join } from "node:path";

/**
 * From here on `console` writes to `logs/stack.log`: REST and Auth run in this process and log
 * there, and the terminal belongs to the summary.
 */
export function logConsole(stateDir: string): void {
  const stream = createWriteStream(join(stateDir, "logs", "stack.log"), {
    flags: "a",
    mode: 0o600,
  });
  globalThis.console = new Console({ stdout: stream, stderr: stream });
}
