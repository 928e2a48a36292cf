import type { BilledClasses } from "./bill.ts";
import type { Answer } from "./plan-answer.ts";
import type { Behaviour } from "./read-behaviour.ts";

export type JsonObject = Record<string, unknown>;

/** One server-sent event as it goes over the wire. */
export interface Frame {
  text: string;
  /** Whether it carries a piece of the answer: what `break_after` and `hang_after` count. */
  isContent: boolean;
}

/** What an endpoint needs to write its answer. */
export interface Exchange {
  /** Number of the request on the bill, for ids. */
  id: number;
  model: string;
  body: JsonObject;
  answer: Answer;
  behaviour: Behaviour;
  /** Seconds since 1970. */
  now: number;
}

/** What an endpoint understood of a request. */
export interface Call {
  model: string;
  stream: boolean;
  /** Everything that the model reads, as text. */
  prompt: string;
  /** How many messages carry it (each costs a few tokens of framing). */
  messages: number;
  maxTokens?: number;
  /** The answer in full. */
  reply(exchange: Exchange): JsonObject;
  /** The answer as a stream; absent where the endpoint has none. */
  frames?(exchange: Exchange): Frame[];
  /** The answer in full where it is no JSON: sound, plain text. */
  content?(exchange: Exchange): { type: string; bytes: Buffer };
  /** Whether a stream is one JSON array instead of events. */
  streamsArray?: boolean;
  /** What the answer is billed, where it is not counted in its words. */
  bills?: Partial<BilledClasses>;
  /** Endpoints without generated text (embeddings, counting). */
  withoutOutput?: boolean;
  /** Endpoints that cost nothing. */
  free?: boolean;
}

/** One provider's wire format. */
export interface Dialect {
  name: "openai" | "anthropic" | "google" | "xai";
  /** Whether the request carries a key in one of the places this provider reads. */
  hasKey(headers: Record<string, string | string[] | undefined>, url: URL): boolean;
  /** Null for a path that the provider does not have. A string: what is wrong with the body. */
  read(path: string, body: JsonObject, query: URLSearchParams): Call | string | null;
  /** What a GET answers, for any key; null for a path that the provider does not have. */
  list(path: string): JsonObject | null;
  error(status: number, message: string): JsonObject;
}

/** A frame of data without an event name, as OpenAI, Google and xAI send. */
export function dataFrame(data: unknown, isContent = false): Frame {
  return {
    text: `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`,
    isContent,
  };
}

/** A named frame, as Anthropic and the Responses API send. */
export function namedFrame(data: JsonObject & { type: string }, isContent = false): Frame {
  return { text: `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`, isContent };
}

/** Reads a token limit; anything that is not a whole number counts as absent. */
export function limitOf(...values: unknown[]): number | undefined {
  return values.find((value): value is number => Number.isInteger(value));
}

/** An object property of a body, or an empty object. */
export function objectAt(body: JsonObject, key: string): JsonObject {
  const value = body[key];
  return value !== null && typeof value === "object" && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}

export function bearerOf(headers: Record<string, string | string[] | undefined>): boolean {
  return /^bearer \S+/i.test(String(headers.authorization ?? ""));
}
