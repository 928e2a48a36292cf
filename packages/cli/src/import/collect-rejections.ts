import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { CliError, messageOf } from "../cli-error.ts";
import type { Problem, Rejection } from "./event-row.ts";

/** Events that were rejected for one reason. */
export interface RejectionGroup extends Problem {
  count: number;
  /** The first lines of them, in order. */
  lines: number[];
}

const LINES_SHOWN = 20;
/** Messages may quote values, so that each event has one of its own: memory stays bounded. */
const MAX_GROUPS = 1_000;

/** Keeps the first lines of each reason, and writes every rejection to a file when there is one. */
export class Rejections {
  count = 0;
  readonly #groups = new Map<string, RejectionGroup>();
  readonly #file: WriteStream | null;
  #failure: Error | null = null;

  private constructor(file: WriteStream | null) {
    this.#file = file;
    file?.on("error", (error) => {
      this.#failure = error;
    });
  }

  /** @throws CliError when the file cannot be written */
  static async open(path: string | undefined): Promise<Rejections> {
    if (path === undefined) return new Rejections(null);
    const file = createWriteStream(path);
    try {
      await once(file, "open");
    } catch (error) {
      throw new CliError(`${path} cannot be written: ${messageOf(error)}`, undefined, {
        cause: error,
      });
    }
    return new Rejections(file);
  }

  async add(rejections: readonly Rejection[]): Promise<void> {
    this.count += rejections.length;
    for (const rejection of rejections) this.#group(rejection);
    if (!this.#file || rejections.length === 0) return;
    const lines = rejections.map(({ event, line, code, field, message }) => {
      const reason = JSON.stringify({ line, code, field, message });
      return `${reason.slice(0, -1)},"event":${event}}\n`;
    });
    const isFull = !this.#file.write(lines.join(""));
    this.#throwFailure();
    if (isFull) await once(this.#file, "drain");
  }

  /** The reasons, the most frequent first. */
  groups(): RejectionGroup[] {
    return [...this.#groups.values()].sort(
      (a, b) => b.count - a.count || (a.lines[0] ?? 0) - (b.lines[0] ?? 0),
    );
  }

  async close(): Promise<void> {
    if (!this.#file) return;
    this.#file.end();
    await once(this.#file, "close");
    this.#throwFailure();
  }

  #group({ line, code, field, message }: Rejection): void {
    let key = `${code} ${field} ${message}`;
    let reason: Problem = { code, field, message };
    if (!this.#groups.has(key) && this.#groups.size >= MAX_GROUPS) {
      key = "";
      reason = { code: "", field: null, message: "Other reasons; --rejects FILE lists them all." };
    }
    const group = this.#groups.get(key) ?? { ...reason, count: 0, lines: [] };
    group.count += 1;
    // Batches come back in any order; the first lines of all are kept.
    if (group.lines.length < LINES_SHOWN || line < (group.lines.at(-1) ?? 0)) {
      group.lines = [...group.lines, line].sort((a, b) => a - b).slice(0, LINES_SHOWN);
    }
    this.#groups.set(key, group);
  }

  #throwFailure(): void {
    if (!this.#failure) return;
    throw new CliError(`The rejected events cannot be written: ${this.#failure.message}`);
  }
}
