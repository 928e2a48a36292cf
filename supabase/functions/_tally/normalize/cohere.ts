import {
  addClass,
  asRecord,
  type Draft,
  field,
  isRecord,
  type JsonRecord,
  readField,
} from "./read-values.ts";

/** Cohere v1 and v2: what is billed is stated apart from what was processed, and is what counts. */
export function readCohere(draft: Draft, usage: JsonRecord): void {
  const billed = field(usage, "billed_units");
  const counts = isRecord(billed) ? billed : asRecord(usage["tokens"]);
  if (!isRecord(billed)) draft.anomalies.push("missing_detail: no billed_units, tokens taken");
  addClass(draft, "input", readField(draft, counts, ["input_tokens"]));
  addClass(draft, "input_image", readField(draft, counts, ["image_tokens"]));
  addClass(draft, "output", readField(draft, counts, ["output_tokens"]));
  addClass(draft, "query", readField(draft, counts, ["search_units"]));
  if (field(counts, "image_tokens") === undefined) {
    addClass(draft, "image", readField(draft, counts, ["images"]));
  }
  for (const name of ["classifications", "pages"]) {
    const amount = readField(draft, counts, [name]);
    if (amount > 0) draft.anomalies.push(`unmetered_tool: ${name} ${amount}`);
  }
}
