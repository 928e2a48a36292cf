import { bearerOf, type Dialect } from "../dialect.ts";
import { totalInput } from "../plan-answer.ts";
import { readImages } from "./images.ts";
import { listModels } from "./openai.ts";
import { type ChatVariant, readChat } from "./openai-chat.ts";
import { readResponses } from "./openai-responses.ts";

const xaiChat: ChatVariant = {
  idPrefix: "xai",
  alwaysStreamsUsage: true,
  /** Unlike OpenAI's: reasoning is outside completion_tokens and inside total_tokens. */
  usage({ answer: { classes } }) {
    const prompt = totalInput(classes);
    const completion = classes.output + classes.output_audio;
    return {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion + classes.reasoning,
      prompt_tokens_details: {
        text_tokens: prompt - classes.input_audio,
        audio_tokens: classes.input_audio,
        image_tokens: 0,
        cached_tokens: classes.cache_read,
      },
      completion_tokens_details: {
        reasoning_tokens: classes.reasoning,
        audio_tokens: classes.output_audio,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
      num_sources_used: classes.web_search,
    };
  },
};

export const xai: Dialect = {
  name: "xai",
  hasKey: bearerOf,
  read(path, body) {
    if (path === "/v1/chat/completions") return readChat(body, xaiChat);
    if (path === "/v1/responses") return readResponses(body);
    if (path === "/v1/images/generations") return readImages(body, "xai");
    return null;
  },
  list: (path) => (path === "/v1/models" ? listModels(["grok-4"]) : null),
  error(status, message) {
    return { code: ERROR_CODES[status] ?? "The service is unavailable", error: message };
  },
};

const ERROR_CODES: Record<number, string> = {
  400: "Client specified an invalid argument",
  401: "Unauthenticated",
  403: "The caller does not have permission",
  404: "Some requested entity was not found",
  429: "Some resource has been exhausted",
};
