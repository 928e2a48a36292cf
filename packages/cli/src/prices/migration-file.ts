import { compareCards, compareText, type PriceBook } from "./book.ts";

const OPEN = "select tally.load_price_book($book$";
const CLOSE = "$book$::jsonb);";

/** Older versions of the Supabase CLI refuse a statement of more than 256 KiB. */
const LARGEST_CALL = 240_000;

type Section = keyof PriceBook;

function call(name: Section, lines: readonly string[]): string {
  return `${OPEN}{"${name}": [\n${lines.join(",\n")}\n]}${CLOSE}\n`;
}

/** One section of the book in as few calls as its size allows, one row per line. */
function calls(name: Section, rows: readonly object[]): string[] {
  const written: string[] = [];
  let lines: string[] = [];
  let size = 0;
  for (const row of rows) {
    const line = JSON.stringify(row);
    if (line.includes("$book$")) throw new RangeError(`The quote of the migration is in ${line}`);
    const bytes = Buffer.byteLength(line) + 2;
    if (size + bytes > LARGEST_CALL) {
      written.push(call(name, lines));
      lines = [];
      size = 0;
    }
    lines.push(line);
    size += bytes;
  }
  return lines.length === 0 ? written : [...written, call(name, lines)];
}

/**
 * Writes the migration that loads a book: one card per line, everything sorted, so that the same
 * book always gives the same bytes. Rules keep their order, which is their precedence, and are
 * one call: loading rules replaces those of their providers.
 * @throws RangeError when the rules do not fit into one call
 */
export function renderMigration(book: PriceBook): string {
  const byProvider = (a: { provider: string }, b: { provider: string }) =>
    compareText(a.provider, b.provider);
  const rules = calls("rules", book.rules.toSorted(byProvider));
  if (rules.length > 1) throw new RangeError("The rules do not fit into one call.");
  return [
    "-- The price book, written by `tallybase prices sync`: rate cards with their sources, the ids that\n" +
      "-- name a priced model, and the classes of use they need. Change prices/*.json and run it again.\n",
    ...calls("classes", book.classes),
    ...calls("fallbacks", book.fallbacks),
    ...calls(
      "aliases",
      book.aliases.toSorted((a, b) => byProvider(a, b) || compareText(a.alias, b.alias)),
    ),
    ...rules,
    ...calls("cards", book.cards.toSorted(compareCards)),
  ].join("\n");
}

/** Reads back what {@link renderMigration} wrote; a text without a book is an empty one. */
export function parseMigration(sql: string): PriceBook {
  const parts = sql
    .split(OPEN)
    .slice(1)
    .map((piece) => {
      const end = piece.indexOf(CLOSE);
      if (end < 0) throw new SyntaxError("The price book migration is cut off.");
      return JSON.parse(piece.slice(0, end)) as Partial<PriceBook>;
    });
  const rowsOf = <K extends Section>(name: K) =>
    parts.flatMap((part): readonly PriceBook[K][number][] => part[name] ?? []);
  return {
    classes: rowsOf("classes"),
    fallbacks: rowsOf("fallbacks"),
    cards: rowsOf("cards"),
    aliases: rowsOf("aliases"),
    rules: rowsOf("rules"),
  };
}
