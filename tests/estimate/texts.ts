import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A text of the given kind with about so many UTF-8 bytes; the same on each call. */
export interface TextKind {
  name: string;
  make: (bytes: number) => string;
}

/** Every kind of text that has ever been slow or wrong in a tokenizer, and ordinary ones. */
export const TEXT_KINDS: TextKind[] = [
  { name: "prose", make: (bytes) => repeat(readModule("gpt-tokenizer/README.md"), bytes) },
  {
    name: "code",
    make: (bytes) => repeat(readModule("openai/resources/responses/responses.d.ts"), bytes),
  },
  { name: "JSON", make: (bytes) => repeat(readModule("openai/package.json"), bytes) },
  {
    name: "Chinese",
    make: (bytes) => repeat("今天的天气很好，我们去公园散步吧。每个人都很高兴！\n", bytes),
  },
  { name: "random Chinese", make: (bytes) => random(bytes, 3, [0x4e00, 0x9fa5]) },
  {
    name: "Korean",
    make: (bytes) => repeat("오늘은 날씨가 좋아서 공원에 갔습니다. 모두 즐거웠어요.\n", bytes),
  },
  {
    name: "Russian",
    make: (bytes) => repeat("Сегодня хорошая погода, и мы пошли гулять в парк.\n", bytes),
  },
  { name: "Arabic", make: (bytes) => repeat("الطقس جميل اليوم لذلك ذهبنا إلى الحديقة.\n", bytes) },
  { name: "emoji", make: (bytes) => random(bytes, 4, [0x1f300, 0x1f64f]) },
  { name: "one emoji", make: (bytes) => repeat("👩‍👩‍👧‍👦", bytes) },
  { name: "one letter", make: (bytes) => "a".repeat(bytes) },
  { name: "one capital", make: (bytes) => "A".repeat(bytes) },
  { name: "spaces", make: (bytes) => " ".repeat(bytes) },
  { name: "spaces and a word", make: (bytes) => `${" ".repeat(bytes - 4)}word` },
  { name: "line feeds", make: (bytes) => "\n".repeat(bytes) },
  { name: "rules", make: (bytes) => "=".repeat(bytes) },
  { name: "combining marks", make: (bytes) => repeat("\u0301", bytes) },
  { name: "random letters", make: (bytes) => random(bytes, 1, [0x61, 0x7a]) },
  { name: "random words", make: (bytes) => randomWords(bytes) },
  { name: "base64", make: (bytes) => randomOf(bytes, BASE64) },
  { name: "digits", make: (bytes) => random(bytes, 1, [0x30, 0x39]) },
  { name: "punctuation", make: (bytes) => randomOf(bytes, "!@#$%^&*()_+-=[]{}|;:,.<>?") },
];

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function readModule(path: string): string {
  return readFileSync(
    fileURLToPath(new URL(`../../node_modules/${path}`, import.meta.url)),
    "utf8",
  );
}

function repeat(text: string, bytes: number): string {
  const once = Buffer.from(text);
  const repeated = Buffer.alloc(bytes, once);
  // A character cut in two at the end becomes U+FFFD, which no text here contains otherwise.
  return repeated.toString("utf8").replace(/\ufffd$/, "");
}

/** Numbers from 0 to 1, the same row each time. */
function numbers(): () => number {
  let state = 20261123;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function random(bytes: number, width: number, [first, last]: [number, number]): string {
  const next = numbers();
  const characters = Array.from({ length: Math.floor(bytes / width) }, () =>
    String.fromCodePoint(first + Math.floor(next() * (last - first + 1))),
  );
  return characters.join("");
}

function randomOf(bytes: number, alphabet: string): string {
  const next = numbers();
  return Array.from({ length: bytes }, () =>
    alphabet.charAt(Math.floor(next() * alphabet.length)),
  ).join("");
}

function randomWords(bytes: number): string {
  const next = numbers();
  let text = "";
  while (text.length < bytes) {
    const length = 1 + Math.floor(next() * 9);
    for (let at = 0; at < length; at++) text += String.fromCharCode(97 + Math.floor(next() * 26));
    text += " ";
  }
  return text.slice(0, bytes);
}
