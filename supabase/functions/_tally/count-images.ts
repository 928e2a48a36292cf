import type { ModelTraits } from "./count-models.ts";
import type { ImageSize } from "./count-image-size.ts";

/** Tokens of something that is no text: what is likely, and what a hold assumes. */
export interface TokenRange {
  likely: number;
  upper: number;
}

/** An image of a prompt. */
export interface ImageInput {
  /** Null when it is only referred to by URL or file id. */
  size: ImageSize | null;
  /** What the caller asked for: OpenAI's `detail` or Gemini's media resolution. */
  detail: string | null;
}

/** What is assumed of an image whose size is not known, for the likely count. */
const USUAL_SIZE: ImageSize = { width: 1024, height: 1024 };

/** Input tokens of one image, by its provider's published rule. */
export function countImage(image: ImageInput, traits: ModelTraits): TokenRange {
  switch (traits.family) {
    case "anthropic":
      return countClaudeImage(image, traits);
    case "google":
      return countGeminiImage(image, traits);
    case "xai":
      return countGrokImage(image);
    case "openai":
    case "other":
      return countOpenAIImage(image, traits);
  }
}

/** Base and per-tile tokens of the models that count tiles of 512 pixels. */
const TILE_MODELS: [RegExp, { base: number; tile: number }][] = [
  [/^gpt-4o-mini/, { base: 2833, tile: 5667 }],
  [
    /^(gpt-4o|chatgpt-4o|gpt-4\.5|gpt-4\.1(?!-(mini|nano))|gpt-4-turbo|gpt-4-vision)/,
    { base: 85, tile: 170 },
  ],
  [/^gpt-5(\.1)?(?![.\d]|.*-(mini|nano))/, { base: 70, tile: 140 }],
  [/^(o1|o3)(?!\d)/, { base: 75, tile: 150 }],
  [/^computer-use/, { base: 65, tile: 129 }],
];

/** What the others multiply their patches of 32 pixels with. */
const PATCH_MULTIPLIERS: [RegExp, number][] = [
  [/^(gpt-5(\.4)?-nano|gpt-4\.1-nano)/, 2.46],
  [/^(gpt-5(\.4)?-mini|gpt-4\.1-mini)/, 1.62],
  [/^o4-mini/, 1.72],
];
const USUAL_MULTIPLIER = 1.2;

function countOpenAIImage(
  { size, detail }: ImageInput,
  { name, version }: ModelTraits,
): TokenRange {
  const tiles = TILE_MODELS.find(([pattern]) => pattern.test(name))?.[1];
  if (tiles !== undefined) {
    if (detail === "low") return exactly(tiles.base);
    // Scaled into 2048 x 768, an image never needs more than 4 x 2 tiles.
    return {
      likely: tiles.base + tiles.tile * countTiles(size ?? USUAL_SIZE, false),
      upper: tiles.base +
        tiles.tile * (size === null ? 8 : countTiles(size, true)),
    };
  }
  const multiplier = PATCH_MULTIPLIERS.find(([pattern]) => pattern.test(name))?.[1] ??
    USUAL_MULTIPLIER;
  const limit = patchLimit(name, version, detail);
  const tokens = (patches: number) => Math.ceil(multiplier * patches);
  if (size === null) {
    return {
      likely: tokens(countPatches(USUAL_SIZE, limit)),
      upper: tokens(limit.patches),
    };
  }
  return exactly(tokens(countPatches(size, limit)));
}

/** Tiles after scaling into 2048 x 2048 and to a shortest side of 768; small images may grow to it. */
function countTiles({ width, height }: ImageSize, grows: boolean): number {
  const fit = Math.min(1, 2048 / Math.max(width, height));
  const shortest = Math.min(width, height) * fit;
  const scale = fit * (grows ? 768 / shortest : Math.min(1, 768 / shortest));
  // A very long image that grows would pass 2048 again; four tiles is as long as it gets.
  const along = (side: number) => Math.min(4, Math.ceil(Math.floor(side * scale) / 512) || 1);
  return along(width) * along(height);
}

interface PatchLimit {
  patches: number;
  /** Longest side in pixels. */
  side: number;
}

