import { safetyFactors, usesO200k } from "./count-factors.ts";
import { countMedia } from "./count-media.ts";
import { type ModelTraits, readModelTraits } from "./count-models.ts";
import type { TextCounter } from "./count-text.ts";
import { readTools } from "./count-tools.ts";
import type { JsonObject } from "./read-body.ts";
import { type PromptParts, readPrompt } from "./count-prompt.ts";

/** What the input of a call comes to before it is made. */
export interface TokenCount {
  /** The likely number. */
  input_tokens: number;
  /** The number that a hold is taken for. */
  input_tokens_upper: number;
  tokenizer: "o200k_base";
  /** Whether the model's own rules were followed to the last token. */
  is_exact: boolean;
  /** Of `input_tokens`, those billed as audio. */
  audio_tokens: number;
  /** Classes beside plain input that some of it may be billed as. */
  classes: string[];
  /** What had to be assumed, in sentences for the caller. */
  notes: string[];
}

export interface CountDeps {
  countText: TextCounter;
  /** Reads the factor learned from settled calls of a model, which replaces the built-in ones. */
  readFactor?: (provider: string, model: string) => Promise<number | null>;
}

/** Tokens around each message and before the answer, by OpenAI's published rule. */
const CHAT = { perMessage: 3, perName: 1, primer: 3 };
/** What other makers add is not published: at most this was seen. */
const OTHERS = { perMessage: 8, primer: 8 };
/** Anthropic's own prompt for tool use: 313 to 346 tokens for Claude 4, more since. */
const CLAUDE_TOOL_PROMPT = { likely: 346, upper: 1_000 };
/** What a tool that the provider runs adds to the prompt before it is used. */
const HOSTED_TOOL = { likely: 100, upper: 1_000 };
/** How far OpenAI's rule for functions has been seen off. */
const TOOL_MARGIN = 1.15;
/** Models for which the chat rule is published as exact. */
const EXACT_CHAT = /^(gpt-4o|gpt-4\.1)(?!.*(audio|search|realtime|transcribe|tts))/;

/**
 * Counts the input tokens of a request in any of the four providers' formats: the tokenizer's exact
 * count of its text, the published rules for what surrounds it, and a bound that a hold can rely on.
 */
export async function countTokens(
  provider: string,
  model: string,
  request: JsonObject,
  { countText, readFactor = () => Promise.resolve(null) }: CountDeps,
): Promise<TokenCount> {
  const traits = readModelTraits(provider, model);
  const prompt = readPrompt(request);
  const tools = readTools(prompt.tools);
  const extras = [...tools.extras, ...prompt.hostedTools.map((tool) => JSON.stringify(tool))];
  const [factor, text, toolText, extraText] = await Promise.all([
    readFactor(provider, model),
    countText(prompt.texts),
    countText(tools.texts),
    boundExtras(extras, countText),
  ]);
  const media = prompt.media.map((part) => ({ part, ...countMedia(part, traits) }));
  const framing = frame(prompt, traits);
  const hosted = prompt.hostedTools.length;
  const claudeTools = traits.family === "anthropic" && prompt.tools.length + hosted > 0 ? 1 : 0;

  const likely = text.tokens + framing.likely + toolText.tokens +
    tools.framing +
    sum(media.map((part) => part.likely)) +
    hosted * HOSTED_TOOL.likely + claudeTools * CLAUDE_TOOL_PROMPT.likely;
  const { ascii, wide } = factor === null ? safetyFactors(traits) : { ascii: factor, wide: factor };
  const scale = (
    { tokens, wide_tokens }: Pick<typeof text, "tokens" | "wide_tokens">,
    margin = 1,
  ) => margin * ((tokens - wide_tokens) * ascii + wide_tokens * wide);
  // No tokenizer makes more tokens than its text has bytes.
  const upper = Math.min(scale(text), text.bytes) +
    scale(toolText, TOOL_MARGIN) + scale(extraText) +
    framing.upper + tools.framing * TOOL_MARGIN * ascii +
    sum(media.map((part) => part.upper)) +
    hosted * HOSTED_TOOL.upper + claudeTools * CLAUDE_TOOL_PROMPT.upper;

  const isPlain = media.length === 0 && prompt.tools.length + hosted === 0;
  return {
    input_tokens: Math.ceil(likely),
    input_tokens_upper: Math.max(Math.ceil(upper), Math.ceil(likely)),
    tokenizer: "o200k_base",
    is_exact: isPlain && text.is_exact && Array.isArray(request.messages) &&
      usesO200k(traits) && EXACT_CHAT.test(traits.name),
    audio_tokens: sum(
      media.filter(({ part }) => part.kind === "audio").map((part) => part.likely),
    ),
    classes: classesOf(prompt),
    notes: notesOn(prompt, text.is_exact && toolText.is_exact),
  };
}

/** Usually a few words; what is longer is bounded by its bytes, which takes no time. */
async function boundExtras(texts: string[], countText: TextCounter) {
  const bytes = new TextEncoder().encode(texts.join("")).length;
  return bytes > 65_536 ? { tokens: bytes, wide_tokens: 0 } : await countText(texts);
}

/** Tokens around the messages. Embeddings have none. */
function frame(prompt: PromptParts, { family, name }: ModelTraits) {
  if (/embed/.test(name)) return { likely: 0, upper: 0 };
  const likely = prompt.messages * CHAT.perMessage +
    prompt.names * CHAT.perName + CHAT.primer;
  if (family === "openai" && EXACT_CHAT.test(name)) {
    return { likely, upper: likely };
  }
  return { likely, upper: prompt.messages * OTHERS.perMessage + prompt.names + OTHERS.primer };
}

function classesOf({ media, cachesForAnHour }: PromptParts): string[] {
  const kinds = new Set(media.map(({ kind }) => kind));
  return [
    ...(kinds.has("image") || kinds.has("document") ? ["input_image"] : []),
    ...(kinds.has("audio") || kinds.has("video") ? ["input_audio"] : []),
    ...(kinds.has("video") ? ["input_video"] : []),
    ...(cachesForAnHour ? ["cache_write_1h"] : []),
  ];
}

function notesOn({ media, hostedTools }: PromptParts, isCounted: boolean): string[] {
  const notes: string[] = [];
  if (!isCounted) {
    notes.push(
      "The text is longer than what is tokenized; the rest counts one token per byte.",
    );
  }
  if (media.some(({ kind, data }) => kind === "image" && data === null)) {
    notes.push(
      "The size of an image behind a URL or file id is not known: the bound is the largest one.",
    );
  }
  if (
    media.some(({ kind, data }) => (kind === "audio" || kind === "video") && data === null)
  ) {
    notes.push("Audio and video behind a URL or file id are assumed to last ten minutes at most.");
  }
  if (media.some(({ kind, data }) => kind === "document" && data === null)) {
    notes.push("A document behind a URL or file id is assumed to have a hundred pages at most.");
  }
  if (hostedTools.length > 0) {
    notes.push(
      "What the provider's own tools read, such as search results, is not in the estimate.",
    );
  }
  return notes;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}
