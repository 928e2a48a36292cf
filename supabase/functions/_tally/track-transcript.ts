import { createStreamAccumulator } from "./accumulate-stream.ts";
import type { Actor } from "./authorize-request.ts";
import { TallyError } from "./errors.ts";
import { type EventInput, eventSchema, toFieldError } from "./event-schema.ts";
import { readAttribution } from "./gateway/read-attribution.ts";
import type { TallyEvent } from "./merge-usage.ts";
import { prepareWithUsage } from "./prepare-event.ts";
import { refuseCompressed } from "./read-body.ts";

/** Largest transcript that is read, in bytes; it is never kept, only followed. */
const MAX_TRANSCRIPT_BYTES = 64 * 1024 * 1024;
/** Characters that one token stands for at most, on average, in any language that was measured. */
const CHARACTERS_PER_TOKEN = 4;

/**
 * Reads the transcript of a stream that the caller kept: the body is the provider's own
 * `text/event-stream`, headers say whose call it was (`x-tally-provider`, and those of the gateway).
 *
 * A transcript that stops before its end is recorded as an estimate: the usage that was stated so far,
 * and at least a token for every four characters of text.
 *
 * @throws {TallyError} PT400 naming the header, or when the transcript states no usage.
 */
export async function readTranscript(request: Request, actor: Actor): Promise<TallyEvent[]> {
  refuseCompressed(request);
  const fields = readFields(request.headers, actor);
  const stream = createStreamAccumulator(fields.provider);
  let size = 0;
  const reader = request.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw new TallyError("PT400", "The request body ended early.", { cause });
    });
    if (done) break;
    size += value.byteLength;
    if (size > MAX_TRANSCRIPT_BYTES) {
      await reader.cancel();
      throw new TallyError("PT413", `A transcript may have ${MAX_TRANSCRIPT_BYTES} bytes.`, {
        hint: "Send the last events only: they state the usage.",
      });
    }
    stream.pushBytes(value);
  }
  const { usage, is_estimated, text_chars } = stream.finish();
  if (usage === null) {
    throw new TallyError("PT400", "The transcript states no usage.", {
      hint:
        "Ask the provider for it (stream_options.include_usage), or send an event with input_tokens and output_tokens.",
      details: "body",
    });
  }
  if (!is_estimated) return prepareWithUsage(fields, usage, actor);
  const seen = Math.ceil(text_chars / CHARACTERS_PER_TOKEN);
  const missing = Math.max(0, seen - usage.output_tokens);
  const estimate = {
    ...usage,
    classes: { ...usage.classes, output: (usage.classes.output ?? 0) + missing },
    output_tokens: usage.output_tokens + missing,
  };
  const status = fields.status ?? "aborted";
  return prepareWithUsage({ ...fields, is_estimated: true, status }, estimate, actor);
}

function readFields(headers: Headers, actor: Actor): EventInput {
  const read = (name: string) => headers.get(name)?.trim() || undefined;
  const named = {
    provider: read("x-tally-provider"),
    model: read("x-tally-model"),
    id: read("x-tally-usage-id"),
    created_at: read("x-tally-created-at"),
    status: read("x-tally-status"),
    idempotency_key: read("idempotency-key"),
  };
  const parsed = eventSchema.safeParse({ ...named, ...readAttribution(headers, actor) });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.path[0] !== "provider") throw toFieldError(parsed.error);
  throw new TallyError("PT400", "x-tally-provider is missing.", {
    hint: "Name the provider whose stream this is.",
    details: "x-tally-provider",
  });
}
