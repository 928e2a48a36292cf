import { seededRandom } from "../../tests/support/seeded-random.ts";

/** Kinds of events whose pricing takes different ways. */
export interface Mix {
  /** For the table. */
  readonly name: string;
  readonly models: readonly (readonly [provider: string, model: string])[];
  /** Classes beside input and output. */
  readonly classes: readonly string[];
  /** Whether the organization pays a markup on the list price. */
  readonly hasMarkup?: boolean;
}

const CARDS: Mix["models"] = [
  ["openai", "gpt-4o"],
  ["openai", "gpt-5.4"],
  ["openai", "gpt-6-sol"],
  ["anthropic", "claude-sonnet-4-5"],
  ["anthropic", "claude-haiku-5-5"],
  ["google", "gemini-3-pro-preview"],
  ["xai", "grok-4.3"],
];
const CACHED = ["cache_read", "reasoning"];

export const MIXES: readonly Mix[] = [
  { name: "input and output, one model", models: [["openai", "gpt-4o"]], classes: [] },
  { name: "seven models, cached tokens and reasoning", models: CARDS, classes: CACHED },
  {
    name: "the same, with a markup",
    models: CARDS,
    classes: CACHED,
    hasMarkup: true,
  },
  {
    name: "the same, named by documented aliases",
    models: [
      ["openai", "gpt-4o-2024-08-06"],
      ["openai", "openai/gpt-4o"],
      ["anthropic", "claude-sonnet-4-5-20250929"],
      ["google", "models/gemini-2.5-pro"],
    ],
    classes: CACHED,
  },
  { name: "models without a price", models: [["openai", "gpt-99"]], classes: CACHED },
];

/** Events of a mix, without ids and times: each recording of them is a new batch. */
export function makeEvents(mix: Mix, organizationId: string, count: number): object[] {
  const random = seededRandom(count);
  const upTo = (limit: number) => Math.floor(random() * limit);
  return Array.from({ length: count }, () => {
    const [provider, model] = mix.models[upTo(mix.models.length)] ?? ["", ""];
    return {
      organization_id: organizationId,
      provider,
      model,
      classes: {
        input: upTo(300_000),
        output: upTo(4_000),
        ...Object.fromEntries(mix.classes.map((name) => [name, upTo(5_000)])),
      },
    };
  });
}
