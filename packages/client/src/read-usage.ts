/**
 * How providers' answers are read, shared with the edge functions: one set of rules, wherever a
 * response is seen. Loaded when the first wrapped call starts, so that other callers never pay for it.
 */
export {
  createStreamAccumulator,
  type StreamResult,
} from "../../../supabase/functions/_tally/accumulate-stream.ts";
export { withUsage } from "../../../supabase/functions/_tally/merge-usage.ts";
export {
  type NormalizedUsage,
  normalizeUsage,
} from "../../../supabase/functions/_tally/normalize-usage.ts";
export { parseEventStream } from "../../../supabase/functions/_tally/parse-event-stream.ts";
