import { type ModelTraits, readModelTraits } from "./count-models.ts";

/** The most output tokens that a model can be asked for, reasoning included; null where unknown. */
export function outputLimit(provider: string, model: string): number | null {
  const traits = readModelTraits(provider, model);
  switch (traits.family) {
    case "openai":
      return openAILimit(traits);
    case "anthropic":
      return claudeLimit(traits);
    case "google":
      return /gemini/.test(traits.name) ? (traits.version < 2.5 ? 8_192 : 65_536) : null;
    // xAI states no limit.
    case "xai":
    case "other":
      return null;
  }
}

function openAILimit({ name }: ModelTraits): number | null {
  if (/embedding/.test(name)) return 0;
  if (/^(gpt-3\.5|gpt-4-turbo)/.test(name)) return 4_096;
  if (/^gpt-4(?![\d.o])/.test(name)) return 8_192;
  if (/^(gpt-4o|chatgpt-4o|gpt-4\.5|gpt-5-chat)/.test(name)) return 16_384;
  if (/^gpt-4\.1/.test(name)) return 32_768;
  if (/^o\d/.test(name)) return 100_000;
  return /^gpt-\d/.test(name) ? 128_000 : null;
}

function claudeLimit({ name, version }: ModelTraits): number {
  if (version < 3.5) return 4_096;
  if (version < 3.7) return 8_192;
  if (/opus/.test(name) && version < 4.5) return 32_000;
  return version < 4.6 || (/sonnet/.test(name) && version < 4.7) ? 64_000 : 128_000;
}
