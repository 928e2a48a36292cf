import type { TallyError } from "../../errors.ts";
import type { ProviderAdapter } from "../adapter.ts";
import { free } from "./free.ts";
import { images } from "./images.ts";
import { speech, transcriptions } from "./openai-audio.ts";
import { chatCompletions } from "./openai-chat.ts";
import { embeddings } from "./openai-embeddings.ts";
import { responses } from "./openai-responses.ts";

/** OpenAI, and what speaks its format at another base URL. */
export const openai: ProviderAdapter = {
  name: "openai",
  versions: ["/v1"],
  endpoints: [
    chatCompletions("openai"),
    responses("openai"),
    embeddings("openai"),
    images("openai", "/images/generations"),
    images("openai", "/images/edits"),
    speech,
    transcriptions("/audio/transcriptions"),
    transcriptions("/audio/translations"),
    free("POST", "/responses/input_tokens"),
    free("GET", "/models"),
    free("GET", "/models/{model}"),
  ],
  keyHeaders: (apiKey) => ({ authorization: `Bearer ${apiKey}` }),
  forwardedHeaders: ["accept", "content-type", "openai-beta"],
  respondToError: respondAsOpenai,
};

const ERROR_TYPES: Record<number, string> = {
  400: "invalid_request_error",
  401: "invalid_request_error",
  402: "insufficient_quota",
  403: "invalid_request_error",
  404: "invalid_request_error",
  405: "invalid_request_error",
  409: "invalid_request_error",
  413: "invalid_request_error",
  422: "invalid_request_error",
  429: "requests",
};

/** The SDKs would retry a conflict, which cannot end otherwise the second time. */
export function retryHeaders({ status }: TallyError): Record<string, string> {
  return status < 500 && status !== 429 ? { "x-should-retry": "false" } : {};
}

function respondAsOpenai(error: TallyError): Response {
  const { code, message, hint, details, ...more } = error.toWire();
  return Response.json(
    {
      error: {
        message: hint ? `${message} ${hint}` : message,
        type: ERROR_TYPES[error.status] ?? "server_error",
        param: details ?? null,
        code,
        hint,
        ...more,
      },
    },
    { status: error.status, headers: retryHeaders(error) },
  );
}
