/** Who made a model: this decides its tokenizer and how it counts images. */
export type ModelFamily = "openai" | "anthropic" | "google" | "xai" | "other";

/** What counting needs to know of a model, read from its id. */
export interface ModelTraits {
  family: ModelFamily;
  /** The id in lower case without provider prefixes: `gpt-4o-mini`, `claude-opus-4-7`. */
  name: string;
  /** Generation as a number, `4.7` for `claude-opus-4-7`; newest (Infinity) where the id has none. */
  version: number;
}

const FAMILY_BY_NAME: [RegExp, ModelFamily][] = [
  [/claude/, "anthropic"],
  [/gemini|gemma/, "google"],
  [/grok/, "xai"],
  [/^(gpt|chatgpt|o\d|text-embedding|codex|computer-use|davinci|babbage)/, "openai"],
];

const FAMILY_BY_PROVIDER: Record<string, ModelFamily> = {
  openai: "openai",
  azure: "openai",
  anthropic: "anthropic",
  google: "google",
  "google-vertex": "google",
  xai: "xai",
  "x-ai": "xai",
};

/**
 * Reads a model's traits from its id. For estimates only: prices are found by exact ids and aliases.
 * What is not recognized counts as the newest of its maker, which is the dearest way to count.
 */
export function readModelTraits(provider: string, model: string): ModelTraits {
  const name = model.toLowerCase().replace(/^.*\//, "").replace(/^(\w+\.)*anthropic\./, "");
  const byName = FAMILY_BY_NAME.find(([pattern]) => pattern.test(name))?.[1];
  const family = byName ?? FAMILY_BY_PROVIDER[provider.toLowerCase()] ??
    "other";
  return { family, name, version: readVersion(family, name) };
}

const DOTTED_VERSION = /(?<!\d)(\d{1,2})(?:\.(\d{1,2}))?(?!\d)/;
const CLAUDE_VERSION = /(?<!\d)(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/;

/** The first `4`, `4-7` or `4.7` that is no date: `claude-3-5-sonnet-20241022`, `gpt-5.4-mini`. */
function readVersion(family: ModelFamily, name: string): number {
  const found = (family === "anthropic" ? CLAUDE_VERSION : DOTTED_VERSION).exec(name);
  return found === null ? Infinity : Number(`${found[1]}.${found[2] ?? 0}`);
}
