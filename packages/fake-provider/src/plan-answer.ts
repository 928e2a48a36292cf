import type { BilledClasses } from "./bill.ts";
import type { Behaviour } from "./read-behaviour.ts";

// Each is one token of a real tokenizer, with a space before it or without.
const WORDS = (
  "the meter counts each call once and prices it by the card of its own moment so a budget is " +
  "a budget while teams build fast with models that answer in words tools and numbers every day"
).split(" ");
const UNICODE_WORDS = ["grüße", "東京", "здравей", "🚀", "naïve", "데이터", "café", "🧮"];

/** What the fake model is going to say, and what that costs. */
export interface Answer {
  /** The text in the pieces in which a stream sends it. */
  pieces: string[];
  text: string;
  /** Whether the token limit of the request cut the text. */
  isCut: boolean;
  classes: BilledClasses;
}

/**
 * Counts tokens: one for each word (a long word counts for every 12 characters). That is a little
 * below what a real tokenizer says, so that an upper bound made with one holds here too.
 */
export function countTokens(text: string): number {
  let tokens = 0;
  for (const [word] of text.matchAll(/[\p{L}\p{M}\p{N}]+/gu)) tokens += Math.ceil(word.length / 12);
  return tokens;
}

/** Plans a deterministic answer: the same prompt and behaviour give the same text and usage. */
export function planAnswer(
  prompt: { text: string; messages: number },
  maxTokens: number | undefined,
  behaviour: Behaviour,
): Answer {
  const wanted = behaviour.words ?? 12 + (hash(prompt.text) % 24);
  const reasoning = behaviour.reasoning ?? 0;
  const limit = maxTokens === undefined ? wanted : Math.max(0, maxTokens - reasoning);
  const words = Math.min(wanted, limit);
  const pieces = pickWords(words, hash(prompt.text), behaviour.unicode ? UNICODE_WORDS : WORDS);
  const text = pieces.join("");

  const totalInput = behaviour.input ?? countTokens(prompt.text) + 3 * prompt.messages + 3;
  const cacheRead = Math.min(behaviour.cached ?? 0, totalInput);
  const cacheWrite = behaviour.cache_write ?? 0;
  const cacheWrite1h = behaviour.cache_write_1h ?? 0;
  const inputAudio = behaviour.input_audio ?? 0;
  return {
    pieces,
    text,
    isCut: words < wanted,
    classes: {
      input: Math.max(0, totalInput - cacheRead - cacheWrite - cacheWrite1h - inputAudio),
      cache_read: cacheRead,
      cache_write: cacheWrite,
      cache_write_1h: cacheWrite1h,
      input_audio: inputAudio,
      output: behaviour.output ?? Math.max(words === 0 ? 0 : 1, countTokens(text)),
      reasoning,
      output_audio: behaviour.output_audio ?? 0,
      web_search: behaviour.web_search ?? 0,
      input_image: 0,
      output_image: 0,
      image: 0,
      second: 0,
      character: 0,
    },
  };
}

/** The part of an answer's classes that is due when only `sent` of its pieces left the server. */
export function classesOfPart(answer: Answer, sent: number): BilledClasses {
  const output = countTokens(answer.pieces.slice(0, sent).join(""));
  return { ...answer.classes, output: Math.min(output, answer.classes.output) };
}

/** Everything on the prompt side, cached or not. */
export function totalInput(classes: BilledClasses): number {
  return (
    classes.input +
    classes.cache_read +
    classes.cache_write +
    classes.cache_write_1h +
    classes.input_audio +
    classes.input_image
  );
}

/** Everything on the answer side, reasoning included. */
export function totalOutput(classes: BilledClasses): number {
  return classes.output + classes.reasoning + classes.output_audio + classes.output_image;
}

/** Every string value inside a request body's prompt parts, joined. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(textOf).filter(Boolean).join(" ");
  if (value !== null && typeof value === "object") {
    const {
      role: _role,
      type: _type,
      id: _id,
      data: _data,
      url: _url,
      ...rest
    } = value as Record<string, unknown>;
    return Object.values(rest).map(textOf).filter(Boolean).join(" ");
  }
  return "";
}

function pickWords(count: number, start: number, from: string[]): string[] {
  return Array.from({ length: count }, (_, index) => {
    const word = from[(start + index * 7) % from.length] ?? "";
    return index === 0 ? word : ` ${word}`;
  });
}

/** FNV-1a, for a choice that depends on the prompt and on nothing else. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return value;
}
