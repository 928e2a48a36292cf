import { Tiktoken } from "js-tiktoken/lite";
import o200k from "js-tiktoken/ranks/o200k_base";

const tiktoken = new Tiktoken(o200k);

/** The exact number of o200k tokens, by OpenAI's own algorithm. Quadratic: for short texts only. */
export function exactTokens(text: string): number {
  // No special tokens: a prompt that spells one out is text like any other.
  return tiktoken.encode(text, [], []).length;
}
