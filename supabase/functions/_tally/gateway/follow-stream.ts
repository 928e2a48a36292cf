import { createStreamAccumulator } from "../accumulate-stream.ts";
import type { UsageApi, UsageRequest } from "../normalize-usage.ts";
import { isJsonObject, type JsonObject } from "../read-body.ts";
import type { StreamReader } from "./adapter.ts";

/** What is particular to the streams of one endpoint. */
export interface StreamFormat {
  provider: string;
  api: UsageApi;
  /** What the request said, where the usage depends on it. */
  request?: UsageRequest;
  /** Whether an event carries usage and nothing else. */
  isUsageOnly?: (event: JsonObject) => boolean;
  /** Whether nothing comes after an event. */
  isLast?: (event: JsonObject) => boolean;
}

/** Reads the frames of a stream in any of the wire formats whose usage is understood. */
export function followStream(
  { provider, api, request, ...format }: StreamFormat,
): StreamReader {
  let text = "";
  const accumulator = createStreamAccumulator(provider, {
    api,
    ...(request !== undefined && { request }),
    onText: (piece) => {
      text += piece;
    },
  });
  return {
    read(data) {
      const event = parseEvent(data);
      if (event === null) {
        return { isUsageOnly: false, isLast: data === "[DONE]", text: "" };
      }
      text = "";
      accumulator.push(event);
      return {
        isUsageOnly: format.isUsageOnly?.(event) ?? false,
        isLast: format.isLast?.(event) ?? false,
        text,
      };
    },
    end(isCut) {
      const { usage, model, complete } = accumulator.finish({ aborted: isCut });
      return { usage, model, isComplete: complete };
    },
  };
}

/** Null for `[DONE]` and for whatever is no JSON object. */
function parseEvent(data: string): JsonObject | null {
  if (!data.startsWith("{")) return null;
  try {
    const event: unknown = JSON.parse(data);
    return isJsonObject(event) ? event : null;
  } catch {
    return null;
  }
}
