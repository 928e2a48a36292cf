import type { PriceBook, RateCard } from "../../../packages/cli/src/prices/book.ts";
import type { Call, createPricer } from "../../prices/support/price-usage.ts";

/** Prices outside these years are as those at the edge: nothing starts or ends there. */
const FIRST = Date.parse("2024-01-01T00:00:00Z");
const LAST = Date.parse("2027-07-01T00:00:00Z");
const LARGEST_PROMPT = 2_000_000;

/** Makes random calls that one card prices: any of its moments, prompts around the band's edges. */
export function createCallMaker(
  book: PriceBook,
  pricer: ReturnType<typeof createPricer>,
  random: () => number,
) {
  const kinds = new Map(book.classes.map((row) => [row.class, row.kind]));
  const bands = Map.groupBy(book.cards, bandsKey);
  const names = Map.groupBy(
    book.aliases,
    ({ provider, to_provider, model }) => `${to_provider ?? provider}\t${model}`,
  );
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];
  const upTo = (limit: number) => Math.floor(random() * (limit + 1));

  function moment(card: RateCard): Date {
    const first = Math.max(FIRST, Date.parse(card.valid_from));
    const last = Math.min(LAST, card.valid_to === null ? LAST : Date.parse(card.valid_to)) - 1000;
    const dice = random();
    if (dice < 0.1) return new Date(first);
    if (dice < 0.2) return new Date(last);
    return new Date(first + Math.floor((random() * (last - first)) / 1000) * 1000);
  }

  function prompt(card: RateCard): number {
    const above = (bands.get(bandsKey(card)) ?? [])
      .map((other) => other.context_from)
      .filter((from) => from > card.context_from);
    const last = Math.min(...above, LARGEST_PROMPT) - 1;
    const dice = random();
    if (dice < 0.15) return card.context_from;
    if (dice < 0.3) return last;
    return card.context_from + upTo(dice < 0.7 ? Math.min(5_000, last - card.context_from) : last);
  }

  /** Cuts a total into as many parts as there are classes. */
  function share(total: number, classes: readonly string[]): Record<string, number> {
    let rest = total;
    return Object.fromEntries(
      classes.map((name, place) => {
        const part = place === classes.length - 1 ? rest : upTo(rest);
        rest -= part;
        return [name, part];
      }),
    );
  }

  function quantities(card: RateCard): Record<string, number> {
    const priced = Object.keys(card.rates);
    const of = (kind: string) => priced.filter((name) => kinds.get(name) === kind);
    const chosen = (list: readonly string[]) => list.filter(() => random() < 0.7);
    const input = chosen(of("input"));
    // Classes that a fallback prices, or that nothing does: then the call is unpriced.
    if (random() < 0.5) input.push("cache_read", "cache_write", "cache_write_1h");
    if (random() < 0.05) input.push("input_audio", "input_image");
    if (input.length === 0) input.push(of("input")[0] ?? "input");
    const output = chosen(of("output"));
    if (output.length > 0 && random() < 0.5) output.push("reasoning");
    const units = chosen(of("unit")).map((name) => [name, upTo(100_000) / 100]);
    return {
      ...share(of("input").length > 0 ? prompt(card) : 0, [...new Set(input)]),
      ...share(upTo(100_000), [...new Set(output)]),
      ...Object.fromEntries(units),
    };
  }

  /** @throws Error when no call could be found that the card prices: the book never uses it. */
  return (card: RateCard): Call => {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const alias =
        random() < 0.3 ? pick(names.get(`${card.provider}\t${card.model}`) ?? []) : null;
      const call: Call = {
        provider: alias?.provider ?? card.provider,
        model: alias?.alias ?? card.model,
        service_tier: card.service_tier,
        at: moment(card),
        classes: quantities(card),
      };
      if (pricer.cardOf(call) === card) return call;
    }
    throw new Error(`No call is priced by ${JSON.stringify(card)}.`);
  };
}

function bandsKey({ provider, model, service_tier }: RateCard): string {
  return `${provider}\t${model}\t${service_tier}`;
}
