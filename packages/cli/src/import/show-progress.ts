import { styleText } from "node:util";

const WIDTH = 24;
const INTERVAL_MS = 100;

/** What the bar shows. */
export interface ProgressState {
  label: string;
  /** From 0 to 1; null where nobody knows. */
  part: number | null;
  events: number;
  retries: number;
}

/** Draws a bar while the work runs; nothing where no person looks on. */
export function showProgress(out: NodeJS.WriteStream, look: () => ProgressState): { stop(): void } {
  if (!out.isTTY) return { stop: () => {} };
  const startedAt = Date.now();
  const draw = () => out.write(`\r\u001b[2K${drawLine(look(), Date.now() - startedAt)}`);
  const timer = setInterval(draw, INTERVAL_MS);
  return {
    stop: () => {
      clearInterval(timer);
      out.write("\r\u001b[2K");
    },
  };
}

/** One line: the bar, the part, the events and how many of them a second. */
export function drawLine({ label, part, events, retries }: ProgressState, ms: number): string {
  const shown = [`${events.toLocaleString("en")} events`];
  if (events > 0) shown.push(`${Math.round((events / ms) * 1000).toLocaleString("en")}/s`);
  if (part !== null && part > 0 && part < 1) {
    shown.push(`${Math.ceil(((ms / part) * (1 - part)) / 1000)} s left`);
  }
  if (retries > 0) shown.push(`sent again: ${retries}`);
  const full = Math.round((part ?? 0) * WIDTH);
  const bar =
    part === null
      ? ""
      : ` ${styleText("green", "█".repeat(full))}${styleText("dim", "░".repeat(WIDTH - full))} ${Math.floor(part * 100)} %`;
  return `  ${label}${bar}  ${shown.join(", ")}`;
}
