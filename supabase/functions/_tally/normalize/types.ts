/**
 * The wire formats whose usage objects are understood. Each names a shape, not a vendor: `chat` is
 * the OpenAI Chat Completions shape wherever it comes from (xAI, Mistral, DeepSeek, Groq, …).
 */
export type UsageApi =
  | "chat"
  | "responses"
  | "embeddings"
  | "images"
  | "transcription"
  | "speech"
  | "video"
  | "realtime"
  | "messages"
  | "generate_content"
  | "interactions"
  | "converse"
  | "cohere"
  | "ai_sdk";

/** What the request said, for APIs whose responses state no usage. */
export interface UsageRequest {
  model?: string;
  /** Number of images asked for; the number that came back wins. */
  n?: number;
  /**
   * Size and quality of the images asked for make the class `image_hd_1024x1792`; the size of a
   * video (`1280x720`, `720p`) makes `second_720p`.
   */
  size?: string;
  quality?: string;
  /** The text sent to a speech model: its characters are the units. */
  input?: string;
  /** Characters billed, when the provider states them in a header; wins over `input`. */
  characters?: number;
  /** Length of the audio or video in seconds. */
  seconds?: number;
}

/** How to read a response. */
export interface NormalizeOptions {
  /** Forces the wire format instead of deciding it from the response's shape. */
  api?: UsageApi;
  request?: UsageRequest;
}

/** A provider's usage, split into classes that do not overlap. */
export interface NormalizedUsage {
  /** The model that answered, as the response states it; null where it does not. */
  model: string | null;
  /**
   * The tier that served the call: `standard`, `batch`, `flex`, `priority`, `fast`, …; null where
   * the response does not say. A surcharged inference region is a suffix: `standard_us`.
   */
  service_tier: string | null;
  /**
   * Class to quantity, zeros left out. Token classes are whole numbers; unit classes that come with
   * tokens (`web_search`, `second`) are here too.
   */
  classes: Record<string, number>;
  /** Sum of all input-side classes: cache reads, cache writes and every modality included. */
  input_tokens: number;
  /** Sum of all output-side classes, reasoning included. */
  output_tokens: number;
  /** Quantity of a call that is not billed by tokens; never repeated in `classes`. */
  units?: number;
  /** Class of `units`: `second`, `second_720p`, `character`, `image`, `image_<quality>_<size>`. */
  unit_type?: string;
  /**
   * What was odd about the numbers, as `code: what was seen`. Codes: `invalid_count`,
   * `negative_rest`, `total_mismatch`, `unexpected_shape`, `unknown_split`, `unmetered_tool`,
   * `missing_detail`.
   */
  anomalies: string[];
  /** What the provider says it charged, USD, as an exact decimal. */
  provider_cost_usd?: string;
  /**
   * Tokens that the same response spent on another model (Anthropic's advisor, images made by a
   * tool of OpenAI's Responses). They are not part of this record's classes: each is to be recorded
   * as an event of its own.
   */
  additional_usage?: NormalizedUsage[];
  /** The provider's usage object as it came. */
  raw: unknown;
}
