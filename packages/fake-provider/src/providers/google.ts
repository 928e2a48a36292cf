import { countTokens } from "../count-tokens.ts";
import {
  bearerOf,
  type Call,
  type Dialect,
  dataFrame,
  type Exchange,
  type Frame,
  type JsonObject,
  limitOf,
  objectAt,
} from "../dialect.ts";
import { textOf, totalInput } from "../plan-answer.ts";

const STATUS_NAMES: Record<number, string> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
};

const PATH = /^\/v1(?:beta|alpha)?\/models\/([^/:]+):([A-Za-z]+)$/;

export const google: Dialect = {
  name: "google",
  hasKey: (headers, url) =>
    headers["x-goog-api-key"] !== undefined || url.searchParams.has("key") || bearerOf(headers),
  read(path, body, query) {
    const [, model, method] = PATH.exec(path) ?? [];
    if (model === undefined) return null;
    if (method === "generateContent") return readGenerate(model, body, false);
    if (method === "streamGenerateContent") {
      const call = readGenerate(model, body, true);
      const streamsArray = query.get("alt") !== "sse";
      return typeof call === "string" ? call : { ...call, streamsArray };
    }
    if (method === "countTokens") return readCount(model, body);
    if (method === "embedContent") return readEmbed(model, body);
    if (method === "batchEmbedContents") return readBatchEmbed(model, body);
    return null;
  },
  list(path) {
    const models = [{ name: "models/gemini-2.5-flash", displayName: "Gemini 2.5 Flash" }];
    return /^\/v1(beta|alpha)?\/models$/.test(path) ? { models } : null;
  },
  error(status, message) {
    return { error: { code: status, message, status: STATUS_NAMES[status] ?? "UNKNOWN" } };
  },
};

function readGenerate(model: string, body: JsonObject, stream: boolean): Call | string {
  if (!Array.isArray(body.contents) || body.contents.length === 0) {
    return "* GenerateContentRequest.contents: contents is not specified";
  }
  const maxTokens = limitOf(objectAt(body, "generationConfig").maxOutputTokens);
  return {
    model,
    stream,
    prompt: [textOf(body.systemInstruction), textOf(body.contents), textOf(body.tools)]
      .filter(Boolean)
      .join(" "),
    messages: body.contents.length,
    ...(maxTokens !== undefined && { maxTokens }),
    reply: (exchange) => ({
      candidates: [
        { ...candidate(exchange, exchange.answer.text), finishReason: reason(exchange) },
      ],
      ...usage(exchange, true),
      ...footer(exchange),
    }),
    frames: generateFrames,
  };
}

function generateFrames(exchange: Exchange): Frame[] {
  const { pieces } = exchange.answer;
  return [
    ...pieces.map((piece) =>
      dataFrame(
        {
          candidates: [candidate(exchange, piece)],
          ...usage(exchange, false),
          ...footer(exchange),
        },
        true,
      ),
    ),
    dataFrame({
      candidates: [{ ...candidate(exchange, ""), finishReason: reason(exchange) }],
      ...usage(exchange, true),
      ...footer(exchange),
    }),
  ];
}

/** Cached is inside the prompt; thoughts are beside the candidates; the total holds all of it. */
function usage({ answer: { classes }, behaviour }: Exchange, isFinal: boolean): JsonObject {
  if (behaviour.omit_usage) return {};
  const prompt = totalInput(classes);
  const candidates = isFinal ? classes.output + classes.output_audio : 0;
  const thoughts = classes.reasoning;
  return {
    usageMetadata: {
      promptTokenCount: prompt,
      ...(classes.cache_read > 0 && { cachedContentTokenCount: classes.cache_read }),
      ...(isFinal && { candidatesTokenCount: candidates }),
      ...(thoughts > 0 && { thoughtsTokenCount: thoughts }),
      totalTokenCount: prompt + candidates + thoughts,
      promptTokensDetails: [
        { modality: "TEXT", tokenCount: prompt - classes.input_audio },
        ...(classes.input_audio > 0
          ? [{ modality: "AUDIO", tokenCount: classes.input_audio }]
          : []),
      ],
    },
  };
}

function candidate({ body, behaviour }: Exchange, text: string): JsonObject {
  const [tool] = (Array.isArray(body.tools) ? body.tools : []) as JsonObject[];
  const [declared] = (tool?.functionDeclarations ?? []) as JsonObject[];
  const part =
    behaviour.tool_call && declared
      ? { functionCall: { name: declared.name, args: {} } }
      : { text };
  return { content: { parts: [part], role: "model" }, index: 0 };
}

function reason({ answer }: Exchange): string {
  return answer.isCut ? "MAX_TOKENS" : "STOP";
}

function footer({ model, id }: Exchange): JsonObject {
  return { modelVersion: model, responseId: `fake-${id}` };
}

function readCount(model: string, body: JsonObject): Call | string {
  const contents = body.contents ?? objectAt(body, "generateContentRequest").contents;
  if (!Array.isArray(contents)) return "* CountTokensRequest.contents: contents is not specified";
  const request = { model, prompt: textOf(contents), messages: contents.length };
  return countTokens(request, (totalTokens) => ({ totalTokens }));
}

function readEmbed(model: string, body: JsonObject): Call | string {
  if (body.content === undefined) return "* EmbedContentRequest.content: content is not specified";
  return {
    model,
    stream: false,
    prompt: textOf(body.content),
    messages: 0,
    withoutOutput: true,
    reply: () => ({ embedding: { values: [0.125, 0.25, 0.375, 0.5] } }),
  };
}

function readBatchEmbed(model: string, body: JsonObject): Call | string {
  const { requests } = body;
  if (!Array.isArray(requests)) return "* BatchEmbedContentsRequest.requests: is not specified";
  return {
    model,
    stream: false,
    prompt: textOf(requests.map((request: JsonObject) => request.content)),
    messages: 0,
    withoutOutput: true,
    reply: () => ({ embeddings: requests.map(() => ({ values: [0.125, 0.25, 0.375, 0.5] })) }),
  };
}
