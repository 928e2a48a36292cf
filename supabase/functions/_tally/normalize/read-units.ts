import { asArray, asRecord, type Draft, type JsonRecord, readQuantity } from "./read-values.ts";
import { movePoint, toDecimal } from "./read-values.ts";
import type { UsageApi, UsageRequest } from "./types.ts";

/**
 * Units of answers that state no tokens: images by how many came back, audio by its seconds, speech
 * by its characters. Leaves the draft without units where nothing can be counted.
 */
export function readUnits(
  draft: Draft,
  usage: JsonRecord,
  owner: JsonRecord,
  request: UsageRequest,
  api: UsageApi | undefined,
): void {
  const images = [...asArray(owner["data"]), ...asArray(owner["generatedImages"])].filter(isImage);
  const seconds = usage["seconds"] ?? owner["duration"] ?? request.seconds;
  if (images.length > 0) {
    setUnits(draft, images.length, imageClass(request));
  } else if (api === "images" && request.n !== undefined) {
    setUnits(draft, request.n, imageClass(request));
  } else if (api === "speech" && (request.characters ?? request.input) !== undefined) {
    setUnits(draft, request.characters ?? [...(request.input ?? "")].length, "character");
  } else if (seconds !== undefined && (api === "transcription" || "text" in owner)) {
    setUnits(draft, seconds, "second");
  }
  const ticks = toDecimal(usage["cost_in_usd_ticks"]);
  if (ticks !== undefined && /^\d+$/.test(ticks)) draft.cost = movePoint(ticks, 10);
}

function setUnits(draft: Draft, amount: unknown, type: string): void {
  draft.units = readQuantity(draft, amount, type);
  draft.unit_type = type;
}

/** The class of an image of stated size or quality, the other at the API's default. */
function imageClass({ size, quality }: UsageRequest): string {
  const isStated = size !== undefined || quality !== undefined;
  const name = `image_${quality ?? "standard"}_${size ?? "1024x1024"}`.toLowerCase();
  return isStated && /^[a-z0-9_]{1,40}$/.test(name) && !name.includes("auto") ? name : "image";
}

function isImage(entry: unknown): boolean {
  const { url, b64_json, image } = asRecord(entry);
  return url !== undefined || b64_json !== undefined || image !== undefined;
}
