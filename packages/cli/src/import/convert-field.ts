import type { ColumnKind } from "./event-columns.ts";

/** A value of an event: to look at, and as the text that is sent, with every digit of the file. */
export interface ConvertedField {
  value: unknown;
  text: string;
}

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const BOOLEANS = new Map<string, boolean>([
  ...["true", "t", "yes", "1"].map((word) => [word, true] as const),
  ...["false", "f", "no", "0"].map((word) => [word, false] as const),
]);

const EXPECTED: Readonly<Record<ColumnKind, string>> = {
  text: "a text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  object: "a JSON object",
};

/** What a column of this kind has to hold, for a message. */
export function describeKind(kind: ColumnKind): string {
  return EXPECTED[kind];
}

/** Reads a CSV field that is not empty; null when it is not of its column's kind. */
export function convertField(field: string, kind: ColumnKind): ConvertedField | null {
  switch (kind) {
    case "text":
      return { value: field, text: JSON.stringify(field) };
    case "integer":
    case "number":
      return convertNumber(field.trim(), kind === "integer");
    case "boolean": {
      const value = BOOLEANS.get(field.trim().toLowerCase());
      return value === undefined ? null : { value, text: String(value) };
    }
    case "object":
      return convertObject(field);
  }
}

function convertNumber(text: string, isWhole: boolean): ConvertedField | null {
  const value = Number(text);
  if (!JSON_NUMBER.test(text) || (isWhole && !Number.isInteger(value))) return null;
  return { value, text };
}

function convertObject(text: string): ConvertedField | null {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? { value, text } : null;
  } catch {
    return null;
  }
}
