import { calcPrice, type Provider, type Usage } from "@pydantic/genai-prices";

/** How disjoint classes add up to the overlapping counters that the catalogue expects. */
const COUNTERS: Readonly<Record<string, readonly string[]>> = {
  input: ["input_tokens"],
  cache_read: ["input_tokens", "cache_read_tokens"],
  cache_write: ["input_tokens", "cache_write_tokens"],
  cache_write_1h: ["input_tokens", "cache_write_tokens", "cache_write_1h_tokens"],
  input_audio: ["input_tokens", "input_audio_tokens"],
  cache_read_audio: [
    "input_tokens",
    "cache_read_tokens",
    "input_audio_tokens",
    "cache_audio_read_tokens",
  ],
  input_image: ["input_tokens", "input_image_tokens"],
  cache_read_image: [
    "input_tokens",
    "cache_read_tokens",
    "input_image_tokens",
    "cache_image_read_tokens",
  ],
  input_video: ["input_tokens", "input_video_tokens"],
  output: ["output_tokens"],
  reasoning: ["output_tokens", "output_reasoning_tokens"],
  citation: ["output_tokens", "output_citation_tokens"],
  output_audio: ["output_tokens", "output_audio_tokens"],
  output_image: ["output_tokens", "output_image_tokens"],
  output_video: ["output_tokens", "output_video_tokens"],
  second: ["audio_seconds", "input_audio_seconds"],
  page: ["input_document_pages"],
  annotated_page: ["input_document_pages", "input_annotated_document_pages"],
  text_message: ["input_text_messages"],
  web_search: ["web_searches"],
  file_search: ["storage_searches"],
};

/** Classes whose tokens the catalogue counts at the parent's rate when they have none of their own. */
const INHERITED: readonly string[] = ["cache_read", "cache_write", "cache_write_1h", "reasoning"];

/** A class and how many of it a random call may use. */
function quantity(name: string, random: () => number): number {
  // Often around the edges of the context bands, now and then nothing at all.
  const size = random();
  if (size < 0.1) return 0;
  if (!name.match(/^(input|output|cache|reasoning|citation)/))
    return Math.ceil(random() * 500) + 10;
  return Math.floor(random() * (size < 0.7 ? 5_000 : 300_000));
}

/** Random disjoint quantities of the classes that a card covers. */
export function randomClasses(
  rates: Readonly<Record<string, string>>,
  random: () => number,
): Record<string, number> {
  const names = new Set(Object.keys(rates).filter((name) => name in COUNTERS));
  if (names.has("input")) for (const name of INHERITED.slice(0, 3)) names.add(name);
  if (names.has("output")) names.add("reasoning");
  const classes = Object.fromEntries([...names].map((name) => [name, quantity(name, random)]));
  // The catalogue counts the request itself.
  return "request" in rates ? { ...classes, request: 1 } : classes;
}

/** The same use in the counters of the catalogue. */
function catalogueUsage(classes: Readonly<Record<string, number>>): Usage {
  const usage: Record<string, number> = { input_tokens: 0, output_tokens: 0 };
  for (const [name, count] of Object.entries(classes)) {
    for (const counter of COUNTERS[name] ?? []) usage[counter] = (usage[counter] ?? 0) + count;
  }
  return usage;
}

/** What the catalogue charges for a model in USD, whatever its match rules say about the id. */
export function catalogueCost(
  provider: Provider,
  model: Provider["models"][number],
  classes: Readonly<Record<string, number>>,
  timestamp: Date,
): number {
  const alone = { ...provider, models: [{ ...model, match: { equals: "it" } }] };
  const price = calcPrice(catalogueUsage(classes), "it", { provider: alone, timestamp });
  if (price === null) throw new Error(`The catalogue does not price ${provider.id}/${model.id}.`);
  return price.total_price;
}
