import { compareCards, compareText, type PriceBook, type RateCard } from "./book.ts";

const OPEN = "select tally.load_price_book($book$";
const CLOSE = "$book$::jsonb);";

function section(name: string, rows: readonly object[]): string {
  if (rows.length === 0) return `  "${name}": []`;
  return `  "${name}": [\n${rows.map((row) => JSON.stringify(row)).join(",\n")}\n  ]`;
}

function call(parts: Record<string, readonly object[]>): string {
  const body = Object.entries(parts)
    .filter(([, rows]) => rows.length > 0)
    .map(([name, rows]) => section(name, rows))
    .join(",\n");
  if (body.includes("$book$")) throw new RangeError("A card contains the quote of the migration.");
  return `${OPEN}{\n${body}\n}${CLOSE}\n`;
}

/**
 * Writes the migration that loads a book: one call per provider, one card per line, everything
 * sorted, so that the same book always gives the same bytes. Rules keep their order: it is their
 * precedence.
 */
export function renderMigration(book: PriceBook): string {
  const providers = [
    ...new Set([...book.cards, ...book.aliases, ...book.rules].map((row) => row.provider)),
  ].sort(compareText);
  const ofProvider = <T extends { provider: string }>(rows: readonly T[], provider: string) =>
    rows.filter((row) => row.provider === provider);
  return [
    "-- The price book, written by `tallybase prices sync`: rate cards with their sources, the ids that\n" +
      "-- name a priced model, and the classes of use they need. Change prices/*.json and run it again.\n",
    call({ classes: book.classes, fallbacks: book.fallbacks }),
    ...providers.map((provider) =>
      call({
        cards: ofProvider(book.cards, provider).toSorted(compareCards),
        aliases: ofProvider(book.aliases, provider).toSorted((a, b) =>
          compareText(a.alias, b.alias),
        ),
        rules: ofProvider(book.rules, provider),
      }),
    ),
  ].join("\n");
}

/** Reads back what {@link renderMigration} wrote; an empty text is an empty book. */
export function parseMigration(sql: string): PriceBook {
  const book: { [K in keyof PriceBook]: PriceBook[K][number][] } = {
    classes: [],
    fallbacks: [],
    cards: [] as RateCard[],
    aliases: [],
    rules: [],
  };
  for (const piece of sql.split(OPEN).slice(1)) {
    const end = piece.indexOf(CLOSE);
    if (end < 0) throw new SyntaxError("The price book migration is cut off.");
    const part = JSON.parse(piece.slice(0, end)) as Partial<PriceBook>;
    book.classes.push(...(part.classes ?? []));
    book.fallbacks.push(...(part.fallbacks ?? []));
    book.cards.push(...(part.cards ?? []));
    book.aliases.push(...(part.aliases ?? []));
    book.rules.push(...(part.rules ?? []));
  }
  return book;
}
