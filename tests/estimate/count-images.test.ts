import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readImageSize } from "../../supabase/functions/_tally/count-image-size.ts";
import { countImage } from "../../supabase/functions/_tally/count-images.ts";
import { countMedia } from "../../supabase/functions/_tally/count-media.ts";
import { readModelTraits } from "../../supabase/functions/_tally/count-models.ts";
import { IMAGE_HEADERS } from "./image-headers.ts";

function count(provider: string, model: string, size: string, detail: string | null = null) {
  const [width = 0, height = 0] = size.split("x").map(Number);
  return countImage(
    { size: size === "unknown" ? null : { width, height }, detail },
    readModelTraits(provider, model),
  );
}

describe("images by the providers' published examples", () => {
  test.each([
    ["openai", "gpt-4o", "1024x1024", null, 765],
    ["openai", "gpt-4o", "2048x4096", "high", 1_105],
    ["openai", "gpt-4o", "4096x8192", "low", 85],
    ["openai", "gpt-4o", "512x512", null, 255],
    ["openai", "gpt-4o-mini", "1024x1024", null, 2_833 + 4 * 5_667],
    ["openai", "o3", "1024x1024", null, 75 + 4 * 150],
    ["openai", "gpt-5", "1024x1024", null, 70 + 4 * 140],
    ["openai", "gpt-4.1-mini", "1024x1024", null, Math.ceil(1_024 * 1.62)],
    ["openai", "gpt-4.1-mini", "1800x2400", null, Math.ceil(1_452 * 1.62)],
    ["openai", "gpt-5-nano", "1800x2400", null, Math.ceil(1_452 * 2.46)],
    ["openai", "o4-mini", "1024x1024", null, Math.ceil(1_024 * 1.72)],
    ["openai", "gpt-6-astra", "640x480", "high", 360],
    ["openai", "gpt-6-astra", "640x480", "low", 231],
    ["openai", "gpt-6-astra", "3200x960", null, 3_600],
    ["openai", "gpt-6-astra", "1280x720", "low", 173],
    ["anthropic", "claude-opus-4-8", "1000x1000", null, 1_296],
    ["anthropic", "claude-sonnet-4-6", "200x200", null, 64],
    ["google", "gemini-2.5-flash", "384x384", null, 258],
    ["google", "gemini-2.5-flash", "960x540", null, 6 * 258],
    ["google", "gemini-3-pro-preview", "9000x9000", null, 1_120],
    ["google", "gemini-3-pro-preview", "100x100", "MEDIA_RESOLUTION_LOW", 280],
    ["google", "gemini-3-pro-preview", "100x100", "media_resolution_ultra_high", 2_240],
    ["xai", "grok-4.5", "448x448", null, 2 * 256],
  ])("%s %s %s %s: %i", (provider, model, size, detail, tokens) => {
    expect(count(provider, model, size, detail).likely).toBe(tokens);
  });

  test("the largest image a model sees is the bound for one of unknown size", () => {
    const models: [string, string][] = [
      ["openai", "gpt-4o"],
      ["openai", "gpt-4o-mini"],
      ["openai", "gpt-5.4-mini"],
      ["openai", "gpt-5.5"],
      ["openai", "gpt-6-sol"],
      ["anthropic", "claude-opus-4-7"],
      ["anthropic", "claude-haiku-4-5"],
      ["google", "gemini-3.8-flash"],
      ["xai", "grok-4.7"],
    ];
    const side = fc.integer({ min: 1, max: 20_000 });
    const details = fc.constantFrom(null, "low", "high", "auto");
    fc.assert(
      fc.property(
        fc.constantFrom(...models),
        side,
        side,
        details,
        (model, width, height, detail) => {
          const known = count(...model, `${width}x${height}`, detail);
          const unknown = count(...model, "unknown", detail);
          expect(known.likely).toBeGreaterThan(0);
          expect(known.upper).toBeGreaterThanOrEqual(known.likely);
          expect(unknown.upper).toBeGreaterThanOrEqual(known.upper);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("the size of an image", () => {
  test.each(IMAGE_HEADERS)("is read from a $name", ({ make }) => {
    expect(readImageSize(make(1_234, 567))).toEqual({ width: 1_234, height: 567 });
    expect(readImageSize(make(1, 16_383))).toEqual({ width: 1, height: 16_383 });
  });

  test.each(IMAGE_HEADERS)("of a $name without its end is not guessed", ({ make }) => {
    const whole = make(640, 480);
    for (let length = 0; length < 12; length++) {
      expect(readImageSize(whole.slice(0, length))).toBeNull();
    }
  });

  test("is null for anything else, whatever it is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (data) => {
        const size = readImageSize(data);
        if (size !== null) expect(Math.min(size.width, size.height)).toBeGreaterThan(0);
      }),
    );
    expect(readImageSize("not base64 ☃")).toBeNull();
    expect(readImageSize(Buffer.alloc(64).toString("base64"))).toBeNull();
  });

  test("is read from base64url too", () => {
    const [png] = IMAGE_HEADERS;
    const url = (png?.make(62, 63) ?? "").replaceAll("+", "-").replaceAll("/", "_");
    expect(readImageSize(url)).toEqual({ width: 62, height: 63 });
  });
});

describe("sound, film and documents", () => {
  const gemini = readModelTraits("google", "gemini-2.5-flash");
  const openai = readModelTraits("openai", "gpt-4o-audio-preview");
  const claude = readModelTraits("anthropic", "claude-opus-4-7");
  const media = (kind: "audio" | "video" | "document", bytes: Buffer | null) => ({
    kind,
    data: bytes?.toString("base64") ?? null,
    detail: null,
  });

  test("a WAV lasts as long as it says", () => {
    const wav = Buffer.alloc(44 + 16_000 * 60);
    wav.write("RIFF", "latin1");
    wav.write("WAVE", 8, "latin1");
    wav.writeUInt32LE(16_000, 28);
    expect(countMedia(media("audio", wav), gemini)).toEqual({ likely: 1_921, upper: 1_921 });
    expect(countMedia(media("audio", wav), openai).likely).toBe(601);
  });

  test("what is compressed has a likely and a longest duration", () => {
    const { likely, upper } = countMedia(media("audio", Buffer.alloc(160_000)), gemini);
    expect(likely).toBe(320);
    expect(upper).toBe(5_120);
    const film = countMedia(media("video", Buffer.alloc(2_500_000)), gemini);
    expect(film.likely).toBe(2_900);
    expect(film.upper).toBeGreaterThan(film.likely);
  });

  test("pages are counted where they can be seen", () => {
    const pdf = Buffer.from("%PDF-1.4 /Type /Pages /Type /Page x /Type/Page y /Type /Page");
    expect(countMedia(media("document", pdf), gemini)).toEqual({ likely: 774, upper: 774 });
    expect(countMedia(media("document", pdf), claude).upper).toBe(3 * (3_000 + 4_784));
    expect(countMedia(media("document", Buffer.alloc(100_000)), gemini)).toEqual({
      likely: 2 * 258,
      upper: 20 * 258,
    });
  });

  test("a reference counts as assumed in the documentation", () => {
    expect(countMedia(media("audio", null), gemini)).toEqual({ likely: 1_920, upper: 19_200 });
    expect(countMedia(media("document", null), gemini)).toEqual({ likely: 2_580, upper: 25_800 });
  });
});
