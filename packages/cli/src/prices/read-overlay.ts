import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type {
  ClassFallback,
  MatchRule,
  ModelAlias,
  PriceBook,
  RateCard,
  UsageClass,
} from "./book.ts";
import { canonicalDecimal } from "./decimal.ts";

const decimal = z.string().regex(/^\d+(\.\d+)?$/, "must be a plain decimal of USD, as a string");
const day = z.iso.date();
const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/, "must be HH:MM:SS in UTC");
const source = z.union([z.url({ protocol: /^https$/ }), z.string().startsWith("docs/")]);
const name = z.string().trim().min(1);
const word = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/);

const cardSchema = z
  .strictObject({
    provider: name,
    model: name,
    service_tier: word,
    context_from: z.int().min(0),
    rates: z.record(word, decimal).refine((r) => Object.keys(r).length > 0, "must not be empty"),
    valid_from: day,
    valid_to: day.nullable(),
    daily_from: time.optional(),
    daily_to: time.optional(),
    source_url: source,
    verified_at: day,
    note: name.optional(),
  })
  .refine(
    (c) => c.valid_to === null || c.valid_from < c.valid_to,
    "valid_to must be after valid_from",
  )
  .refine(
    (c) => (c.daily_from === undefined) === (c.daily_to === undefined),
    "a window has two ends",
  );

const aliasSchema = z.strictObject({
  provider: name,
  alias: name,
  model: name,
  source_url: source,
});
const ruleSchema = z.strictObject({
  provider: name,
  kind: z.enum(["starts_with", "regex"]),
  pattern: name,
  model: name,
  source_url: source,
});
const providerFileSchema = z.strictObject({
  cards: z.array(cardSchema),
  aliases: z.array(aliasSchema),
  rules: z.array(ruleSchema),
});
const classFileSchema = z.strictObject({
  classes: z.array(
    z.strictObject({
      class: word,
      kind: z.enum(["input", "output", "unit"]),
      plural: word,
      fallback: word.nullable(),
    }),
  ),
  fallbacks: z.array(
    z.strictObject({ provider: name, class: word, fallback: word, source_url: source }),
  ),
});

/** The overlay cannot be read; the message names file and field. */
export class OverlayError extends Error {
  override readonly name = "OverlayError";
}

function parseFile<T>(path: string, schema: z.ZodType<T>): T {
  const text = readFileSync(path, "utf8");
  // A price in euros that is written down as dollars is wrong by the exchange rate for ever.
  const foreign = /"currency"|€|\bEUR\b/.exec(text);
  if (foreign) throw new OverlayError(`${path}: prices are in USD, found ${foreign[0]}`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new OverlayError(`${path}: not JSON (${(error as Error).message})`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw new OverlayError(`${path}: ${z.prettifyError(result.error)}`);
}

function instant(date: string): string {
  return `${date}T00:00:00Z`;
}

function readCard(card: z.infer<typeof cardSchema>): RateCard {
  const { daily_from, daily_to, note } = card;
  return {
    provider: card.provider,
    model: card.model,
    service_tier: card.service_tier,
    context_from: card.context_from,
    rates: Object.fromEntries(
      Object.entries(card.rates).map(([key, rate]) => [key, canonicalDecimal(rate)]),
    ),
    valid_from: instant(card.valid_from),
    valid_to: card.valid_to === null ? null : instant(card.valid_to),
    ...(daily_from === undefined || daily_to === undefined ? {} : { daily_from, daily_to }),
    source_url: card.source_url,
    verified_at: card.verified_at,
    ...(note === undefined ? {} : { note }),
  };
}

/**
 * Reads `prices/*.json`: `classes.json` and one file per provider.
 * @throws OverlayError when a file does not follow the schema, or names another currency.
 */
export function readOverlay(directory: string): PriceBook {
  const classes: UsageClass[] = [];
  const fallbacks: ClassFallback[] = [];
  const cards: RateCard[] = [];
  const aliases: ModelAlias[] = [];
  const rules: MatchRule[] = [];
  for (const file of readdirSync(directory).sort()) {
    if (!file.endsWith(".json")) continue;
    const path = join(directory, file);
    if (file === "classes.json") {
      const parsed = parseFile(path, classFileSchema);
      classes.push(...parsed.classes);
      fallbacks.push(...parsed.fallbacks.map(({ source_url: _, ...fallback }) => fallback));
      continue;
    }
    const parsed = parseFile(path, providerFileSchema);
    cards.push(...parsed.cards.map(readCard));
    aliases.push(...parsed.aliases.map(({ source_url: _, ...alias }) => alias));
    rules.push(...parsed.rules.map(({ source_url: _, ...rule }) => rule));
  }
  return { classes, fallbacks, cards, aliases, rules };
}
