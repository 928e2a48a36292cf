import { createAnthropicStream } from "./accumulate/anthropic.ts";
import { createChatStream } from "./accumulate/chat.ts";
import { createFinalEventStream } from "./accumulate/final-event.ts";
import { createGeminiStream } from "./accumulate/gemini.ts";
import { countText, type StreamReader } from "./accumulate/stream-reader.ts";
import { asText, isRecord, type JsonRecord } from "./normalize/read-values.ts";
import type { NormalizedUsage, NormalizeOptions, UsageApi } from "./normalize/types.ts";
import { createEventStreamParser } from "./parse-event-stream.ts";

export { createEventStreamParser, parseEventStream } from "./parse-event-stream.ts";
export type { EventStreamParser, ServerSentEvent } from "./parse-event-stream.ts";

/** What a stream used, as far as it was seen. */
export interface StreamResult {
  /** The usage reported so far; null where the provider reported none. */
  usage: NormalizedUsage | null;
  /**
   * False when `usage` is the provider's final word. True when it is partial or absent: the caller
   * then estimates, from its own input count and from the text counted here.
   */
  is_estimated: boolean;
  /** Whether the provider ended the stream by itself. */
  complete: boolean;
  /** Characters (code points) of text, reasoning and tool arguments that were emitted. */
  text_chars: number;
  /** The same in UTF-8 bytes: an upper bound of the tokens they were. */
  text_bytes: number;
  /** The answering model as far as the stream stated it, also where `usage` is null. */
  model: string | null;
}

/** Follows one streamed answer; keeps counts and the last usage object, never the text. */
export interface StreamAccumulator {
  /** Takes one parsed event. Anything else, `[DONE]` included, is ignored. */
  push(event: unknown): void;
  /** Takes a piece of the event stream as it came over the wire. */
  pushBytes(chunk: Uint8Array | string): void;
  /** The result. `aborted`: the stream was cut by the client or by the connection. */
  finish(end?: { aborted?: boolean }): StreamResult;
}

/** How to follow a stream. */
export interface StreamOptions extends NormalizeOptions {
  /** Gets every piece of text, reasoning and tool arguments as it is emitted. */
  onText?: (text: string) => void;
}

/**
 * Follows a provider's stream and yields what the same answer would have reported in one piece.
 *
 * @param provider The provider's name, as for `normalizeUsage`.
 * @param options `api` forces the wire format, which is otherwise told by the first events.
 *
 * @example
 * ```ts
 * const stream = createStreamAccumulator("openai");
 * for await (const chunk of response.body) stream.pushBytes(chunk);
 * const { usage, is_estimated } = stream.finish();
 * ```
 */
export function createStreamAccumulator(
  provider: string,
  { onText, ...options }: StreamOptions = {},
): StreamAccumulator {
  const vendor = provider.toLowerCase();
  const count = { chars: 0, bytes: 0 };
  const emit = (text: unknown) => {
    countText(count, text);
    if (typeof text === "string") onText?.(text);
  };
  let reader = createReader(options.api ?? "responses");
  let isDecided = options.api !== undefined;

  function createReader(api: UsageApi): StreamReader {
    const forced = { ...options, api };
    switch (api) {
      case "chat":
        return createChatStream(vendor, forced, emit);
      case "messages":
        return createAnthropicStream(vendor, emit);
      case "generate_content":
        return createGeminiStream(vendor, emit);
      default:
        return createFinalEventStream(vendor, options, emit);
    }
  }

  function push(event: unknown): void {
    if (Array.isArray(event)) return event.forEach(push); // Gemini's stream that is not SSE
    if (!isRecord(event)) return;
    const api = isDecided ? null : detectStream(event);
    if (api !== null) {
      reader = createReader(api);
      isDecided = true;
    }
    reader.push(event);
  }

  const parser = createEventStreamParser(({ data }) => {
    const event = parseJson(data);
    if (event !== undefined) push(event);
  });

  return {
    push,
    pushBytes: parser.push,
    finish({ aborted = false } = {}) {
      parser.end();
      const end = reader.finish();
      // A clean end without a closing mark is believed once the provider reported a usage
      // that can be the last one; a cut is not.
      const complete = end.isTerminal || (!aborted && end.isFinal);
      return {
        usage: end.usage,
        is_estimated: end.usage === null || !complete,
        complete,
        text_chars: count.chars,
        text_bytes: count.bytes,
        model: end.usage?.model ?? end.model,
      };
    },
  };
}

/** The wire format that an event belongs to; null where it decides nothing. */
function detectStream(event: JsonRecord): UsageApi | null {
  const type = asText(event["type"]) ?? "";
  if (Array.isArray(event["choices"]) || event["x_groq"] !== undefined) {
    return "chat";
  }
  if (
    event["candidates"] !== undefined || event["usageMetadata"] !== undefined
  ) {
    return "generate_content";
  }
  return /^(message_|content_block_)/.test(type) ? "messages" : null;
}

function parseJson(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined; // `[DONE]`, keep-alives, a frame that the connection cut
  }
}
