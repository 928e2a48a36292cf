import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  compareText,
  type PriceBook,
  type RateCard,
} from "../../../packages/cli/src/prices/book.ts";
import {
  addDecimal,
  divideDecimal,
  multiplyDecimal,
} from "../../../packages/cli/src/prices/decimal.ts";
import { parseMigration } from "../../../packages/cli/src/prices/migration-file.ts";
import { createResolver } from "../../../packages/cli/src/prices/resolve-model.ts";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
export const PRICES_DIR = join(ROOT, "prices");
export const MIGRATION = join(ROOT, "supabase/migrations/20261123001500_price_book.sql");

/** The book as it is loaded into a database: the one in the migration. */
export function shippedBook(): PriceBook {
  return parseMigration(readFileSync(MIGRATION, "utf8"));
}

/** A call to price: disjoint quantities per class. */
export interface Call {
  readonly provider: string;
  readonly model: string;
  readonly service_tier?: string;
  readonly at: Date;
  readonly classes: Readonly<Record<string, number>>;
}

function isInWindow(card: RateCard, at: Date): boolean {
  if (card.daily_from === undefined || card.daily_to === undefined) return true;
  const time = at.toISOString().slice(11, 19);
  return card.daily_from < card.daily_to
    ? time >= card.daily_from && time < card.daily_to
    : time >= card.daily_from || time < card.daily_to;
}

/** Prices calls by the rules of the book alone, in exact decimals: what the database must answer too. */
export function createPricer(book: PriceBook) {
  const resolve = createResolver(book);
  const kinds = new Map(book.classes.map((row) => [row.class, row]));
  const fallbacks = new Map(
    book.fallbacks.map((row) => [`${row.provider}\t${row.class}`, row.fallback]),
  );
  const cards = Map.groupBy(book.cards, (card) => `${card.provider}\t${card.model}`);

  function cardOf(call: Call): RateCard | null {
    const target = resolve(call.provider, call.model);
    if (target === null) return null;
    const prompt = Object.entries(call.classes).reduce(
      (sum, [name, count]) => sum + (kinds.get(name)?.kind === "input" ? count : 0),
      0,
    );
    const at = call.at.toISOString().replace(".000Z", "Z");
    const fitting = (cards.get(`${target.provider}\t${target.model}`) ?? []).filter(
      (card) =>
        card.service_tier === (call.service_tier ?? "standard") &&
        card.context_from <= prompt &&
        card.valid_from <= at &&
        (card.valid_to === null || at < card.valid_to) &&
        isInWindow(card, call.at),
    );
    const [best] = fitting.sort(
      (a, b) =>
        b.context_from - a.context_from || compareText(a.daily_from ?? "~", b.daily_from ?? "~"),
    );
    return best ?? null;
  }

  function rateOf(card: RateCard, name: string): string | null {
    const own = card.rates[name];
    if (own !== undefined) return own;
    const next = fallbacks.get(`${card.provider}\t${name}`) ?? kinds.get(name)?.fallback;
    return next == null ? null : rateOf(card, next);
  }

  /** USD as an exact decimal; null when the call has no price. */
  function priceOf(call: Call): string | null {
    const card = cardOf(call);
    if (card === null) return null;
    let total = "0";
    for (const [name, count] of Object.entries(call.classes)) {
      if (count === 0) continue;
      const rate = rateOf(card, name);
      if (rate === null) return null;
      const cost = multiplyDecimal(rate, String(count));
      const isUnit = kinds.get(name)?.kind === "unit";
      total = addDecimal(total, isUnit ? cost : divideDecimal(cost, 1_000_000, 40));
    }
    return total;
  }
  return { cardOf, priceOf, resolve };
}
