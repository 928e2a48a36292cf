import { type Call, type Exchange, type JsonObject, namedFrame } from "../dialect.ts";
import { totalInput, totalOutput } from "../plan-answer.ts";

const BYTES_PER_CHARACTER = 400;
/** A recording of so many bytes lasts a second, whatever is in it. */
const BYTES_PER_SECOND = 16_000;
const AUDIO_TOKENS_PER_SECOND = 10;

/** Reads a request for speech: billed by its characters, or by tokens by the newer models. */
export function readSpeech(body: JsonObject): Call | string {
  if (typeof body.model !== "string") return "you must provide a model parameter";
  if (typeof body.input !== "string") return "Missing required parameter: 'input'.";
  const characters = [...body.input].length;
  const isByCharacters = body.model.startsWith("tts-1");
  const bytes = Buffer.alloc(characters * BYTES_PER_CHARACTER, 7);
  const type = body.response_format === "wav" ? "audio/wav" : "audio/mpeg";
  return {
    model: body.model,
    stream: body.stream_format === "sse" && !isByCharacters,
    prompt: body.input,
    messages: 0,
    withoutOutput: true,
    bills: isByCharacters
      ? { character: characters, input: 0 }
      : { output_audio: Math.ceil(characters * 1.4) },
    reply: () => ({}),
    content: () => ({ type, bytes }),
    frames: (exchange) => [
      namedFrame({ type: "speech.audio.delta", audio: bytes.toString("base64") }, true),
      namedFrame({ type: "speech.audio.done", usage: tokens(exchange) }),
    ],
  };
}

/** Reads a recording to be written down: billed by its seconds, or by tokens by the newer models. */
export function readTranscription(body: JsonObject): Call | string {
  if (typeof body.model !== "string") return "you must provide a model parameter";
  const { size } = (body.file ?? {}) as JsonObject;
  if (typeof size !== "number") return "Missing required parameter: 'file'.";
  const seconds = Math.ceil(size / BYTES_PER_SECOND);
  const isBySeconds = body.model.startsWith("whisper");
  const isPlain = body.response_format === "text";
  return {
    model: body.model,
    stream: String(body.stream) === "true" && !isBySeconds,
    prompt: String(body.prompt ?? ""),
    messages: 0,
    bills: isBySeconds
      ? { second: seconds, input: 0, output: 0 }
      : { input: 0, input_audio: seconds * AUDIO_TOKENS_PER_SECOND },
    reply: (exchange) => ({
      text: exchange.answer.text,
      ...(!exchange.behaviour.omit_usage && {
        usage: isBySeconds ? { type: "duration", seconds } : transcriptTokens(exchange),
      }),
    }),
    ...(isPlain && {
      content: ({ answer }: Exchange) => ({
        type: "text/plain; charset=utf-8",
        bytes: Buffer.from(answer.text),
      }),
    }),
    frames: (exchange) => [
      ...exchange.answer.pieces.map((delta) =>
        namedFrame({ type: "transcript.text.delta", delta }, true),
      ),
      namedFrame({
        type: "transcript.text.done",
        text: exchange.answer.text,
        usage: transcriptTokens(exchange),
      }),
    ],
  };
}

function tokens({ answer: { classes } }: Exchange): JsonObject {
  const input_tokens = totalInput(classes);
  const output_tokens = totalOutput(classes);
  return { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens };
}

function transcriptTokens(exchange: Exchange): JsonObject {
  const { classes } = exchange.answer;
  return {
    type: "tokens",
    ...tokens(exchange),
    input_token_details: { text_tokens: classes.input, audio_tokens: classes.input_audio },
  };
}
