import type { WriteLine } from "./log-request.ts";

/** Nobody who reads a log notices it. */
const GATHER_MS = 20;

/**
 * Gathers the lines of a log: to write each by itself is a system call in the way of the next request.
 * A line that is urgent takes those before it along at once.
 */
export function gatherLines(
  writeNow: (text: string) => void,
): { write: WriteLine; flush: () => void } {
  let lines: string[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (lines.length === 0) return;
    const text = lines.join("\n");
    lines = [];
    writeNow(text);
  }

  return {
    write(text, isUrgent) {
      lines.push(text);
      if (isUrgent) flush();
      else timer ??= setTimeout(flush, GATHER_MS);
    },
    flush,
  };
}
