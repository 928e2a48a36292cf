import { compareCards, keyOf, type PriceBook, type RateCard, timelineOf } from "./book.ts";

/** A rate before and after; null where the class had or has no rate. */
export interface RateChange {
  readonly class: string;
  readonly before: string | null;
  readonly after: string | null;
  /** Null where there is nothing to compare with. */
  readonly percent: number | null;
}

/** What happens to one card. */
export interface CardChange {
  readonly kind: "added" | "changed" | "closed" | "reopened" | "dropped";
  readonly card: RateCard;
  /** Against the card before: the same one, or the one it follows. */
  readonly rates: readonly RateChange[];
}

export interface BookDiff {
  readonly cards: readonly CardChange[];
  readonly unchanged: number;
  /** Aliases, rules, classes or fallbacks that differ. */
  readonly references: number;
}

function rateChanges(before: RateCard | undefined, after: RateCard): RateChange[] {
  const names = new Set([...Object.keys(before?.rates ?? {}), ...Object.keys(after.rates)]);
  return [...names].flatMap((name) => {
    const old = before?.rates[name] ?? null;
    const now = after.rates[name] ?? null;
    if (old === now) return [];
    const percent =
      old === null || now === null || Number(old) === 0
        ? null
        : (Number(now) / Number(old) - 1) * 100;
    return [{ class: name, before: old, after: now, percent }];
  });
}

/** Whether two cards state the same, apart from when they end. */
function sameContent(left: RateCard, right: RateCard): boolean {
  const content = ({ valid_to: _, rates, ...rest }: RateCard) =>
    JSON.stringify([rest, Object.entries(rates).sort()]);
  return content(left) === content(right);
}

function changeOf(
  card: RateCard,
  old: RateCard | undefined,
  predecessor: RateCard | undefined,
): CardChange | null {
  if (old === undefined) return { kind: "added", card, rates: rateChanges(predecessor, card) };
  if (!sameContent(old, card)) return { kind: "changed", card, rates: rateChanges(old, card) };
  if (old.valid_to === card.valid_to) return null;
  const isShorter = card.valid_to !== null && (old.valid_to ?? "~") > card.valid_to;
  return { kind: isShorter ? "closed" : "reopened", card, rates: [] };
}

function countReferences(before: PriceBook, after: PriceBook): number {
  const rows = (book: PriceBook) =>
    [...book.classes, ...book.fallbacks, ...book.aliases, ...book.rules].map((row) =>
      JSON.stringify(row),
    );
  const old = new Set(rows(before));
  const now = new Set(rows(after));
  const gone = [...old].filter((row) => !now.has(row));
  return gone.length + [...now].filter((row) => !old.has(row)).length;
}

/**
 * Compares two books card by card. A new card is compared with the one it follows in its timeline,
 * wherever that one stands: in the old book, or opened together with it.
 */
export function diffBooks(before: PriceBook, after: PriceBook): BookDiff {
  const old = new Map(before.cards.map((card) => [keyOf(card), card]));
  const now = new Map(after.cards.map((card) => [keyOf(card), card]));
  const cards: CardChange[] = [];
  for (const line of Map.groupBy(after.cards, timelineOf).values()) {
    let predecessor: RateCard | undefined;
    for (const card of line.toSorted(compareCards)) {
      const change = changeOf(card, old.get(keyOf(card)), predecessor);
      if (change) cards.push(change);
      predecessor = card;
    }
  }
  for (const [key, card] of old) {
    if (!now.has(key)) cards.push({ kind: "dropped", card, rates: [] });
  }
  const touched = cards.filter((change) => change.kind !== "dropped").length;
  return {
    cards: cards.toSorted((a, b) => compareCards(a.card, b.card)),
    unchanged: after.cards.length - touched,
    references: countReferences(before, after),
  };
}
