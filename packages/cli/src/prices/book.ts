/** The price book: what `tally.load_price_book` loads. */

/** One rate card: USD per million for token classes, USD per one for unit classes. */
export interface RateCard {
  readonly provider: string;
  readonly model: string;
  readonly service_tier: string;
  /** The first total number of prompt tokens that pays this card. */
  readonly context_from: number;
  /** Class to a plain decimal of USD. */
  readonly rates: Readonly<Record<string, string>>;
  /** ISO instants in UTC. */
  readonly valid_from: string;
  readonly valid_to: string | null;
  /** A daily window in UTC, `HH:MM:SS`; inside it this card wins over the one without a window. */
  readonly daily_from?: string;
  readonly daily_to?: string;
  readonly source_url: string;
  /** The day the source was last read, `YYYY-MM-DD`. */
  readonly verified_at: string;
  readonly note?: string;
}

/** An exact id and the priced model it names. */
export interface ModelAlias {
  readonly provider: string;
  readonly alias: string;
  readonly to_provider?: string;
  readonly model: string;
}

/** How further ids of a model are recognized. The first rule of a provider that matches wins. */
export interface MatchRule {
  readonly provider: string;
  readonly kind: "starts_with" | "regex";
  readonly pattern: string;
  readonly to_provider?: string;
  readonly model: string;
}

/** A billable quantity. */
export interface UsageClass {
  readonly class: string;
  readonly kind: "input" | "output" | "unit";
  readonly plural: string;
  /** The class whose rate is paid where a card has none of its own. */
  readonly fallback: string | null;
}

/** Where one provider bills a class at another's rate. */
export interface ClassFallback {
  readonly provider: string;
  readonly class: string;
  readonly fallback: string;
}

export interface PriceBook {
  readonly classes: readonly UsageClass[];
  readonly fallbacks: readonly ClassFallback[];
  readonly cards: readonly RateCard[];
  readonly aliases: readonly ModelAlias[];
  readonly rules: readonly MatchRule[];
}

/** A card without an earlier one starts here: no event is older. */
export const BOOK_START = "2020-01-01T00:00:00Z";

/** Cards of one timeline follow each other in time and never overlap. */
export function timelineOf(card: RateCard): string {
  return [
    card.provider,
    card.model,
    card.service_tier,
    String(card.context_from).padStart(9, "0"),
    card.daily_from ?? "",
  ].join("\t");
}

/** What identifies a card in a diff. */
export function keyOf(card: RateCard): string {
  return `${timelineOf(card)}\t${card.valid_from}`;
}

/** Orders cards by provider, model, tier (standard first), band, start and window. */
export function compareCards(left: RateCard, right: RateCard): number {
  const order = (card: RateCard) =>
    [
      card.provider,
      card.model,
      card.service_tier === "standard" ? "" : card.service_tier,
      String(card.context_from).padStart(9, "0"),
      card.valid_from,
      card.daily_from ?? "",
    ].join("\t");
  return compareText(order(left), order(right));
}

/** By code point, so that the order is the same on every machine. */
export function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
