import type { ConditionalPrice, ModelInfo, ModelPrice } from "@pydantic/genai-prices";
import { BOOK_START, type RateCard } from "./book.ts";
import { ratesOf } from "./catalogue-classes.ts";

/** One model's prices for a span of time and, if any, a daily window. */
interface DatedPrice {
  readonly from: string;
  readonly to: string | null;
  readonly window?: { readonly daily_from: string; readonly daily_to: string };
  readonly prices: ModelPrice;
}

function startOf(entry: ConditionalPrice): string | null {
  return entry.constraint?.type === "start_date"
    ? `${entry.constraint.start_date}T00:00:00Z`
    : null;
}

function utcTime(time: string): string {
  const match = /^(\d{2}:\d{2}:\d{2})Z$/.exec(time);
  if (!match?.[1]) throw new RangeError(`Not a time of day in UTC: ${time}`);
  return match[1];
}

/**
 * The catalogue lists prices so that the last entry whose condition holds wins. A daily window says
 * nothing about dates there, so it holds in every span.
 */
function datedPrices(model: ModelInfo): DatedPrice[] {
  if (!Array.isArray(model.prices)) {
    return [{ from: BOOK_START, to: null, prices: model.prices }];
  }
  const entries = model.prices;
  const windows = entries.flatMap((entry) =>
    entry.constraint?.type === "time_of_date"
      ? [
          {
            daily_from: utcTime(entry.constraint.start_time),
            daily_to: utcTime(entry.constraint.end_time),
            prices: entry.prices,
          },
        ]
      : [],
  );
  const spans = entries
    .filter((entry) => entry.constraint?.type !== "time_of_date")
    .map((entry) => ({ from: startOf(entry) ?? BOOK_START, prices: entry.prices }))
    .sort((a, b) => (a.from < b.from ? -1 : 1));
  return [
    ...spans.map((span, index) => ({ ...span, to: spans[index + 1]?.from ?? null })),
    ...windows.map(({ prices, ...window }) => ({ from: BOOK_START, to: null, window, prices })),
  ];
}

/** A tier of the catalogue starts above `start` tokens: the first count that pays it is one more. */
function bandsOf(prices: ModelPrice): { contextFrom: number; prices: Record<string, number> }[] {
  const starts = new Set([0]);
  for (const price of Object.values(prices)) {
    if (typeof price === "object") for (const tier of price.tiers) starts.add(tier.start + 1);
  }
  return [...starts]
    .sort((a, b) => a - b)
    .map((contextFrom) => ({
      contextFrom,
      prices: Object.fromEntries(
        Object.entries(prices).flatMap(([key, price]) => {
          if (price === undefined) return [];
          if (typeof price === "number") return [[key, price]];
          const tier = price.tiers.findLast((t) => t.start < contextFrom);
          return [[key, tier?.price ?? price.base]];
        }),
      ),
    }));
}

/** The rate cards of one model of the catalogue; none when it lists no price. */
export function cardsOfModel(
  provider: string,
  model: ModelInfo,
  source: { source_url: string; verified_at: string },
): RateCard[] {
  return datedPrices(model).flatMap((dated) =>
    bandsOf(dated.prices).flatMap(({ contextFrom, prices }) => {
      const rates = ratesOf(prices);
      if (Object.keys(rates).length === 0) return [];
      return [
        {
          provider,
          model: model.id,
          service_tier: "standard",
          context_from: contextFrom,
          rates,
          valid_from: dated.from,
          valid_to: dated.to,
          ...dated.window,
          ...source,
        },
      ];
    }),
  );
}
