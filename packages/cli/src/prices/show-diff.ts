import { label } from "./check-book.ts";
import type { CardChange, RateChange } from "./diff-book.ts";
import type { SyncResult } from "./sync-prices.ts";

const MARKS: Readonly<Record<CardChange["kind"], string>> = {
  added: "+",
  changed: "~",
  closed: "]",
  reopened: "[",
  dropped: "-",
};

function showRate({ class: name, before, after, percent }: RateChange): string {
  if (before === null) return `      ${name}  ${after}`;
  const change = percent === null ? "" : ` (${percent > 0 ? "+" : ""}${percent.toFixed(1)} %)`;
  return `      ${name}  ${before} -> ${after ?? "none"}${change}`;
}

function showCard(change: CardChange): string[] {
  const { kind, card } = change;
  const end =
    kind === "closed" || kind === "reopened" ? `, until ${card.valid_to ?? "further notice"}` : "";
  return [`  ${MARKS[kind]} ${label(card)} ${kind}${end}`, ...change.rates.map(showRate)];
}

/** The result of a sync for people. `limit` cards are shown in full, the rest are counted. */
export function showDiff(result: SyncResult, limit = 40): string {
  const { diff, jumps, outcome, unpriced, book } = result;
  const counts = Map.groupBy(diff.cards, (change) => change.kind);
  const summary = [...counts].map(([kind, changes]) => `${changes.length} ${kind}`);
  const shown = diff.cards.slice(0, limit).flatMap(showCard);
  const hidden = diff.cards.length - limit;
  const endings: Readonly<Record<SyncResult["outcome"], string>> = {
    written: "Written.",
    unchanged: "The book is up to date; nothing was written.",
    refused: "Nothing was written: look at the jumps, then repeat with --force if they are right.",
    "dry-run": "Dry run: nothing was written.",
  };
  return [
    ...shown,
    ...(hidden > 0 ? [`  … and ${hidden} more`] : []),
    `Cards: ${[...summary, `${diff.unchanged} unchanged`].join(", ")}; ${book.cards.length} in all.`,
    `Aliases, rules and classes: ${diff.references} differences.`,
    ...(unpriced.length > 0
      ? [`Without a price in the catalogue, so unpriced: ${unpriced.join(", ")}`]
      : []),
    ...jumps.map(({ reason }) => `JUMP  ${reason}`),
    endings[outcome],
  ].join("\n");
}
