import { normalizeUsage, type UsageRequest } from "../../normalize-usage.ts";
import { isJsonObject, type JsonObject } from "../../read-body.ts";
import type { CallRequest, EndpointAdapter, PreparedRequest } from "../adapter.ts";
import { followStream } from "../follow-stream.ts";
import { measureAudio } from "../measure-audio.ts";
import { invalidField, readFlag, requireModel } from "../read-fields.ts";

/** Speech models that are billed by the characters they read; the others by tokens. */
const BY_CHARACTERS = /^tts-1/;
/** Audio tokens that speaking one character takes: at 15 characters a second, and slowly. */
const TOKENS_PER_CHARACTER = { likely: 1.4, upper: 6 };
/** Transcription models that are billed by the second. */
const BY_SECONDS = /^(whisper|gpt-transcribe)/;
/** Tokens that a second of sound is read as, and the most that anybody says in one. */
const HEARD_PER_SECOND = 10;
const SAID_PER_SECOND = 10;

/** `POST /v1/audio/speech`: text in, sound out. */
export const speech: EndpointAdapter = {
  method: "POST",
  path: "/audio/speech",
  operation: "audio.speech",
  body: "json",
  isFree: false,
  prepare: prepareSpeech,
  readAnswer: (answer, { prompt }) => ({
    model: null,
    usage: normalizeUsage("openai", answer, {
      api: "speech",
      request: speechRequest(prompt),
    }),
    text: "",
  }),
  createStreamReader: ({ prompt }) => {
    const reader = followStream({
      provider: "openai",
      api: "speech",
      request: speechRequest(prompt),
      isLast: ({ type }) => type === "speech.audio.done",
    });
    const byCharacters = normalizeUsage("openai", null, {
      api: "speech",
      request: speechRequest(prompt),
    });
    let hasEvents = false;
    return {
      read(data) {
        hasEvents = true;
        return reader.read(data);
      },
      end(isCut) {
        if (hasEvents) return reader.end(isCut);
        // Plain sound says nothing: by characters, all that was to be read aloud is what is billed.
        return { model: null, usage: byCharacters, isComplete: !isCut };
      },
    };
  },
};

function prepareSpeech({ body, fields }: CallRequest): PreparedRequest {
  const model = requireModel(fields);
  const { input, instructions } = fields;
  if (typeof input !== "string" || input === "") {
    throw invalidField("input", "must be a text");
  }
  const characters = [...input].length;
  const isByCharacters = BY_CHARACTERS.test(model);
  return {
    model,
    isStream: true,
    upstreamPath: "/audio/speech",
    body,
    prompt: { model, input, instructions },
    unseenTokens: { likely: 0, upper: 0 },
    maxOutputTokens: isByCharacters ? 0 : 100 + Math.ceil(characters * TOKENS_PER_CHARACTER.upper),
    units: isByCharacters ? { amount: characters, type: "character" } : null,
    classes: isByCharacters ? [] : ["output_audio"],
    serviceTier: null,
    hidesUsage: false,
    assumed: isByCharacters ? { classes: {}, units: characters, unit_type: "character" } : {
      classes: {
        output_audio: Math.ceil(characters * TOKENS_PER_CHARACTER.likely),
      },
    },
  };
}

function speechRequest({ model, input }: JsonObject): UsageRequest {
  return BY_CHARACTERS.test(String(model)) && typeof input === "string" ? { input } : {};
}

/** `POST /v1/audio/transcriptions` and `/v1/audio/translations`: sound in, text out. */
export function transcriptions(
  path: "/audio/transcriptions" | "/audio/translations",
): EndpointAdapter {
  return {
    method: "POST",
    path,
    operation: path.slice(1).replace("/", "."),
    body: "form",
    isFree: false,
    prepare: (request) => prepareTranscription(path, request),
    readAnswer: (answer) => ({
      model: null,
      // Only what the answer itself says: the plain formats say nothing, and are estimated.
      usage: isJsonObject(answer)
        ? normalizeUsage("openai", answer, { api: "transcription" })
        : null,
      text: textOf(answer),
    }),
    createStreamReader: () =>
      followStream({
        provider: "openai",
        api: "transcription",
        isLast: ({ type }) => type === "transcript.text.done",
      }),
  };
}

function prepareTranscription(
  path: string,
  { body, fields, files }: CallRequest,
): PreparedRequest {
  const model = requireModel(fields);
  const file = files.find(({ name }) => name === "file");
  if (file === undefined) throw invalidField("file", "must be a recording");
  const { likely, upper } = measureAudio(file);
  const isBySeconds = BY_SECONDS.test(model);
  return {
    model,
    isStream: readFlag(fields, "stream"),
    upstreamPath: path,
    body,
    prompt: { input: fields.prompt },
    unseenTokens: {
      likely: isBySeconds ? 0 : Math.ceil(likely * HEARD_PER_SECOND),
      upper: isBySeconds ? 0 : Math.ceil(upper * HEARD_PER_SECOND),
    },
    maxOutputTokens: isBySeconds ? 0 : 100 + Math.ceil(upper * SAID_PER_SECOND),
    // Length is billed by started seconds.
    units: isBySeconds ? { amount: Math.ceil(upper), type: "second" } : null,
    classes: isBySeconds ? [] : ["input_audio"],
    serviceTier: null,
    hidesUsage: false,
    assumed: isBySeconds
      ? { classes: {}, units: Math.ceil(likely), unit_type: "second" }
      : { classes: { input_audio: Math.ceil(likely * HEARD_PER_SECOND) } },
  };
}

function textOf(answer: unknown): string {
  if (typeof answer === "string") return answer;
  return isJsonObject(answer) && typeof answer.text === "string" ? answer.text : "";
}
