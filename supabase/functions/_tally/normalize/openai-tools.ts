import { readOpenAiTokens } from "./openai-tokens.ts";
import {
  addClass,
  asArray,
  asRecord,
  asText,
  createDraft,
  type Draft,
  firstField,
  isRecord,
  type JsonRecord,
  readCount,
} from "./read-values.ts";
import type { UsageApi } from "./types.ts";

/** Class of each counter of tools that ran on the provider's side; null: only its tokens are billed. */
const TOOL_COUNTERS = new Map<string, string | null>([
  ["web_search_calls", "web_search"],
  ["x_search_calls", "x_search"],
  ["code_interpreter_calls", "code_execution"],
  ["file_search_calls", "collections_search"],
  ["document_search_calls", "attachment_search"],
  ["mcp_calls", null],
  ["web_search_requests", "web_search"], // OpenRouter
]);

/** What the provider's own tools did and bills one by one. */
export function readTools(
  draft: Draft,
  usage: JsonRecord,
  owner: JsonRecord,
  api: UsageApi,
): void {
  const details = firstField(usage, ["server_side_tool_usage_details", "server_tool_use"]);
  if (isRecord(details)) {
    for (const [key, value] of Object.entries(details)) {
      const counter = key.slice(0, 40);
      const calls = readCount(draft, value, counter);
      const name = TOOL_COUNTERS.get(counter);
      if (name) addClass(draft, name, calls);
      else if (calls > 0 && name === undefined) {
        draft.anomalies.push(`unmetered_tool: ${counter} ${calls}`);
      }
    }
    return;
  }
  const toolUsage = asRecord(owner["tool_usage"]);
  if (isRecord(toolUsage["image_gen"])) readImageTool(draft, toolUsage["image_gen"], owner);
  let searches = 0;
  for (const item of asArray(owner["output"])) {
    const { type, action } = asRecord(item);
    // Only searching is charged; opening a page and looking inside it are not.
    const step = asRecord(action)["type"] ?? "search";
    if (type === "web_search_call" && step === "search") searches += 1;
    if (type === "file_search_call") addClass(draft, "file_search", 1);
    if (type === "code_interpreter_call") {
      draft.anomalies.push("unmetered_tool: code_interpreter_call, billed by container");
    }
    if (type === "image_generation_call" && !isRecord(toolUsage["image_gen"])) {
      draft.anomalies.push("unmetered_tool: image_generation_call without tool_usage");
    }
  }
  const stated = asRecord(toolUsage["web_search"])["num_requests"];
  addClass(draft, "web_search", readCount(draft, stated ?? searches, "num_requests"));
  // These chat models search before every answer and bill it; their usage does not say so.
  if (api === "chat" && /-search-(preview|api)\b/.test(asText(owner["model"]) ?? "")) {
    addClass(draft, "web_search", 1);
  }
}

/** Images made by a tool of the Responses API: another model's tokens, in no other count. */
function readImageTool(draft: Draft, usage: JsonRecord, owner: JsonRecord): void {
  const other = createDraft();
  readOpenAiTokens(other, usage, "images", "openai");
  if (Object.keys(other.classes).length === 0) return;
  const tool = asArray(owner["tools"]).map(asRecord).find((entry) =>
    entry["type"] === "image_generation"
  );
  draft.others.push({ model: asText(tool?.["model"]), draft: other, raw: usage });
}
