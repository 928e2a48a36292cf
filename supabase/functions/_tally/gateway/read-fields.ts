import { TallyError } from "../errors.ts";
import type { JsonObject } from "../read-body.ts";

/** A field that a call cannot be priced without, or with. */
export function invalidField(field: string, problem: string): TallyError {
  return new TallyError("PT400", `${field} ${problem}.`, { details: field });
}

/** The model that a request names. */
export function requireModel(fields: JsonObject): string {
  const { model } = fields;
  if (typeof model !== "string" || model.trim() === "") {
    throw invalidField("model", "must name a model");
  }
  if (model.length > 256) {
    throw invalidField("model", "may have at most 256 characters");
  }
  return model;
}

/** True or false; false when absent or null. */
export function readFlag(fields: JsonObject, name: string): boolean {
  const value = fields[name] ?? false;
  if (typeof value !== "boolean") {
    throw invalidField(name, "must be true or false");
  }
  return value;
}

/** A whole number above zero; undefined when absent or null. */
export function readCount(
  fields: JsonObject,
  name: string,
  most?: number,
): number | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw invalidField(name, "must be a whole number above zero");
  }
  if (most !== undefined && (value as number) > most) {
    throw invalidField(name, `must be at most ${most}`);
  }
  return value as number;
}

/** The fields of a form as their JSON equivalents: numbers and flags are text there. */
export function readFormFields(
  fields: Record<string, string | string[]>,
): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, plainValue(value)]),
  );
}

function plainValue(value: string | string[]): unknown {
  if (value === "true" || value === "false") return value === "true";
  return typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
}

/** `auto` and `default` are what a project gets anyway; the tier of the answer decides the price. */
export function readServiceTier(value: unknown): string | null {
  if (
    typeof value !== "string" ||
    /^(auto|default|standard|standard_only)$/.test(value)
  ) return null;
  return value.slice(0, 64);
}
