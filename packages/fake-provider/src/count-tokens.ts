import type { Call, JsonObject } from "./dialect.ts";
import { totalInput } from "./plan-answer.ts";

/** An endpoint that only counts what it reads, for free. A string: what is wrong with the body. */
export function countTokens(
  request: Pick<Call, "model" | "prompt" | "messages"> | string,
  reply: (inputTokens: number) => JsonObject,
): Call | string {
  if (typeof request === "string") return request;
  const { model, prompt, messages } = request;
  return {
    model,
    prompt,
    messages,
    stream: false,
    withoutOutput: true,
    free: true,
    reply: ({ answer }) => reply(totalInput(answer.classes)),
  };
}
