import { type Provider, waitForUpdate } from "@pydantic/genai-prices";
import { BOOK_START, type MatchRule, type ModelAlias, type RateCard } from "./book.ts";
import { cardsOfModel } from "./catalogue-cards.ts";
import { readMatch } from "./match-rules.ts";

/** Where the catalogue's name of a provider is not ours. */
const PROVIDER_NAMES: Readonly<Record<string, string>> = { "x-ai": "xai" };
const CATALOGUE_URL = "https://github.com/pydantic/genai-prices";
/** The day the pinned version of the catalogue was published. */
const VERIFIED_AT = "2026-09-23";

/**
 * Models that the catalogue lists without any price and that are documented as free of charge. All
 * others without a price stay unpriced: no price is not a price of zero.
 */
const DOCUMENTED_FREE: Readonly<Record<string, readonly string[]>> = {
  openai: ["moderation"],
  google: ["gemma-3", "gemma-3n", "gemma-4-26b-a4b-it", "gemma-4-31b-it"],
  "github-copilot": ["gpt-3.5-turbo", "gpt-4.1", "gpt-4o", "gpt-4o-mini"],
};

export interface Catalogue {
  readonly cards: readonly RateCard[];
  readonly aliases: readonly ModelAlias[];
  readonly rules: readonly MatchRule[];
  /** Providers whose unknown ids are looked up at others, in order. */
  readonly delegates: Readonly<Record<string, readonly string[]>>;
  /** `provider/model` of the models that are listed without a price. */
  readonly unpriced: readonly string[];
}

/** Our name of a provider of the catalogue. */
export function providerName(id: string): string {
  return PROVIDER_NAMES[id] ?? id;
}

function isFree(provider: string, model: string): boolean {
  return model.endsWith(":free") || (DOCUMENTED_FREE[provider]?.includes(model) ?? false);
}

function readProvider(source: Provider) {
  const provider = providerName(source.id);
  const evidence = {
    source_url: source.pricing_urls?.[0] ?? CATALOGUE_URL,
    verified_at: VERIFIED_AT,
  };
  const cards: RateCard[] = [];
  const aliases = new Map<string, ModelAlias>();
  const rules: (MatchRule & { specificity: number })[] = [];
  const unpriced: string[] = [];
  const ids = new Set(source.models.map((model) => model.id));
  for (const model of source.models) {
    const own = cardsOfModel(provider, model, evidence);
    if (own.length === 0 && !isFree(provider, model.id)) {
      unpriced.push(`${provider}/${model.id}`);
      continue;
    }
    cards.push(...own);
    if (own.length === 0) {
      cards.push({
        provider,
        model: model.id,
        service_tier: "standard",
        context_from: 0,
        rates: { input: "0", output: "0" },
        valid_from: BOOK_START,
        valid_to: null,
        ...evidence,
        note: "Free of charge.",
      });
    }
    const match = readMatch(model.match);
    // The catalogue ignores case; an id is found here as it is documented or in lower case.
    for (const alias of new Set(match.ids.flatMap((id) => [id, id.toLowerCase()]))) {
      if (ids.has(alias) || aliases.has(alias)) continue;
      aliases.set(alias, { provider, alias, model: model.id });
    }
    const lower = model.id.toLowerCase();
    if (!ids.has(lower) && !aliases.has(lower)) {
      aliases.set(lower, { provider, alias: lower, model: model.id });
    }
    for (const { kind, pattern, specificity } of match.patterns) {
      rules.push({ provider, kind, pattern, model: model.id, specificity });
    }
  }
  // The longest pattern first; equally long ones keep the order of the catalogue.
  const ordered = rules
    .toSorted((a, b) => b.specificity - a.specificity)
    .map(({ specificity: _, ...rule }) => rule);
  return { cards, aliases: [...aliases.values()], rules: ordered, unpriced };
}

/** Reads every provider and model of the bundled catalogue, without a network call. */
export async function readCatalogue(): Promise<Catalogue> {
  const sources = (await waitForUpdate()) ?? [];
  const parts = sources.map(readProvider);
  return {
    cards: parts.flatMap((part) => part.cards),
    aliases: parts.flatMap((part) => part.aliases),
    rules: parts.flatMap((part) => part.rules),
    unpriced: parts.flatMap((part) => part.unpriced),
    delegates: Object.fromEntries(
      sources.flatMap((source) =>
        source.fallback_model_providers
          ? [[providerName(source.id), source.fallback_model_providers.map(providerName)]]
          : [],
      ),
    ),
  };
}
