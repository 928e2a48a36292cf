/**
 * How one answer should behave. Asked for by the request itself, so that tests which share one
 * server do not disturb each other: by headers (`x-fake-chunk-delay: 5`) or, because a gateway
 * does not pass unknown headers on, by a directive in the prompt: `[[fake chunk_delay=5 status=500]]`.
 */
export interface Behaviour {
  /** Answer with this HTTP status and an error in the provider's shape. */
  status?: number;
  /** Answer 503 to requests for this model. */
  fail_model?: string;
  /** Seconds, sent as `retry-after` with an error. */
  retry_after?: number;
  /** Milliseconds before the first byte. */
  delay?: number;
  /** Milliseconds between two streamed chunks. */
  chunk_delay?: number;
  /** Cut the connection after so many chunks of content (without a stream: in the middle of the body). */
  break_after?: number;
  /** Send so many chunks of content, then nothing until the client leaves. */
  hang_after?: number;
  /** Write in pieces of so many bytes, which splits frames and UTF-8 sequences. */
  split?: number;
  /** 1: compress the answer where the client accepts gzip. */
  gzip?: number;
  /** 1: leave the usage object out. */
  omit_usage?: number;
  /** Total prompt tokens, instead of counting. */
  input?: number;
  /** Visible answer tokens, instead of counting. */
  output?: number;
  /** Words in the answer. */
  words?: number;
  /** Prompt tokens read from a cache. */
  cached?: number;
  /** Prompt tokens written to a cache (5 minutes, and 1 hour). */
  cache_write?: number;
  cache_write_1h?: number;
  /** Hidden reasoning (or thought) tokens. */
  reasoning?: number;
  input_audio?: number;
  output_audio?: number;
  /** Calls of the provider's search tool. */
  web_search?: number;
  /** 1: answer with a call of the first tool that the request offers. */
  tool_call?: number;
  /** 1: answer with characters of two to four bytes. */
  unicode?: number;
  /** Answer under another model id, as an alias does. */
  answer_model?: string;
  /** The tier that served the request. */
  service_tier?: string;
}

const TEXT_SETTINGS = new Set(["answer_model", "fail_model", "service_tier"]);
const NUMBER_SETTINGS = new Set([
  "status",
  "retry_after",
  "delay",
  "chunk_delay",
  "break_after",
  "hang_after",
  "split",
  "gzip",
  "omit_usage",
  "input",
  "output",
  "words",
  "cached",
  "cache_write",
  "cache_write_1h",
  "reasoning",
  "input_audio",
  "output_audio",
  "web_search",
  "tool_call",
  "unicode",
]);

const DIRECTIVE = /\[\[fake ([^\]]*)\]\]/g;

/** Thrown for a directive that does not exist: a test with a typo must not pass by accident. */
export class UnknownBehaviour extends Error {}

/**
 * Reads the wished behaviour from the request headers and from every text of the prompt.
 *
 * @throws {UnknownBehaviour} for an unknown name or a value that is not a number.
 */
export function readBehaviour(
  headers: Record<string, string | string[] | undefined>,
  prompt: string,
): Behaviour {
  const behaviour: Record<string, number | string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith("x-fake-") && value !== undefined) {
      applySetting(behaviour, name.slice("x-fake-".length).replaceAll("-", "_"), String(value));
    }
  }
  for (const [, settings = ""] of prompt.matchAll(DIRECTIVE)) {
    for (const setting of settings.split(/\s+/).filter(Boolean)) {
      const at = setting.indexOf("=");
      if (at === -1) applySetting(behaviour, setting, "1");
      else applySetting(behaviour, setting.slice(0, at), setting.slice(at + 1));
    }
  }
  return behaviour;
}

function applySetting(behaviour: Record<string, number | string>, name: string, value: string) {
  if (TEXT_SETTINGS.has(name)) {
    behaviour[name] = value;
    return;
  }
  const number = Number(value);
  if (!NUMBER_SETTINGS.has(name)) {
    throw new UnknownBehaviour(`The fake provider has no behaviour called "${name}".`);
  }
  if (!Number.isFinite(number) || number < 0) {
    throw new UnknownBehaviour(`The behaviour "${name}" needs a number, not "${value}".`);
  }
  behaviour[name] = number;
}
