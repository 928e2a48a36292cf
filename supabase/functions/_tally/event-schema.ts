import * as z from "zod";
import { TallyError } from "./errors.ts";

// Kinds only: ranges and what belongs together are the database's rules, the same for every way in.
const text = z.string();
const uuid = z.guid();
const count = z.int().nonnegative();
/** An exact decimal may come as text; JSON numbers end at 15 to 17 digits. */
const decimal = z.union([
  z.number().nonnegative(),
  z.string().regex(/^\d{1,30}(\.\d{1,30})?$/, "expected a decimal number"),
]);

/** One event as a caller sends it: the columns of token_usage, or a provider's own response. */
export const eventSchema = z.strictObject({
  organization_id: uuid.nullish(),
  id: uuid.nullish(),
  created_at: text.nullish(),
  idempotency_key: text.nullish(),
  provider: text,
  model: text.nullish(),
  tool_name: text.nullish(),
  operation: text.nullish(),
  resource_type: text.nullish(),
  service_tier: text.nullish(),
  status: text.nullish(),
  user_id: uuid.nullish(),
  api_key_id: uuid.nullish(),
  execution_id: uuid.nullish(),
  session_id: text.nullish(),
  workflow_id: text.nullish(),
  input_tokens: count.nullish(),
  output_tokens: count.nullish(),
  classes: z.record(text, z.number().nonnegative()).nullish(),
  units: decimal.nullish(),
  unit_type: text.nullish(),
  cost_usd: decimal.nullish(),
  duration_ms: count.nullish(),
  is_estimated: z.boolean().nullish(),
  is_byok: z.boolean().nullish(),
  request_metadata: z.record(text, z.json()).nullish(),
  /** The provider's response as it came; its usage is split into classes. */
  response: z.record(text, z.unknown()).nullish(),
  /** Only the usage object of the response. */
  usage: z.record(text, z.unknown()).nullish(),
});

/** An event whose fields are of the right kind. */
export type EventInput = z.infer<typeof eventSchema>;

/** What a zod check found first, as an error that names the field. */
export function toFieldError(error: z.ZodError, prefix: (string | number)[] = []): TallyError {
  const [issue] = error.issues;
  const path = [...prefix, ...(issue?.path ?? [])].map(String);
  if (issue?.code === "unrecognized_keys") {
    const field = [...path, issue.keys[0]].join(".");
    return new TallyError("PT400", `${field} is not a known field.`, {
      hint: "Check the spelling; everything else about a call belongs into request_metadata.",
      details: field,
    });
  }
  const field = path.join(".") || "body";
  const problem = issue?.message.replace(/^Invalid input: /, "") ?? "not valid";
  return new TallyError("PT400", `${field}: ${problem}.`, {
    hint: "See the shape of an event in the documentation of track_usage.",
    details: field,
  });
}
