import { styleText } from "node:util";
import type { CliError } from "../cli-error.ts";
import type { StackReport } from "./start-stack.ts";

/** What `tallybase dev` shows while it starts and runs. */
export interface Progress extends StackReport {
  title(text: string): void;
  ready(summary: string): void;
}

/** Writes one line per event, with the seconds since `startedAt` (of `Date.now()`). */
export function reportTo(out: NodeJS.WriteStream, startedAt: number): Progress {
  const seconds = () => `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
  const write = (line: string) => void out.write(`${line}\n`);
  return {
    title: (text) => write(`\n  ${styleText("bold", text)}\n`),
    done: (part) => write(`  ${styleText("green", "✓")} ${part} ${styleText("dim", seconds())}`),
    note: (text) => write(`  ${styleText("yellow", "•")} ${text}`),
    problem: (error: CliError) => {
      write(`  ${styleText("red", "✗")} ${error.message}`);
      if (error.hint) write(error.hint.replace(/^/gm, "    "));
    },
    ready: (summary) => {
      write(`\n${summary}\n`);
      write(
        `  ${styleText("bold", `Ready in ${seconds()}.`)} ${styleText("dim", "Ctrl-C stops it, the data stays.")}\n`,
      );
    },
  };
}
