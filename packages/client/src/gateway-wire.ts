import type { AIModelRequest } from "./execute-types.ts";
import type { Wire } from "./names.ts";

/** How one provider is spoken to: only what a chat of texts needs. */
export interface ProviderWire {
  path(request: AIModelRequest): string;
  body(request: AIModelRequest): Wire;
  /** The text of an answer in one piece. */
  text(answer: unknown): string;
  /** The text that one event of a stream adds. */
  delta(event: unknown): string;
}

/** Anthropic wants a limit from everybody; this is for callers who set none. */
const anthropicMaxTokens = 4_096;

const openai: ProviderWire = {
  path: ({ provider }) => `${provider}/v1/chat/completions`,
  body: ({ model, messages, temperature, maxTokens, stream }) => ({
    model,
    messages,
    temperature,
    max_completion_tokens: maxTokens,
    ...(stream && { stream: true, stream_options: { include_usage: true } }),
  }),
  text: (answer) => textOf(at(answer, "choices", 0, "message", "content")),
  delta: (event) => textOf(at(event, "choices", 0, "delta", "content")),
};

const anthropic: ProviderWire = {
  path: () => "anthropic/v1/messages",
  body: ({ model, messages, temperature, maxTokens, stream }) => {
    const system = messages.filter(isSystem).map(({ content }) => content);
    return {
      model,
      messages: messages.filter((message) => !isSystem(message)),
      ...(system.length > 0 && { system: system.join("\n\n") }),
      temperature,
      max_tokens: maxTokens ?? anthropicMaxTokens,
      ...(stream && { stream: true }),
    };
  },
  text: (answer) => textOf(at(answer, "content")),
  delta: (event) => textOf(at(event, "delta", "text")),
};

const google: ProviderWire = {
  path: ({ model, stream }) =>
    `google/v1beta/models/${encodeURIComponent(model)}:` +
    (stream ? "streamGenerateContent?alt=sse" : "generateContent"),
  body: ({ messages, temperature, maxTokens }) => {
    const system = messages.filter(isSystem).map(({ content }) => ({ text: content }));
    const contents = messages
      .filter((message) => !isSystem(message))
      .map(({ role, content }) => ({
        role: role === "assistant" ? "model" : role,
        parts: [{ text: content }],
      }));
    return {
      contents,
      ...(system.length > 0 && { systemInstruction: { parts: system } }),
      generationConfig: { temperature, maxOutputTokens: maxTokens },
    };
  },
  text: (answer) => textOf(at(answer, "candidates", 0, "content", "parts")),
  delta: (event) => textOf(at(event, "candidates", 0, "content", "parts")),
};

/** Every provider that {@link Tallybase.executeWithTracking} can speak to. */
export const wires: Readonly<Record<AIModelRequest["provider"], ProviderWire>> = {
  openai,
  anthropic,
  google,
  xai: openai,
};

const isSystem = ({ role }: { role: string }) => role === "system" || role === "developer";

/** The value at a path of a provider's JSON, undefined where there is none. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (found, name) =>
      typeof found === "object" && found !== null
        ? (found as Record<string | number, unknown>)[name]
        : undefined,
    value,
  );
}

/** Text as a string, or as a list of parts of which those that are thoughts are not the answer. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  const parts = content.filter((part) => at(part, "thought") !== true);
  return parts.map((part) => at(part, "text") ?? "").join("");
}
