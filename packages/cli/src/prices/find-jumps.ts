import type { PriceBook, RateCard } from "./book.ts";
import { label } from "./check-book.ts";
import type { BookDiff, RateChange } from "./diff-book.ts";

/** A change that is more likely a mistake than a price. */
export interface Jump {
  readonly card: RateCard;
  readonly reason: string;
}

/** Prices have been cut to a fifth at once; nothing real has moved further. */
const LARGEST_FACTOR = 5;

function slip(factor: number): string | null {
  const size = factor < 1 ? 1 / factor : factor;
  if (size > 900 && size < 1100) return "a slip between per thousand and per million?";
  if (size > 900_000 && size < 1_100_000) return "a slip between per token and per million?";
  return null;
}

function describe(change: RateChange): string {
  return `${change.class} ${change.before} -> ${change.after} USD`;
}

function jumpOf(change: RateChange): string | null {
  if (change.before === null || change.after === null) return null;
  const before = Number(change.before);
  const after = Number(change.after);
  if (before === 0 || after === 0) return `${describe(change)}: to or from free of charge`;
  const factor = after / before;
  const unit = slip(factor);
  if (unit) return `${describe(change)}: ${unit}`;
  // A rate that is exactly five times another is not off by a rounding error of this division.
  const isLarge = factor > LARGEST_FACTOR * (1 + 1e-9) || factor * LARGEST_FACTOR < 1 - 1e-9;
  return isLarge ? `${describe(change)}: more than ${LARGEST_FACTOR} times` : null;
}

/** All rates moved by the same crooked factor near one: converted from another currency? */
function looksConverted(changes: readonly RateChange[]): boolean {
  const factors = changes.flatMap(({ before, after }) =>
    before === null || after === null || Number(before) === 0
      ? []
      : [Number(after) / Number(before)],
  );
  const [first] = factors;
  if (first === undefined || factors.length < 2 || first < 0.75 || first > 1.34) return false;
  const isCrooked = Math.abs(first * 100 - Math.round(first * 100)) > 0.01;
  return isCrooked && factors.every((factor) => Math.abs(factor / first - 1) < 0.005);
}

/** A tier that costs ten times the standard one, or a tenth, is a unit slip too. */
function tierSlip(card: RateCard, book: PriceBook): string | null {
  if (card.service_tier === "standard") return null;
  const standard = book.cards.find(
    (c) =>
      c.provider === card.provider &&
      c.model === card.model &&
      c.service_tier === "standard" &&
      c.context_from === card.context_from &&
      c.valid_from <= card.valid_from &&
      (c.valid_to === null || c.valid_to > card.valid_from),
  );
  for (const [name, rate] of Object.entries(card.rates)) {
    const base = Number(standard?.rates[name] ?? 0);
    const factor = Number(rate) / base;
    if (base > 0 && (factor > 10 || factor < 0.1)) {
      return `${name} is ${rate} USD here and ${base} in the standard tier`;
    }
  }
  return null;
}

/** The changes of a diff that need a person's word (`--force`). */
export function findJumps(diff: BookDiff, after: PriceBook): Jump[] {
  return diff.cards.flatMap(({ kind, card, rates }) => {
    if (kind !== "added" && kind !== "changed") return [];
    const reasons = rates.flatMap((change) => jumpOf(change) ?? []);
    if (looksConverted(rates)) reasons.push("every rate by one crooked factor: another currency?");
    const tier = tierSlip(card, after);
    if (tier) reasons.push(tier);
    return reasons.map((reason) => ({ card, reason: `${label(card)}: ${reason}` }));
  });
}
