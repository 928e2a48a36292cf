import { compareCards, compareText, type PriceBook } from "./book.ts";

const OPEN = "select tally.load_price_book($book$";
const CLOSE = "$book$::jsonb);";

function section(name: string, rows: readonly object[]): string {
  if (rows.length === 0) return `  "${name}": []`;
  return `  "${name}": [\n${rows.map((row) => JSON.stringify(row)).join(",\n")}\n  ]`;
}

/**
 * Writes the migration that loads a book: one card per line, everything sorted, so that the same
 * book always gives the same bytes. Rules keep their order: it is their precedence. It is one call,
 * because the database derives its unit prices again after every change of the classes.
 */
export function renderMigration(book: PriceBook): string {
  const byProvider = (a: { provider: string }, b: { provider: string }) =>
    compareText(a.provider, b.provider);
  const body = [
    section("classes", book.classes),
    section("fallbacks", book.fallbacks),
    section("cards", book.cards.toSorted(compareCards)),
    section(
      "aliases",
      book.aliases.toSorted((a, b) => byProvider(a, b) || compareText(a.alias, b.alias)),
    ),
    section("rules", book.rules.toSorted(byProvider)),
  ].join(",\n");
  if (body.includes("$book$")) throw new RangeError("A card contains the quote of the migration.");
  return [
    "-- The price book, written by `tallybase prices sync`: rate cards with their sources, the ids that",
    "-- name a priced model, and the classes of use they need. Change prices/*.json and run it again.",
    "",
    `${OPEN}{\n${body}\n}${CLOSE}`,
    "",
  ].join("\n");
}

/** Reads back what {@link renderMigration} wrote; a text without a book is an empty one. */
export function parseMigration(sql: string): PriceBook {
  const start = sql.indexOf(OPEN);
  if (start < 0) return { classes: [], fallbacks: [], cards: [], aliases: [], rules: [] };
  const end = sql.indexOf(CLOSE, start);
  if (end < 0) throw new SyntaxError("The price book migration is cut off.");
  return JSON.parse(sql.slice(start + OPEN.length, end)) as PriceBook;
}
