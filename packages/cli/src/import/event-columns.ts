/** How the text of a CSV field becomes the value of an event. */
export type ColumnKind = "text" | "integer" | "number" | "boolean" | "object";

/** The keys of an event: what a caller may say of it, in the order of `tally.event`. */
export const EVENT_COLUMNS: Readonly<Record<string, ColumnKind>> = {
  organization_id: "text",
  id: "text",
  created_at: "text",
  provider: "text",
  model: "text",
  tool_name: "text",
  operation: "text",
  resource_type: "text",
  service_tier: "text",
  status: "text",
  user_id: "text",
  api_key_id: "text",
  execution_id: "text",
  session_id: "text",
  workflow_id: "text",
  input_tokens: "integer",
  output_tokens: "integer",
  classes: "object",
  units: "number",
  unit_type: "text",
  cost_usd: "number",
  duration_ms: "integer",
  is_estimated: "boolean",
  is_byok: "boolean",
  idempotency_key: "text",
  request_metadata: "object",
};

/** Columns of `token_usage` that the database fills in: an exported file has them, an import leaves them out. */
export const COMPUTED_COLUMNS: readonly string[] = ["total_tokens", "price_id", "recorded_at"];

/** Says which columns there are, and how to do without one that is not among them. */
export function hintAtColumns(unknown: string): string {
  const known = Object.keys(EVENT_COLUMNS);
  const near = known.find(
    (name) => unknown.length > 2 && (name.includes(unknown) || unknown.includes(name)),
  );
  return [
    `${near ? `Is it ${near}? ` : ""}Rename it, or leave it out with --skip ${unknown}`,
    `The columns of an event: ${known.join(", ")}.`,
  ].join("\n");
}
