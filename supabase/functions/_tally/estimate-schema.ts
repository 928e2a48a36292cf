import { TallyError } from "./errors.ts";
import { isJsonObject, type JsonObject } from "./read-body.ts";

// Written out: loading a library for these few checks takes a fifth of an isolate's first answer.

/** What to estimate. */
export interface EstimateRequest {
  provider: string;
  model: string;
  /** Messages of OpenAI's chat or of Anthropic. */
  messages?: JsonObject[];
  /** Input of OpenAI's responses or embeddings. */
  input?: string | (string | JsonObject)[];
  /** Contents of Gemini. */
  contents?: string | JsonObject | (string | JsonObject)[];
  /** A number that the caller knows: nothing is counted. */
  input_tokens?: number;
  /** Anthropic's instructions. */
  system?: Instructions;
  /** Those of OpenAI's responses. */
  instructions?: Instructions;
  /** Gemini's. */
  systemInstruction?: Instructions;
  tools?: JsonObject[];
  max_output_tokens?: number;
  organization_id?: string;
}

type Instructions = string | JsonObject | JsonObject[];

/** Whether a value is of a kind, and the kind in words. */
interface Kind {
  words: string;
  accepts: (value: unknown) => boolean;
}

const MOST_TOKENS = 1_000_000_000;
const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const isText = (value: unknown) => typeof value === "string";
const isItem = (value: unknown) => isText(value) || isJsonObject(value);
const isListOf = (accepts: Kind["accepts"]) => (value: unknown) =>
  Array.isArray(value) && value.length > 0 && value.every(accepts);

const name: Kind = {
  words: "expected text that is not empty",
  accepts: (value) => isText(value) && value !== "",
};
const count: Kind = {
  words: `expected a whole number from 0 to ${MOST_TOKENS}`,
  accepts: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MOST_TOKENS,
};
const instructions: Kind = {
  words: "expected text, an object or a list of objects",
  accepts: (value) => isItem(value) || isListOf(isJsonObject)(value),
};

const FIELDS: Record<keyof EstimateRequest, Kind> = {
  provider: name,
  model: name,
  messages: { words: "expected a list of objects", accepts: isListOf(isJsonObject) },
  input: {
    words: "expected text or a list of texts and objects",
    accepts: (value) => isText(value) || isListOf(isItem)(value),
  },
  contents: {
    words: "expected text, an object or a list of them",
    accepts: (value) => isItem(value) || isListOf(isItem)(value),
  },
  input_tokens: count,
  system: instructions,
  instructions,
  systemInstruction: instructions,
  tools: {
    words: "expected a list of objects",
    accepts: (value) => Array.isArray(value) && value.every(isJsonObject),
  },
  max_output_tokens: count,
  organization_id: {
    words: "expected a UUID",
    accepts: (value) => isText(value) && GUID.test(value as string),
  },
};

const REQUIRED = ["provider", "model"];
/** How to say what the input is; a request uses one of them. */
const INPUTS = ["messages", "input", "contents", "input_tokens"] as const;
const ONE_INPUT = `Send one of ${INPUTS.join(", ")}.`;

/**
 * Checks the body of an estimate.
 *
 * @throws {TallyError} PT400 naming the field and the way out.
 */
export function parseEstimateRequest(body: unknown): EstimateRequest {
  if (!isJsonObject(body)) throw fieldError("body", "expected an object");
  for (const [field, kind] of Object.entries(FIELDS)) {
    const value = body[field];
    if (value === undefined && !REQUIRED.includes(field)) continue;
    if (!kind.accepts(value)) throw fieldError(...problemOf(field, value, kind));
  }
  const unknown = Object.keys(body).find((field) => !Object.hasOwn(FIELDS, field));
  if (unknown !== undefined) {
    throw new TallyError("PT400", `${unknown} is not a field of an estimate.`, {
      hint: `Known fields: ${Object.keys(FIELDS).join(", ")}.`,
      details: unknown,
    });
  }
  const request = body as unknown as EstimateRequest;
  const given = INPUTS.filter((key) => request[key] !== undefined);
  if (given.length !== 1) {
    const problem = given.length === 0
      ? "The request says nothing about its input"
      : `${given.join(" and ")} were sent together`;
    const details = given[1] ?? "messages";
    throw new TallyError("PT400", `${problem}.`, { hint: ONE_INPUT, details });
  }
  return request;
}

/** In a list of messages or tools, the first item that is of no use. */
function problemOf(field: string, value: unknown, { words }: Kind): [string, string] {
  const isList = field === "messages" || field === "tools";
  const at = isList && Array.isArray(value) ? value.findIndex((item) => !isJsonObject(item)) : -1;
  return at < 0 ? [field, words] : [`${field}.${at}`, "expected an object"];
}

function fieldError(field: string, problem: string): TallyError {
  return new TallyError("PT400", `${field}: ${problem}.`, {
    hint: WAYS_OUT[field] ?? `Correct ${field} and send the request again.`,
    details: field,
  });
}

const WAYS_OUT: Record<string, string> = {
  provider: "Send the provider's name as in cost_estimates, such as openai.",
  model: "Send the model's id as the provider knows it.",
  messages: "Send the provider's own messages: an array of objects with role and content.",
  input: "Send a string or an array of the provider's input items.",
  input_tokens: "Send a whole number of tokens, zero or more.",
  max_output_tokens: "Send the whole number that the call itself will send.",
  organization_id: "Send the organization's id, or leave it out for list prices and no quota.",
};
