import type { ProviderName } from "../env.ts";
import type { TallyError } from "../errors.ts";
import type { NormalizedUsage } from "../normalize-usage.ts";
import type { JsonObject } from "../read-body.ts";

/** Settings of the operator that shape a request. */
export interface RequestPolicy {
  /** Output token limit put into a request that names none. */
  defaultMaxOutputTokens: number;
}

/** A request as it will go to the provider, and what it can cost at most. */
export interface PreparedRequest {
  model: string;
  isStream: boolean;
  /** The body to send: the caller's bytes, unless the policy had to add something. */
  body: Uint8Array<ArrayBuffer>;
  /** Upper bound of all output tokens: the limit times the number of answers. */
  maxOutputTokens: number;
  /** Classes beside plain text that the output may be billed as. */
  outputClasses: string[];
  /** The tier asked for; null for the provider's usual one. */
  serviceTier: string | null;
  /** Whether the usage chunk of the stream was asked for by us alone. */
  hidesUsage: boolean;
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
  /** Path below `gateway/<provider>`, as the provider's SDK sends it. */
  path: string;
  /** The same path below the configured base URL. */
  upstreamPath: string;
  /** The operation of its events, unless the caller names one. */
  operation: string;
  /**
   * Checks what the price of a call depends on and adds what the policy wants.
   *
   * @throws {TallyError} PT400 naming the field.
   */
  prepare(
    body: Uint8Array<ArrayBuffer>,
    parsed: JsonObject,
    policy: RequestPolicy,
  ): PreparedRequest;
  readAnswer(answer: unknown): ReadAnswer;
  createStreamReader(): StreamReader;
}

/** One provider: where it is, how it wants its key, and how its errors look. */
export interface ProviderAdapter {
  name: ProviderName;
  endpoints: EndpointAdapter[];
  /** Headers that carry a key to the provider. */
  keyHeaders(apiKey: string): Record<string, string>;
  /** Request headers of the caller that the provider gets to see. */
  forwardedHeaders: readonly string[];
  /** Our own errors in the provider's shape, so that its SDK raises its ordinary error. */
  respondToError(error: TallyError): Response;
}
