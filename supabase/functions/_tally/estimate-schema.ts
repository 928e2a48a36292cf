import * as z from "zod";
import { TallyError } from "./errors.ts";

const count = z.int().nonnegative().max(1_000_000_000);
const part = z.record(z.string(), z.unknown());
const parts = z.array(part).min(1);
const instructions = z.union([z.string(), part, parts]);

/** How to say what the input is; a request uses one of them. */
const INPUTS = ["messages", "input", "contents", "input_tokens"] as const;
const ONE_INPUT = `Send one of ${INPUTS.join(", ")}.`;

const schema = z.strictObject({
  provider: z.string().min(1),
  model: z.string().min(1),
  /** Messages of OpenAI's chat or of Anthropic. */
  messages: parts.optional(),
  /** Input of OpenAI's responses or embeddings. */
  input: z.union([z.string(), z.array(z.union([z.string(), part])).min(1)])
    .optional(),
  /** Contents of Gemini. */
  contents: z.union([
    z.string(),
    part,
    z.array(z.union([z.string(), part])).min(1),
  ]).optional(),
  /** A number that the caller knows: nothing is counted. */
  input_tokens: count.optional(),
  /** Anthropic's instructions. */
  system: instructions.optional(),
  /** Those of OpenAI's responses. */
  instructions: instructions.optional(),
  /** Gemini's. */
  systemInstruction: instructions.optional(),
  tools: z.array(part).optional(),
  max_output_tokens: count.optional(),
  organization_id: z.guid().optional(),
});

/** What to estimate. */
export type EstimateRequest = z.infer<typeof schema>;

/**
 * Checks the body of an estimate.
 *
 * @throws {TallyError} PT400 naming the field and the way out.
 */
export function parseEstimateRequest(body: unknown): EstimateRequest {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw toFieldError(parsed.error.issues[0]);
  const given = INPUTS.filter((key) => parsed.data[key] !== undefined);
  if (given.length !== 1) {
    const field = given[1] ?? "messages";
    const problem = given.length === 0
      ? "The request says nothing about its input"
      : `${given.join(" and ")} were sent together`;
    throw new TallyError("PT400", `${problem}.`, { hint: ONE_INPUT, details: field });
  }
  return parsed.data;
}

function toFieldError(issue: z.core.$ZodIssue | undefined): TallyError {
  const path = issue?.path.map(String) ?? [];
  if (issue?.code === "unrecognized_keys") {
    const field = [...path, issue.keys[0]].join(".");
    return new TallyError("PT400", `${field} is not a field of an estimate.`, {
      hint: `Known fields: ${Object.keys(schema.shape).join(", ")}.`,
      details: field,
    });
  }
  const field = path.join(".") || "body";
  const problem = issue?.message.replace(/^Invalid input: /, "") ?? "not valid";
  return new TallyError("PT400", `${field}: ${problem}.`, {
    hint: WAYS_OUT[field] ?? `Correct ${field} and send the request again.`,
    details: field,
  });
}

const WAYS_OUT: Record<string, string> = {
  provider: "Send the provider's name as in cost_estimates, such as openai.",
  model: "Send the model's id as the provider knows it.",
  messages: "Send the provider's own messages: an array of objects with role and content.",
  input: "Send a string or an array of the provider's input items.",
  input_tokens: "Send a whole number of tokens, zero or more.",
  max_output_tokens: "Send the whole number that the call itself will send.",
  organization_id: "Send the organization's id, or leave it out for list prices and no quota.",
};
