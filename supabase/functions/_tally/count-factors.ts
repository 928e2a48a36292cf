import type { ModelTraits } from "./count-models.ts";

/** `wide`: for text with characters outside ASCII, which most tokenizers cut finer than o200k does. */
export type Factors = Record<"ascii" | "wide", number>;

/** Models whose text is known to be tokenized with o200k. */
const O200K =
  /^(gpt-4o|chatgpt-4o|gpt-4\.[15]|gpt-5(?!\d)|o[134](?!\d)|gpt-oss|codex-mini|computer-use)/;
/** Their predecessors, which use cl100k. */
const CL100K = /^(gpt-4(?![\d.o])|gpt-3\.5|text-embedding)/;

const OWN: Factors = { ascii: 1, wide: 1 };
const UNKNOWN_OPENAI: Factors = { ascii: 1.1, wide: 1.3 };
const OLDER_OPENAI: Factors = { ascii: 1.05, wide: 1.6 };
const CLAUDE: Factors = { ascii: 1.75, wide: 2.5 };
const CLAUDE_BEFORE_4_7: Factors = { ascii: 1.35, wide: 2 };
const GEMINI: Factors = { ascii: 1.25, wide: 1.25 };
const GROK: Factors = { ascii: 1.5, wide: 1.5 };
const OTHERS: Factors = { ascii: 1.5, wide: 2 };

/** Whether the model's own tokenizer is the one that counts here. */
export function usesO200k({ family, name }: ModelTraits): boolean {
  return family === "openai" && O200K.test(name) && !CL100K.test(name);
}

/**
 * What to multiply an o200k count with, so that it is not below the model's own for ordinary text.
 * A factor learned from settled calls replaces it; docs/token-counting.md says where these are from.
 */
export function safetyFactors(traits: ModelTraits): Factors {
  switch (traits.family) {
    case "openai":
      if (usesO200k(traits)) return OWN;
      return CL100K.test(traits.name) ? OLDER_OPENAI : UNKNOWN_OPENAI;
    case "anthropic":
      return traits.version < 4.7 ? CLAUDE_BEFORE_4_7 : CLAUDE;
    case "google":
      return GEMINI;
    case "xai":
      return GROK;
    case "other":
      return OTHERS;
  }
}
