import type { TallyError } from "../../errors.ts";
import type { ProviderAdapter } from "../adapter.ts";
import { free } from "./free.ts";
import { images } from "./images.ts";
import { retryHeaders } from "./openai.ts";
import { chatCompletions } from "./openai-chat.ts";
import { responses } from "./openai-responses.ts";

/** xAI: OpenAI's formats, its own error. */
export const xai: ProviderAdapter = {
  name: "xai",
  versions: ["/v1"],
  endpoints: [
    chatCompletions("xai"),
    responses("xai"),
    images("xai", "/images/generations"),
    images("xai", "/images/edits"),
    free("GET", "/models"),
    free("GET", "/models/{model}"),
  ],
  keyHeaders: (apiKey) => ({ authorization: `Bearer ${apiKey}` }),
  forwardedHeaders: ["accept", "content-type"],
  respondToError,
};

function respondToError(error: TallyError): Response {
  const { message, hint, ...wire } = error.toWire();
  return Response.json(
    { ...wire, hint, error: hint ? `${message} ${hint}` : message },
    { status: error.status, headers: retryHeaders(error) },
  );
}
