import { compareCards, compareText, type PriceBook, type RateCard } from "./book.ts";
import type { Catalogue } from "./read-catalogue.ts";
import { createResolver } from "./resolve-model.ts";

/** Ids are also given with the vendor's name in front. */
const ID_PREFIXES: Readonly<Record<string, readonly string[]>> = {
  anthropic: ["anthropic/"],
  google: ["google/", "models/"],
  openai: ["openai/"],
  xai: ["xai/", "x-ai/"],
};

/** ISO instants of one form compare as text; null is the end of time. */
function earlier(left: string | null, right: string): string {
  return left !== null && left < right ? left : right;
}

function later(left: string, right: string): string {
  return compareText(left, right) < 0 ? right : left;
}

/** What remains of a card's time outside of the given spans. */
function clip(card: RateCard, spans: readonly RateCard[]): RateCard[] {
  let rest: RateCard[] = [card];
  for (const span of spans) {
    rest = rest.flatMap((piece) => {
      const before = earlier(piece.valid_to, span.valid_from);
      const pieces: RateCard[] = [];
      if (piece.valid_from < before) pieces.push({ ...piece, valid_to: before });
      if (span.valid_to === null) return pieces;
      const isOver = piece.valid_to !== null && piece.valid_to <= span.valid_to;
      if (isOver) return pieces;
      return [...pieces, { ...piece, valid_from: later(piece.valid_from, span.valid_to) }];
    });
  }
  return rest;
}

function mergeCards(overlay: PriceBook, catalogue: Catalogue): RateCard[] {
  const lineOf = (card: RateCard) => `${card.provider}\t${card.model}\t${card.service_tier}`;
  const ours = Map.groupBy(overlay.cards, lineOf);
  const renamed = new Set(overlay.aliases.map((alias) => `${alias.provider}\t${alias.alias}`));
  const theirs = catalogue.cards.filter((card) => !renamed.has(`${card.provider}\t${card.model}`));
  return [
    ...overlay.cards,
    ...theirs.flatMap((card) => clip(card, ours.get(lineOf(card)) ?? [])),
  ].toSorted(compareCards);
}

/** Lets a provider that resells others' models find their ids too, in the order it names them. */
function delegate(book: PriceBook, delegates: Catalogue["delegates"]): PriceBook {
  const resolve = createResolver(book);
  const aliases = [...book.aliases];
  const rules = [...book.rules];
  for (const [provider, targets] of Object.entries(delegates)) {
    const taken = new Set<string>();
    for (const target of targets) {
      const ids = [
        ...new Set(book.cards.filter((c) => c.provider === target).map((c) => c.model)),
        ...book.aliases.filter((a) => a.provider === target).map((a) => a.alias),
      ];
      for (const id of ids) {
        const found = resolve(target, id);
        if (taken.has(id) || resolve(provider, id) !== null || found === null) continue;
        taken.add(id);
        aliases.push({ provider, alias: id, to_provider: found.provider, model: found.model });
      }
      for (const rule of book.rules.filter((r) => r.provider === target)) {
        rules.push({ ...rule, provider, to_provider: rule.to_provider ?? target });
      }
    }
  }
  return { ...book, aliases, rules };
}

/** Adds every id of a vendor with the vendor's name in front, where that is not an id already. */
function withPrefixes(book: PriceBook): PriceBook {
  const resolve = createResolver(book);
  const aliases = [...book.aliases];
  for (const [provider, prefixes] of Object.entries(ID_PREFIXES)) {
    const ids = new Set([
      ...book.cards.filter((card) => card.provider === provider).map((card) => card.model),
      ...book.aliases.filter((alias) => alias.provider === provider).map((alias) => alias.alias),
    ]);
    for (const prefix of prefixes) {
      for (const id of ids) {
        const found = resolve(provider, id);
        if (id.includes("/") || ids.has(prefix + id) || found?.provider !== provider) continue;
        aliases.push({ provider, alias: prefix + id, model: found.model });
      }
    }
  }
  return { ...book, aliases };
}

/**
 * The book: our overlay over the catalogue. For one model and tier the overlay's word holds for the
 * whole time its cards span, all bands included: bands of two sources are never mixed.
 */
export function mergeBook(overlay: PriceBook, catalogue: Catalogue): PriceBook {
  const cards = mergeCards(overlay, catalogue);
  const models = new Set(cards.map((card) => `${card.provider}\t${card.model}`));
  const named = new Set(overlay.aliases.map((alias) => `${alias.provider}\t${alias.alias}`));
  const merged: PriceBook = {
    classes: overlay.classes,
    fallbacks: overlay.fallbacks,
    cards,
    aliases: [
      ...overlay.aliases,
      ...catalogue.aliases.filter((alias) => {
        const key = `${alias.provider}\t${alias.alias}`;
        return (
          !models.has(key) && !named.has(key) && models.has(`${alias.provider}\t${alias.model}`)
        );
      }),
    ],
    rules: [
      ...overlay.rules,
      ...catalogue.rules.filter((rule) => models.has(`${rule.provider}\t${rule.model}`)),
    ],
  };
  return withPrefixes(delegate(merged, catalogue.delegates));
}
