import type { ProviderName } from "../env.ts";
import type { TallyError } from "../errors.ts";
import type { NormalizedUsage } from "../normalize-usage.ts";
import type { JsonObject } from "../read-body.ts";
import type { FormFile } from "./read-form.ts";

/** Settings of the operator that shape a request. */
export interface RequestPolicy {
  /** Output token limit put into a request that names none. */
  defaultMaxOutputTokens: number;
  /** Input tokens assumed of a conversation that the provider keeps. */
  storedContextTokens: number;
}

/** A request as the caller sent it. */
export interface CallRequest {
  body: Uint8Array<ArrayBuffer>;
  /** The JSON object, or the text fields of a form; empty without a body. */
  fields: JsonObject;
  /** The files of a form. */
  files: FormFile[];
  /** The path as it was asked for, below the provider's version. */
  path: string;
  /** The model that the path names; null where the body does. */
  model: string | null;
  query: URLSearchParams;
}

/** What a call has used when its provider states nothing: disjoint classes, or units. */
export interface AssumedUsage {
  classes: Record<string, number>;
  units?: number;
  unit_type?: string;
}

/** A request as it will go to the provider, and what it can cost at most. */
export interface PreparedRequest {
  model: string;
  isStream: boolean;
  /** Path and query below the base URL. */
  upstreamPath: string;
  /** The body to send: the caller's bytes, unless the policy had to add something. */
  body: Uint8Array<ArrayBuffer>;
  /** The part of the request that its input tokens are counted in. */
  prompt: JsonObject;
  /** Input tokens that the prompt does not show, such as those of a file or a kept conversation. */
  unseenTokens: { likely: number; upper: number };
  /** Upper bound of all output tokens: the limit times the number of answers. */
  maxOutputTokens: number;
  /** Upper bound of what is billed by another unit than tokens. */
  units: { amount: number; type: string } | null;
  /** Classes beside plain text that some tokens may be billed as. */
  classes: string[];
  /** The tier asked for; null for the provider's usual one. */
  serviceTier: string | null;
  /** Whether the usage chunk of the stream was asked for by us alone. */
  hidesUsage: boolean;
  /** Null: the input tokens as counted here, and the tokens of the text that came. */
  assumed: AssumedUsage | null;
}

/** What a complete answer says. */
export interface ReadAnswer {
  /** The model that answered; null where it does not say. */
  model: string | null;
  /** Null when no usage is stated, which is not the same as zero. */
  usage: NormalizedUsage | null;
  /** Everything generated, for counting when no usage is stated. */
  text: string;
}

/** What a stream said until it ended or was cut. */
export interface StreamEnd {
  model: string | null;
  usage: NormalizedUsage | null;
  /** Whether the provider finished the answer and its usage is the last word. */
  isComplete: boolean;
}

/** What one frame of a stream says. */
export interface ReadFrame {
  /** Whether it carries usage and nothing else. */
  isUsageOnly: boolean;
  /** Whether nothing comes after it. */
  isLast: boolean;
  /** The text that it adds to the answer. */
  text: string;
}

/** Follows one stream, frame by frame. */
export interface StreamReader {
  /** Takes a frame's data. */
  read(data: string): ReadFrame;
  /** What it came to; `isCut` when the connection ended before the stream did. */
  end(isCut: boolean): StreamEnd;
}

/** One endpoint of a provider: how its wire format is read, and nothing else. */
export interface EndpointAdapter {
  method: "GET" | "POST";
  /** Path below the provider's version: `/chat/completions`, `/models/{model}:generateContent`. */
  path: string;
  /** The operation of its events, unless the caller names one. */
  operation: string;
  /** What the body is; `none` for requests without one, `any` where nobody needs to know. */
  body: "json" | "form" | "json or form" | "none" | "any";
  /** Costs nothing and holds nothing: counting, lists of models. */
  isFree: boolean;
  /**
   * Checks what the price of a call depends on and adds what the policy wants.
   *
   * @throws {TallyError} PT400 naming the field.
   */
  prepare(request: CallRequest, policy: RequestPolicy): PreparedRequest;
  /** Reads an answer that is no stream; `answer` is its JSON, or its text where it is none. */
  readAnswer(answer: unknown, prepared: PreparedRequest): ReadAnswer;
  createStreamReader(prepared: PreparedRequest): StreamReader;
}

/** One provider: where it is, how it wants its key, and how its errors look. */
export interface ProviderAdapter {
  name: ProviderName;
  /** Versions of its API that its SDKs put before the path; the first is the usual one. */
  versions: readonly string[];
  endpoints: readonly EndpointAdapter[];
  /** Headers that carry a key to the provider, and others that it insists on. */
  keyHeaders(apiKey: string): Record<string, string>;
  /** Request headers of the caller that the provider gets to see. */
  forwardedHeaders: readonly string[];
  /** Our own errors in the provider's shape, so that its SDK raises its ordinary error. */
  respondToError(error: TallyError): Response;
}
