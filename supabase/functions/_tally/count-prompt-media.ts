import type { MediaInput } from "./count-media.ts";
import { isJsonObject, type JsonObject } from "./read-body.ts";

/** The media of a content part, and the key that holds it. */
export function findMedia(part: JsonObject): { media: MediaInput; key: string } | null {
  const detail = typeof part.detail === "string" ? part.detail : resolutionOf(part.mediaResolution);
  const found = (key: string, kind: MediaInput["kind"], source: unknown, asked = detail) => ({
    key,
    media: { kind, data: dataOf(source), detail: asked },
  });
  const { type } = part;
  if (type === "image_url" && isJsonObject(part.image_url)) {
    const asked = part.image_url.detail;
    return found(
      "image_url",
      "image",
      part.image_url.url,
      typeof asked === "string" ? asked : null,
    );
  }
  if (type === "input_image") {
    return found(part.file_id === undefined ? "image_url" : "file_id", "image", part.image_url);
  }
  if (type === "input_audio" && isJsonObject(part.input_audio)) {
    return found("input_audio", "audio", part.input_audio.data);
  }
  if (type === "file" && isJsonObject(part.file)) {
    return found("file", "document", part.file.file_data);
  }
  if (type === "input_file") {
    const key = ["file_data", "file_url", "file_id"].find((name) => typeof part[name] === "string");
    return key === undefined ? null : found(key, "document", part.file_data);
  }
  if ((type === "image" || type === "document") && isJsonObject(part.source)) {
    // A document of plain text or of content blocks is read as what it is.
    if (part.source.type === "text" || part.source.type === "content") {
      return null;
    }
    return found("source", type, part.source.data);
  }
  const source = ["data", "uri"].find((key) => typeof part[key] === "string");
  if (source !== undefined && isMediaKind(type)) {
    const asked = typeof part.resolution === "string" ? part.resolution : detail;
    return found(source, type, part.data, asked);
  }
  for (const key of ["inlineData", "inline_data", "fileData", "file_data"]) {
    const source = part[key];
    if (!isJsonObject(source)) continue;
    const mime = String(source.mimeType ?? source.mime_type ?? "");
    if (mime.startsWith("text/")) return null;
    const kind = mime.split("/", 1)[0];
    return found(key, isMediaKind(kind) ? kind : "document", source.data);
  }
  return null;
}

function isMediaKind(kind: unknown): kind is MediaInput["kind"] {
  return kind === "image" || kind === "audio" || kind === "video" ||
    kind === "document";
}

/** Base64 data, also out of a data URL; null for any other address. */
function dataOf(source: unknown): string | null {
  if (typeof source !== "string" || /^(https?|gs|file):/.test(source)) {
    return null;
  }
  return source.startsWith("data:") ? source.slice(source.indexOf(",") + 1) : source;
}

function resolutionOf(resolution: unknown): string | null {
  if (typeof resolution === "string") return resolution;
  return isJsonObject(resolution) && typeof resolution.level === "string" ? resolution.level : null;
}
