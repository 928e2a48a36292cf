import type { Estimate } from "./types.ts";

/** Tokens to hold for an image, a sound or a file in a prompt, whose bytes say nothing of its tokens. */
const attachmentTokens = 2_000;

const limits = ["max_completion_tokens", "max_output_tokens", "max_tokens"] as const;

/**
 * What a request can come to at most, without a tokenizer: texts of every language and code have
 * fewer tokens than half their bytes.
 */
export function estimateRequest(
  body: Record<string, unknown>,
  operation: string,
  defaultOutputTokens: number,
): Estimate | undefined {
  const { model, input, n } = body;
  // Paid by the second of a file whose length nobody has told us: only a quota that is used up refuses.
  if (operation === "transcription" && /^whisper/.test(String(model))) return undefined;
  if (operation === "speech" && /^tts-/.test(String(model)) && typeof input === "string") {
    return { units: Array.from(input).length, unitType: "character" };
  }
  if (operation === "image" && /^dall-e/.test(String(model))) {
    return { units: Number(n ?? 1), unitType: "image" };
  }
  const counted = { bytes: 0, attachments: 0 };
  count(body, counted);
  const inputTokens = Math.ceil(counted.bytes / 2) + counted.attachments * attachmentTokens;
  const maxOutputTokens = operation === "embedding" ? 0 : maxOutputOf(body, defaultOutputTokens);
  return { inputTokens, maxOutputTokens };
}

function maxOutputOf(body: Record<string, unknown>, otherwise: number): number {
  const config = (body.generationConfig ?? {}) as Record<string, unknown>;
  const stated = [...limits.map((name) => body[name]), config.maxOutputTokens];
  const limit = stated.find((value) => typeof value === "number");
  const answers = [body.n, config.candidateCount].find((value) => typeof value === "number");
  return Number(limit ?? otherwise) * Number(answers ?? 1);
}

function count(value: unknown, counted: { bytes: number; attachments: number }): void {
  if (typeof value === "string") {
    if (isAttachment(value)) counted.attachments++;
    else counted.bytes += new TextEncoder().encode(value).length;
  } else if (typeof value === "object" && value !== null) {
    for (const [name, entry] of Object.entries(value)) {
      if (!Array.isArray(value)) counted.bytes += name.length;
      count(entry, counted);
    }
  }
}

/** A data URL, or base64 as long as no word is. */
function isAttachment(text: string): boolean {
  return /^data:[\w/+.-]+;base64,/.test(text) || /^[\w+/-]{1000,}={0,2}$/.test(text);
}
