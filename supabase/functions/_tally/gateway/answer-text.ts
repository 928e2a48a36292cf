import { isJsonObject } from "../read-body.ts";

/** Keys below which the four providers put what was generated. */
const GENERATED = new Set([
  ...[
    "choices",
    "message",
    "content",
    "refusal",
    "reasoning_content",
    "tool_calls",
    "function",
  ],
  ...["output", "text", "summary", "name", "arguments", "thinking", "input"],
  ...["candidates", "parts", "functionCall", "args", "executableCode", "code"],
]);

/**
 * Everything that an answer generated, as text, in any of the four providers' formats: for counting
 * its tokens when the answer states no usage. What is no JSON is its own text.
 */
export function answerText(answer: unknown): string {
  const texts: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value === "string") texts.push(value);
    else if (Array.isArray(value)) value.forEach(walk);
    else if (isJsonObject(value)) {
      for (const [key, part] of Object.entries(value)) {
        if (GENERATED.has(key)) walk(part);
      }
    }
  };
  walk(answer);
  return texts.join("\n");
}
