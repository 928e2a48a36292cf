import {
  asArray,
  asRecord,
  asText,
  type Draft,
  isRecord,
  type JsonRecord,
  readQuantity,
  readTicks,
} from "./read-values.ts";
import type { UsageApi, UsageRequest } from "./types.ts";

/**
 * Units of answers that state no tokens: images by how many came back, audio and video by their
 * seconds, speech by its characters. Leaves the draft without units where nothing can be counted.
 */
export function readUnits(
  draft: Draft,
  usage: JsonRecord,
  owner: JsonRecord,
  request: UsageRequest,
  api: UsageApi | undefined,
): void {
  const images = listImages(owner);
  const seconds = usage["seconds"] ?? owner["duration"] ?? owner["durationInSeconds"] ??
    request.seconds;
  if (images !== null) {
    setUnits(draft, images.length, imageClass(request));
  } else if (owner["object"] === "video" || isRecord(owner["video"]) || api === "video") {
    readVideo(draft, owner, request);
  } else if (api === "images") {
    setUnits(draft, request.n, imageClass(request));
  } else if (api === "speech") {
    const characters = request.input === undefined ? undefined : [...request.input].length;
    setUnits(draft, request.characters ?? characters, "character");
  } else if (api === "transcription" || typeof owner["text"] === "string") {
    setUnits(draft, seconds, "second");
  }
  draft.cost = readTicks(usage);
}

/** Seconds of a finished video; one that failed or is still being made costs nothing. */
function readVideo(draft: Draft, owner: JsonRecord, request: UsageRequest): void {
  const status = asText(owner["status"]) ?? "completed";
  if (status !== "completed" && status !== "done") return;
  const seconds = owner["seconds"] ?? asRecord(owner["video"])["duration"] ?? request.seconds;
  const lines = /^(?:(\d+)x)?(\d+)(?:p|$)/i.exec(asText(owner["size"]) ?? request.size ?? "");
  const shorter = lines === null ? null : Math.min(Number(lines[1] ?? lines[2]), Number(lines[2]));
  const type = shorter === null ? "second" : shorter >= 2160 ? "second_4k" : `second_${shorter}p`;
  setUnits(draft, seconds, /4k/i.test(request.size ?? "") ? "second_4k" : type);
  if (draft.units !== undefined) draft.units *= request.n ?? 1;
}

function setUnits(draft: Draft, amount: unknown, type: string): void {
  if (amount === undefined || amount === null) return;
  draft.units = readQuantity(draft, amount, type);
  draft.unit_type = type;
}

/**
 * The class of an image of stated size or quality, the other at the API's default, which is also what
 * quality `auto` means for models priced by the piece. A size that the provider chose is not known.
 */
function imageClass({ size, quality: asked }: UsageRequest): string {
  const quality = asked?.toLowerCase() === "auto" ? undefined : asked;
  const isStated = size !== undefined || quality !== undefined;
  const name = `image_${quality ?? "standard"}_${size ?? "1024x1024"}`.toLowerCase();
  return isStated && /^[a-z0-9_]{1,40}$/.test(name) && !name.includes("auto") ? name : "image";
}

/** The images of an answer of OpenAI, xAI (`data`), Imagen (`predictions`, `generatedImages`). */
function listImages(owner: JsonRecord): readonly unknown[] | null {
  const list = owner["data"] ?? owner["generatedImages"] ?? owner["predictions"];
  if (!Array.isArray(list)) return null;
  const images = asArray(list).filter((entry) => {
    const { url, b64_json, image, bytesBase64Encoded } = asRecord(entry);
    return (url ?? b64_json ?? image ?? bytesBase64Encoded) !== undefined;
  });
  return images.length === list.length && ("created" in owner || images.length > 0) ? images : null;
}
