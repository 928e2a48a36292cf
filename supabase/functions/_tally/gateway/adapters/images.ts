import type { ProviderName } from "../../env.ts";
import { normalizeUsage, type UsageRequest } from "../../normalize-usage.ts";
import { isJsonObject, type JsonObject } from "../../read-body.ts";
import type { CallRequest, EndpointAdapter, PreparedRequest } from "../adapter.ts";
import { followStream } from "../follow-stream.ts";
import { readCount, readFlag, requireModel } from "../read-fields.ts";

/** Images that one request can ask for. */
const MAX_IMAGES = 10;
/** Output tokens of a square image, by quality, as OpenAI states them; a larger one takes more. */
const SQUARE_TOKENS: Record<string, number> = {
  low: 272,
  medium: 1_056,
  high: 4_160,
};
/** A size that is left to the model is one of the wide ones at most. */
const LARGEST_USUAL_AREA = 1_536 * 1_024;
const PARTIAL_IMAGE_TOKENS = 100;
/** What an image to edit comes to at high fidelity, at most. */
const INPUT_IMAGE_TOKENS = { likely: 1_500, upper: 6_500 };

/** Images are billed by tokens by the models of this name, by the piece by all others. */
const BY_TOKENS = /^(gpt-image|chatgpt-image)/;

/** `POST /v1/images/generations` and `/v1/images/edits` of OpenAI and xAI. */
export function images(
  provider: ProviderName,
  path: "/images/generations" | "/images/edits",
): EndpointAdapter {
  return {
    method: "POST",
    path,
    operation: path.slice(1).replace("/", "."),
    body: path === "/images/edits" ? "json or form" : "json",
    isFree: false,
    prepare: (request) => prepare(provider, path, request),
    readAnswer: (answer, { prompt }) => ({
      model: isJsonObject(answer) && typeof answer.model === "string" ? answer.model : null,
      usage: normalizeUsage(provider, answer, {
        api: "images",
        request: usageRequest(provider, prompt),
      }),
      text: "",
    }),
    createStreamReader: ({ prompt }) =>
      followStream({
        provider,
        api: "images",
        request: usageRequest(provider, prompt),
        isLast: ({ type }) => /^image_(generation|edit)\.completed$/.test(String(type)),
      }),
  };
}

function prepare(
  provider: ProviderName,
  path: string,
  { body, fields, files }: CallRequest,
): PreparedRequest {
  const model = requireModel(fields);
  const count = readCount(fields, "n", MAX_IMAGES) ?? 1;
  const partial = typeof fields.partial_images === "number" ? fields.partial_images : 0;
  const isByTokens = BY_TOKENS.test(model);
  const inputs = countInputs(fields, files.length);
  const bySize = normalizeUsage(provider, null, {
    api: "images",
    request: usageRequest(provider, fields),
  });
  const units = isByTokens || bySize?.unit_type === undefined
    ? null
    : { amount: count, type: bySize.unit_type };
  return {
    model,
    isStream: readFlag(fields, "stream"),
    upstreamPath: path,
    body,
    prompt: { ...sizeOf(fields), input: fields.prompt },
    unseenTokens: {
      likely: isByTokens ? inputs * INPUT_IMAGE_TOKENS.likely : 0,
      upper: isByTokens ? inputs * INPUT_IMAGE_TOKENS.upper : 0,
    },
    maxOutputTokens: isByTokens
      ? count * (imageTokens(fields) + partial * PARTIAL_IMAGE_TOKENS)
      : 0,
    units,
    classes: isByTokens ? ["output_image", ...(inputs > 0 ? ["input_image"] : [])] : [],
    serviceTier: null,
    hidesUsage: false,
    assumed: units === null
      ? { classes: { output_image: count * imageTokens(fields) } }
      : { classes: {}, units: count, unit_type: units.type },
  };
}

/** What the price of a request's images depends on. */
function sizeOf({ model, n, size, quality, resolution }: JsonObject): JsonObject {
  return { model, n, size, quality, resolution };
}

function usageRequest(provider: ProviderName, fields: JsonObject): UsageRequest {
  const { n, size, quality } = provider === "xai" ? asSized(fields) : fields;
  return {
    n: typeof n === "number" ? n : 1,
    ...(typeof size === "string" && { size }),
    ...(typeof quality === "string" && { quality }),
  };
}

/** xAI's sizes are resolutions, `1.5k`, and the models that have qualities make low ones by default. */
function asSized({ model, n, quality, resolution }: JsonObject): JsonObject {
  if (typeof resolution !== "string" && typeof quality !== "string") return { n };
  return {
    n,
    size: String(resolution ?? "1k").replace(".", "_"),
    quality: quality ?? (/image-2/.test(String(model)) ? "low" : "standard"),
  };
}

function imageTokens({ size, quality }: JsonObject): number {
  const [, width, height] = /^(\d{2,5})x(\d{2,5})$/.exec(String(size)) ?? [];
  const area = width === undefined ? LARGEST_USUAL_AREA : Number(width) * Number(height);
  const square = SQUARE_TOKENS[String(quality)] ??
    (SQUARE_TOKENS.high as number);
  return Math.ceil(square * Math.max(1, area / 1_024 ** 2));
}

/** Images that are sent along: as files, or as references in JSON. */
function countInputs(
  { image, images, mask }: JsonObject,
  files: number,
): number {
  const listed = [image, images, mask].flat().filter((value) =>
    typeof value === "string" || isJsonObject(value)
  );
  return files + listed.length;
}