/** How far an image is scaled down before its patches are counted. */
function patchLimit(name: string, version: number, detail: string | null): PatchLimit {
  if (detail === "low") return { patches: 256, side: 512 };
  if (version < 5.4 || /-(mini|nano)/.test(name)) {
    return { patches: 1_536, side: 2_048 };
  }
  if (detail === "high" || (version === 5.4 && detail !== "original")) {
    return { patches: 2_500, side: 2_048 };
  }
  // From 5.6 on images keep their size, and above 30,000 patches they are refused.
  return version < 5.6 ? { patches: 10_000, side: 6_000 } : { patches: 30_000, side: 65_535 };
}

/** Patches after scaling to the longest side and, where they are still too many, to the budget. */
function countPatches(size: ImageSize, { patches, side }: PatchLimit): number {
  const fit = Math.min(1, side / Math.max(size.width, size.height));
  const [width, height] = [size.width * fit, size.height * fit];
  const count = grid(width, height, 32);
  if (count <= patches) return count;
  const shrink = Math.sqrt((32 ** 2 * patches) / (width * height));
  // The published rule: whole patches along both sides of what is left.
  const whole = (length: number) => Math.max(1, Math.floor(length)) / length;
  const scale = shrink * Math.min(whole(width * shrink / 32), whole(height * shrink / 32));
  return Math.min(patches, grid(Math.floor(width * scale), Math.floor(height * scale), 32));
}

/** A visual token is a patch of 28 pixels; larger images are scaled down to what the model sees. */
function countClaudeImage({ size }: ImageInput, { version }: ModelTraits): TokenRange {
  const limit = version < 4.7 ? { patches: 1_568, side: 1_568 } : { patches: 4_784, side: 2_576 };
  const count = ({ width, height }: ImageSize) => {
    const fit = Math.min(1, limit.side / Math.max(width, height));
    return Math.min(limit.patches, grid(width * fit, height * fit, 28));
  };
  if (size === null) return { likely: count(USUAL_SIZE), upper: limit.patches };
  // The older rule, width x height / 750, comes to up to 5 % more.
  return {
    likely: count(size),
    upper: Math.min(limit.patches, Math.ceil(count(size) * 1.05)),
  };
}

const GEMINI_TILE = 258;
const GEMINI_3_BY_RESOLUTION: [RegExp, number][] = [
  [/ultra/, 2_240],
  [/high/, 1_120],
  [/medium/, 560],
  [/low/, 280],
];

function countGeminiImage({ size, detail }: ImageInput, { version }: ModelTraits): TokenRange {
  if (version >= 3) {
    const resolution = detail?.toLowerCase() ?? "high";
    const tokens = GEMINI_3_BY_RESOLUTION.find(([pattern]) => pattern.test(resolution))?.[1];
    return exactly(tokens ?? 1_120);
  }
  if (size === null) {
    return { likely: 4 * GEMINI_TILE, upper: 16 * GEMINI_TILE };
  }
  const { width, height } = size;
  if (width <= 384 && height <= 384) return exactly(GEMINI_TILE);
  // Tiles are two thirds of the shorter side, between 256 and 768 pixels; the guide's older text
  // has them always 768.
  const unit = Math.min(
    768,
    Math.max(256, Math.floor(Math.min(width, height) / 1.5)),
  );
  const tiles = grid(width, height, unit);
  return {
    likely: Math.min(16, tiles) * GEMINI_TILE,
    upper: Math.max(tiles, grid(width, height, 768)) * GEMINI_TILE,
  };
}

/** Tiles of 448 pixels with 256 tokens each, at most six, and one of the whole image. */
function countGrokImage({ size, detail }: ImageInput): TokenRange {
  if (detail === "low") return exactly(256);
  const tiles = ({ width, height }: ImageSize) => Math.min(6, grid(width, height, 448));
  return { likely: 256 * (tiles(size ?? USUAL_SIZE) + 1), upper: 256 * 7 };
}

function grid(width: number, height: number, unit: number): number {
  return Math.max(1, Math.ceil(width / unit)) *
    Math.max(1, Math.ceil(height / unit));
}

function exactly(tokens: number): TokenRange {
  return { likely: tokens, upper: tokens };
}
