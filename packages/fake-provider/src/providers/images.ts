import {
  type Call,
  type Exchange,
  type Frame,
  type JsonObject,
  limitOf,
  namedFrame,
} from "../dialect.ts";
import { totalInput } from "../plan-answer.ts";

/** A grey pixel. */
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNoaGj4DwAFhAKAjM1mJgAAAABJRU5ErkJggg==";
/** What one image is billed, and one that is sent along. */
const OUTPUT_TOKENS = 272;
const INPUT_TOKENS = 194;

/** Reads a request for images: by OpenAI's newer models billed by tokens, by all others by the piece. */
export function readImages(body: JsonObject, provider: "openai" | "xai"): Call | string {
  if (typeof body.model !== "string") return "Missing required parameter: 'model'.";
  if (typeof body.prompt !== "string") return "Missing required parameter: 'prompt'.";
  const count = limitOf(body.n, Number(body.n)) ?? 1;
  const isByTokens = body.model.startsWith("gpt-image");
  const sent = [body.image, body["image[]"]].flat().filter(Boolean).length;
  return {
    model: body.model,
    stream: isByTokens && String(body.stream) === "true",
    prompt: body.prompt,
    messages: 0,
    withoutOutput: true,
    bills: isByTokens
      ? { output_image: count * OUTPUT_TOKENS, input_image: sent * INPUT_TOKENS }
      : { image: count, input: 0 },
    reply: (exchange) => imagesReply(exchange, count, isByTokens, provider),
    frames: (exchange) => imageFrames(exchange),
  };
}

function imagesReply(
  exchange: Exchange,
  count: number,
  isByTokens: boolean,
  provider: string,
): JsonObject {
  return {
    created: exchange.now,
    data: Array.from({ length: count }, () =>
      isByTokens ? { b64_json: PIXEL } : { url: `https://images.invalid/${exchange.id}.png` },
    ),
    ...(isByTokens && !exchange.behaviour.omit_usage && { usage: usageOf(exchange) }),
    ...(provider === "xai" && { model: exchange.model }),
  };
}

function imageFrames(exchange: Exchange): Frame[] {
  const shape = { b64_json: PIXEL, size: "1024x1024", quality: "low", background: "opaque" };
  const common = { ...shape, output_format: "png", created_at: exchange.now };
  return [
    namedFrame({ type: "image_generation.partial_image", ...common, partial_image_index: 0 }, true),
    namedFrame({ type: "image_generation.completed", ...common, usage: usageOf(exchange) }),
  ];
}

/** `input_tokens` holds both details; everything that comes out is image. */
function usageOf({ answer: { classes } }: Exchange): JsonObject {
  const input = totalInput(classes);
  return {
    input_tokens: input,
    output_tokens: classes.output_image,
    total_tokens: input + classes.output_image,
    input_tokens_details: { text_tokens: classes.input, image_tokens: classes.input_image },
  };
}
