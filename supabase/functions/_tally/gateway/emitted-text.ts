import type { TextCounter } from "../count-text.ts";

/** Enough to count exactly for nearly every answer; what goes beyond is extrapolated. */
const KEPT_CHARACTERS = 65_536;

/** Remembers as much of an answer's text as counting its tokens needs, in bounded memory. */
export class EmittedText {
  #kept: string[] = [];
  #keptLength = 0;
  #length = 0;

  add(text: string): void {
    this.#length += text.length;
    const room = KEPT_CHARACTERS - this.#keptLength;
    if (room <= 0 || text === "") return;
    const kept = text.slice(0, room);
    this.#kept.push(kept);
    this.#keptLength += kept.length;
  }

  /** Counts the tokens of all text so far and forgets it. */
  async countTokens(count: TextCounter): Promise<number> {
    if (this.#keptLength === 0) return 0;
    const { tokens } = await count([this.#kept.join("")]);
    const share = this.#length / this.#keptLength;
    this.#kept = [];
    return Math.ceil(tokens * share);
  }
}
