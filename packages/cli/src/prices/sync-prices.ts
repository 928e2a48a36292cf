import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CliError } from "../cli-error.ts";
import type { PriceBook } from "./book.ts";
import { checkBook } from "./check-book.ts";
import { type BookDiff, diffBooks } from "./diff-book.ts";
import { findJumps, type Jump } from "./find-jumps.ts";
import { mergeBook } from "./merge-book.ts";
import { parseMigration, renderMigration } from "./migration-file.ts";
import { readCatalogue } from "./read-catalogue.ts";
import { OverlayError, readOverlay } from "./read-overlay.ts";

export interface SyncOptions {
  /** The directory of `prices/*.json`. */
  readonly pricesDir: string;
  /** The migration to write; its name ends in `_price_book.sql`. */
  readonly migration: string;
  readonly isDryRun: boolean;
  /** Writes in spite of jumps. */
  readonly isForced: boolean;
}

export interface SyncResult {
  readonly book: PriceBook;
  readonly diff: BookDiff;
  readonly jumps: readonly Jump[];
  /** Models of the catalogue without a price: they stay unpriced. */
  readonly unpriced: readonly string[];
  readonly outcome: "written" | "unchanged" | "refused" | "dry-run";
}

/** The newest `*_price_book.sql` in a directory of migrations, if there is one. */
export function findBookMigration(directory: string, notAfter?: string): string | undefined {
  if (!existsSync(directory)) return undefined;
  const file = readdirSync(directory)
    .filter((name) => name.endsWith("_price_book.sql") && (!notAfter || name <= notAfter))
    .sort()
    .at(-1);
  return file && join(directory, file);
}

/** The book as it will be: the catalogue under the overlay. @throws CliError when it is unsound */
export async function buildBook(
  pricesDir: string,
): Promise<{ book: PriceBook; unpriced: readonly string[] }> {
  const catalogue = await readCatalogue();
  let overlay: PriceBook;
  try {
    overlay = readOverlay(pricesDir);
  } catch (error) {
    if (error instanceof OverlayError) throw new CliError(error.message, "Correct the file.");
    throw error;
  }
  const book = mergeBook(overlay, catalogue);
  const problems = checkBook(book);
  if (problems.length > 0) {
    const shown = problems.slice(0, 20).map((problem) => `  ${problem}`);
    const rest = problems.length - shown.length;
    throw new CliError(
      `The price book is unsound:\n${shown.join("\n")}${rest > 0 ? `\n  and ${rest} more` : ""}`,
      "Correct prices/*.json.",
    );
  }
  return { book, unpriced: catalogue.unpriced };
}

/**
 * Builds the book, compares it with the one in the migrations and writes it, unless a change looks
 * like a mistake. The same sources always write the same bytes.
 * @throws CliError when the overlay cannot be read or the book is unsound
 */
export async function syncPrices(options: SyncOptions): Promise<SyncResult> {
  const { book, unpriced } = await buildBook(options.pricesDir);
  const previous = findBookMigration(dirname(options.migration), basename(options.migration));
  const written = previous === undefined ? "" : readFileSync(previous, "utf8");
  const before = parseMigration(written);
  const diff = diffBooks(before, book);
  const jumps = findJumps(diff, book);
  const text = renderMigration(book);
  const result = { book, diff, jumps, unpriced };
  if (text === written) return { ...result, outcome: "unchanged" };
  if (jumps.length > 0 && !options.isForced) return { ...result, outcome: "refused" };
  if (options.isDryRun) return { ...result, outcome: "dry-run" };
  writeFileSync(options.migration, text);
  return { ...result, outcome: "written" };
}
