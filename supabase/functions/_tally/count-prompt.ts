import type { MediaInput } from "./count-media.ts";
import { findMedia } from "./count-prompt-media.ts";
import { TallyError } from "./errors.ts";
import { isJsonObject, type JsonObject } from "./read-body.ts";

/** A request's prompt, taken apart for counting. */
export interface PromptParts {
  /** Everything the model reads as text, each tokenized apart from the others. */
  texts: string[];
  media: MediaInput[];
  /** Messages, turns or items: each costs a few tokens around it. */
  messages: number;
  /** Messages that name their author, which costs one more. */
  names: number;
  /** Function declarations. */
  tools: JsonObject[];
  /** Tools that the provider runs: their prompts and results are not in the request. */
  hostedTools: JsonObject[];
  /** Whether an hour-long cache is asked for, which is billed by its own class. */
  cachesForAnHour: boolean;
}

/** Keys of a request that hold its prompt, in the four providers' formats. */
const TURNS = ["messages", "input", "contents"];
const INSTRUCTIONS = ["system", "instructions", "systemInstruction", "system_instruction"];
const OUTPUT_FORMATS = ["response_format", "text", "output_config", "output_format"];
const SCHEMAS = ["responseSchema", "responseJsonSchema", "response_schema", "response_json_schema"];
/** No provider's format comes near it; what is deeper would exhaust the stack. */
const DEEPEST = 256;

/**
 * Reads the prompt of a request in the format of OpenAI (chat and responses), Anthropic or Gemini.
 * Parts that are not known count as the text in them, so nothing is left out.
 *
 * @throws {TallyError} PT400 for a prompt nested deeper than any provider takes.
 */
export function readPrompt(body: JsonObject): PromptParts {
  refuseDeepNesting(body);
  const parts: PromptParts = {
    texts: [],
    media: [],
    messages: 0,
    names: 0,
    tools: [],
    hostedTools: [],
    cachesForAnHour: false,
  };
  for (const key of TURNS) readTurns(body[key], parts);
  for (const key of INSTRUCTIONS) {
    if (body[key] === undefined || body[key] === null) continue;
    parts.messages++;
    if (isJsonObject(body[key])) readMessage(body[key], parts);
    else readContent(body[key], parts);
  }
  for (const tools of [body.tools, body.functions]) {
    for (const tool of Array.isArray(tools) ? tools : []) readTool(tool, parts);
  }
  const formats = OUTPUT_FORMATS.map((key) => body[key]);
  for (const config of [body.generationConfig, body.generation_config]) {
    if (isJsonObject(config)) formats.push(...SCHEMAS.map((key) => config[key]));
  }
  for (const format of formats) {
    if (isJsonObject(format)) parts.texts.push(JSON.stringify(format));
  }
  return parts;
}

function refuseDeepNesting(body: JsonObject): void {
  let level: unknown[] = [body];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) {
      throw new TallyError(
        "PT400",
        `The prompt is nested more than ${DEEPEST} levels deep.`,
        { hint: "Send nested data as text instead." },
      );
    }
    level = level.flatMap((value) =>
      value !== null && typeof value === "object" ? Object.values(value) : []
    );
  }
}

function readTurns(turns: unknown, parts: PromptParts): void {
  for (const turn of Array.isArray(turns) ? turns : [turns]) {
    if (turn === undefined || turn === null) continue;
    parts.messages++;
    if (isJsonObject(turn)) readMessage(turn, parts);
    else readContent(turn, parts);
  }
}

function readMessage(message: JsonObject, parts: PromptParts): void {
  const { role, name, ...rest } = message;
  if (typeof role === "string") parts.texts.push(role);
  if (typeof name === "string") {
    parts.texts.push(name);
    if (role !== undefined) parts.names++;
  }
  readContent(rest, parts);
}

/** Keys that steer the request and are not shown to the model. */
const UNREAD = new Set([
  "type",
  "cache_control",
  "detail",
  "mediaResolution",
  "resolution",
  "signature",
  "status",
  "index",
]);

/** Keys whose objects are more content. Others, such as arguments of functions, are shown as JSON. */
const CONTAINERS = new Set([
  "content",
  "parts",
  "source",
  "output",
  "summary",
  "tool_calls",
  "function",
  "function_call",
  "functionCall",
  "functionResponse",
]);

function readContent(content: unknown, parts: PromptParts): void {
  if (typeof content === "string") {
    parts.texts.push(content);
  } else if (typeof content === "number" || typeof content === "boolean") {
    parts.texts.push(String(content));
  } else if (Array.isArray(content)) {
    for (const part of content) readContent(part, parts);
  } else if (isJsonObject(content)) {
    if (isJsonObject(content.cache_control) && content.cache_control.ttl === "1h") {
      parts.cachesForAnHour = true;
    }
    const found = findMedia(content);
    if (found !== null) parts.media.push(found.media);
    for (const [key, value] of Object.entries(content)) {
      if (UNREAD.has(key) || key === found?.key || value === null) continue;
      if (typeof value !== "object" || CONTAINERS.has(key)) readContent(value, parts);
      else parts.texts.push(JSON.stringify(value));
    }
  }
}

function readTool(tool: unknown, parts: PromptParts): void {
  if (!isJsonObject(tool)) return;
  const declarations = tool.functionDeclarations ?? tool.function_declarations;
  if (Array.isArray(declarations)) {
    for (const declaration of declarations) {
      if (isJsonObject(declaration)) parts.tools.push(declaration);
    }
  } else if (isJsonObject(tool.function)) {
    parts.tools.push(tool.function);
  } else if (tool.type === "function" || (tool.parameters ?? tool.input_schema) !== undefined) {
    parts.tools.push(tool);
  } else {
    parts.hostedTools.push(tool);
  }
}
