import { addClass, type Draft, restOf } from "./read-values.ts";

/** Tokens by modality other than text. */
export type Modalities = { audio: number; image: number; video: number };

const MEDIA = ["audio", "image", "video"] as const;

/** Counts of a prompt as providers state them: the parts lie inside the total and may overlap. */
export interface PromptCounts {
  total: number;
  media: Modalities;
  cached: number;
  /** How the cached tokens split by modality; null where the provider does not say. */
  cachedMedia: Modalities | null;
  /** Tokens written to the cache, by class. */
  written: { readonly [name: string]: number };
}

/**
 * Splits a prompt into disjoint classes whose sum is the total wherever the counts allow it.
 * Cached tokens of unstated modality are text first, for that is how prompts start.
 */
export function splitPrompt(draft: Draft, prompt: PromptCounts): void {
  const fresh = { ...prompt.media };
  const cached = { ...(prompt.cachedMedia ?? { audio: 0, image: 0, video: 0 }) };
  for (const name of MEDIA) {
    fresh[name] = restOf(draft, prompt.media[name], cached[name], `${name} tokens of the prompt`);
  }
  let written = 0;
  for (const [name, amount] of Object.entries(prompt.written)) {
    addClass(draft, name, amount);
    written += amount;
  }
  let cachedText = restOf(draft, prompt.cached, sumOf(cached), "cached tokens");
  let excess = sumOf(fresh) + sumOf(cached) + cachedText + written - prompt.total;
  if (excess > 0 && prompt.cachedMedia === null) {
    for (const name of MEDIA) {
      const moved = Math.min(excess, fresh[name], cachedText);
      if (moved === 0) continue;
      fresh[name] -= moved;
      cached[name] += moved;
      cachedText -= moved;
      excess -= moved;
      draft.anomalies.push(`unknown_split: ${moved} cached tokens taken as ${name}`);
    }
  }
  const parts = sumOf(fresh) + sumOf(cached) + cachedText + written;
  addClass(draft, "input", restOf(draft, prompt.total, parts, "prompt tokens"));
  addClass(draft, "cache_read", cachedText);
  for (const name of MEDIA) {
    addClass(draft, `input_${name}`, fresh[name]);
    addClass(draft, `cache_read_${name}`, cached[name]);
  }
}

/** Splits an output total that includes its reasoning and media. */
export function splitOutput(
  draft: Draft,
  total: number,
  reasoning: number,
  media: Modalities,
): void {
  addClass(draft, "output", restOf(draft, total, reasoning + sumOf(media), "output tokens"));
  addClass(draft, "reasoning", reasoning);
  for (const name of MEDIA) addClass(draft, `output_${name}`, media[name]);
}

/**
 * Whether reasoning is counted beside the output or inside it, told by which way the stated total
 * adds up: vendors of one wire format differ, and one vendor differs between its models.
 */
export function outputWithReasoning(
  draft: Draft,
  counts: {
    input: number;
    /** Input that some totals include and others do not. */
    inputBeside?: number;
    output: number;
    reasoning: number;
    total: number | null;
  },
  usuallyBeside: boolean,
): number {
  const { input, inputBeside = 0, output, reasoning, total } = counts;
  const beside = output + reasoning;
  const guess = usuallyBeside || reasoning > output ? beside : output;
  if (total === null) return guess;
  for (const prompt of [input + inputBeside, input]) {
    if (prompt + beside === total) return beside;
    if (prompt + output === total) return output;
  }
  draft.anomalies.push(
    `total_mismatch: input ${input}, output ${output}, reasoning ${reasoning}, total ${total}`,
  );
  return guess;
}

function sumOf(media: Modalities): number {
  return media.audio + media.image + media.video;
}
