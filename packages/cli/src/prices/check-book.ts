import { compareCards, keyOf, type PriceBook, type RateCard, timelineOf } from "./book.ts";

/** USD above which a rate is a slip of the keyboard, not a price. */
const DEAREST = { token: 1000, unit: 100 };

function checkRates(card: RateCard, kinds: ReadonlyMap<string, string>): string[] {
  return Object.entries(card.rates).flatMap(([name, rate]) => {
    const kind = kinds.get(name);
    if (kind === undefined) return [`${name} is not a class of use`];
    const limit = kind === "unit" ? DEAREST.unit : DEAREST.token;
    return Number(rate) > limit ? [`${name} costs ${rate} USD, more than any price known`] : [];
  });
}

/** Two cards of one timeline that hold at the same time. */
function checkOverlaps(cards: readonly RateCard[]): string[] {
  return [...Map.groupBy(cards, timelineOf).values()].flatMap((line) => {
    const ordered = line.toSorted(compareCards);
    return ordered.flatMap((card, index) => {
      const next = ordered[index + 1];
      if (next === undefined || (card.valid_to !== null && card.valid_to <= next.valid_from)) {
        return [];
      }
      return [`${label(card)} overlaps the card from ${next.valid_from}`];
    });
  });
}

/** A band above the first one, without a card for shorter prompts. */
function checkBands(cards: readonly RateCard[]): string[] {
  const lineOf = (card: RateCard) => `${card.provider}\t${card.model}\t${card.service_tier}`;
  const lines = Map.groupBy(cards, lineOf);
  return cards.flatMap((card) => {
    const hasFirst = lines
      .get(lineOf(card))
      ?.some((c) => c.context_from === 0 && c.valid_from <= card.valid_from);
    return card.context_from === 0 || hasFirst ? [] : [`${label(card)} has no card from 0 tokens`];
  });
}

function checkReferences(book: PriceBook): string[] {
  const models = new Set(book.cards.map((card) => `${card.provider}\t${card.model}`));
  const seen = new Set<string>();
  const problems: string[] = [];
  for (const row of book.aliases) {
    const name = `${row.provider}/${row.alias}`;
    if (seen.has(name)) problems.push(`alias ${name} is given twice`);
    seen.add(name);
    if (models.has(`${row.provider}\t${row.alias}`)) problems.push(`alias ${name} is also a model`);
  }
  for (const row of [...book.aliases, ...book.rules]) {
    const target = `${row.to_provider ?? row.provider}\t${row.model}`;
    if (models.has(target)) continue;
    const name = "alias" in row ? `alias ${row.alias}` : `rule ${row.pattern}`;
    problems.push(`${row.provider}: ${name} names ${row.model}, which has no card`);
  }
  return problems;
}

/** How a card is named in messages. */
export function label(card: RateCard): string {
  const band = card.context_from === 0 ? "" : ` from ${card.context_from} tokens`;
  const window = card.daily_from === undefined ? "" : ` ${card.daily_from}-${card.daily_to}`;
  const day = card.valid_from.slice(0, 10);
  return `${card.provider}/${card.model} ${card.service_tier}${band}${window} (${day})`;
}

/** Everything that is wrong with a book by itself; nothing when it can be loaded. */
export function checkBook(book: PriceBook): string[] {
  const kinds = new Map(book.classes.map((row) => [row.class, row.kind]));
  const twice = [...Map.groupBy(book.cards, keyOf).values()].filter((same) => same.length > 1);
  return [
    ...twice.flatMap(([card]) => (card ? [`${label(card)} is given twice`] : [])),
    ...book.cards.flatMap((card) => checkRates(card, kinds).map((p) => `${label(card)}: ${p}`)),
    ...checkOverlaps(book.cards),
    ...checkBands(book.cards),
    ...checkReferences(book),
  ];
}
