import { countImage, type TokenRange } from "./count-images.ts";
import type { ModelTraits } from "./count-models.ts";
import { readImageSize } from "./count-image-size.ts";

/** A part of a prompt that is no text. */
export interface MediaInput {
  kind: "image" | "audio" | "video" | "document";
  /** Base64 where the prompt carries it; null for a URL or a file id. */
  data: string | null;
  /** OpenAI's `detail` or Gemini's media resolution, where one is asked for. */
  detail: string | null;
}

/** Input tokens of a part, by its provider's rule where its size can be told, else by assumption. */
export function countMedia(media: MediaInput, traits: ModelTraits): TokenRange {
  switch (media.kind) {
    case "image":
      return countImage({
        size: media.data === null ? null : readImageSize(media.data),
        detail: media.detail,
      }, traits);
    case "audio":
      return perSecond(audioSeconds(media.data), traits.family === "openai" ? 10 : 32);
    case "video":
      return perSecond(videoSeconds(media.data), videoRate(media, traits));
    case "document":
      return countDocument(media.data, traits);
  }
}

/** Assumed where a file is only referred to, in seconds and pages. */
const REFERRED_SECONDS: TokenRange = { likely: 60, upper: 600 };
const REFERRED_PAGES: TokenRange = { likely: 10, upper: 100 };

function perSecond(seconds: TokenRange, rate: number): TokenRange {
  return { likely: Math.ceil(seconds.likely * rate), upper: Math.ceil(seconds.upper * rate) };
}

/** The time that a WAV states; for compressed audio what 128 kbit/s and 8 kbit/s come to. */
function audioSeconds(data: string | null): TokenRange {
  if (data === null) return REFERRED_SECONDS;
  const bytes = decodedBytes(data);
  const rate = wavByteRate(data);
  if (rate !== null) return { likely: bytes / rate, upper: bytes / rate };
  return { likely: bytes / 16_000, upper: bytes / 1_000 };
}

/** What 2 Mbit/s and 128 kbit/s come to: no container format is read here. */
function videoSeconds(data: string | null): TokenRange {
  if (data === null) return REFERRED_SECONDS;
  const bytes = decodedBytes(data);
  return { likely: bytes / 250_000, upper: bytes / 16_000 };
}

/** Gemini samples one frame a second, beside 32 tokens of sound. */
function videoRate({ detail }: MediaInput, { version }: ModelTraits): number {
  const wantsDetail = /high/i.test(detail ?? "");
  if (version >= 3) return (wantsDetail ? 280 : 70) + 32;
  return (/low/i.test(detail ?? "") ? 66 : 258) + 32;
}

/** Text of a dense page, as Anthropic states it: 1,500 to 3,000 tokens. */
const PAGE_TEXT: TokenRange = { likely: 1_500, upper: 3_000 };
const GEMINI_PAGE: TokenRange = { likely: 560, upper: 1_120 };
const GEMINI_PAGE_BEFORE_3: TokenRange = { likely: 258, upper: 258 };

/** A page is billed as its picture, and by most as its text too. */
function countDocument(data: string | null, traits: ModelTraits): TokenRange {
  const pages = data === null ? REFERRED_PAGES : countPages(data);
  const page = pageTokens(traits);
  return { likely: pages.likely * page.likely, upper: pages.upper * page.upper };
}

function pageTokens(traits: ModelTraits): TokenRange {
  if (traits.family === "google") {
    return traits.version >= 3 ? GEMINI_PAGE : GEMINI_PAGE_BEFORE_3;
  }
  // A letter page at 96 dpi is likely; the model's largest image is the bound.
  const usual = countImage({ size: { width: 816, height: 1056 }, detail: "high" }, traits);
  const largest = countImage({ size: null, detail: "high" }, traits);
  return { likely: PAGE_TEXT.likely + usual.likely, upper: PAGE_TEXT.upper + largest.upper };
}

/** Page objects that are visible in the file; newer files compress them, so size decides as well. */
function countPages(data: string): TokenRange {
  let visible = 0;
  try {
    visible = atob(data).match(/\/Type\s*\/Page(?!s)/g)?.length ?? 0;
  } catch {
    // Not base64: counted by size.
  }
  if (visible > 0) return { likely: visible, upper: visible };
  const bytes = decodedBytes(data);
  return { likely: Math.ceil(bytes / 50_000), upper: Math.ceil(bytes / 5_000) };
}

function wavByteRate(data: string): number | null {
  try {
    const header = atob(data.slice(0, 44));
    if (!header.startsWith("RIFF") || header.slice(8, 12) !== "WAVE") {
      return null;
    }
    const bytes = Uint8Array.from(
      header.slice(28, 32),
      (character) => character.charCodeAt(0),
    );
    const rate = new DataView(bytes.buffer).getUint32(0, true);
    return rate > 0 ? rate : null;
  } catch {
    return null;
  }
}

function decodedBytes(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return Math.floor((base64.length - padding) * 3 / 4);
}
