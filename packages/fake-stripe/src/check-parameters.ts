import type { FormObject, FormValue } from "./parse-form.ts";
import { StripeFailure } from "./stripe-failure.ts";

/** What a parameter must look like. */
export type Shape =
  | { kind: "text"; max?: number; oneOf?: readonly string[] }
  | { kind: "integer" }
  | { kind: "decimal" }
  | { kind: "boolean" }
  /** Any keys, each with a text of at most so many characters. */
  | { kind: "map"; max?: number }
  | { kind: "list"; of: Shape }
  | { kind: "object"; of: Shapes };
export type Shapes = Record<string, Shape & { isRequired?: boolean }>;

export const text = (max = 5000): Shape => ({ kind: "text", max });
export const oneOf = (...values: string[]): Shape => ({ kind: "text", oneOf: values });
export const integer: Shape = { kind: "integer" };
export const decimal: Shape = { kind: "decimal" };
export const boolean: Shape = { kind: "boolean" };
export const list = (of: Shape): Shape => ({ kind: "list", of });
export const object = (of: Shapes): Shape => ({ kind: "object", of });
export const required = (shape: Shape): Shape & { isRequired: true } => ({
  ...shape,
  isRequired: true,
});

/** What every call takes besides its own parameters. */
const COMMON: Shapes = { expand: list(text()) };

/**
 * Holds parameters against their shapes as Stripe does: unknown ones are refused by name.
 *
 * @throws {StripeFailure} 400 `parameter_unknown`, `parameter_missing`, `parameter_invalid_…`
 */
export function checkParameters(values: FormObject, shapes: Shapes, within = ""): void {
  const known: Shapes = within === "" ? { ...COMMON, ...shapes } : shapes;
  for (const name of Object.keys(values)) {
    if (!Object.hasOwn(known, name)) {
      const param = nameOf(within, name);
      throw new StripeFailure(400, `Received unknown parameter: ${param}`, {
        code: "parameter_unknown",
        param,
      });
    }
  }
  for (const [name, shape] of Object.entries(known)) {
    const value = values[name];
    const param = nameOf(within, name);
    if (value !== undefined) checkValue(value, shape, param);
    else if (shape.isRequired) {
      throw new StripeFailure(400, `Missing required param: ${param}.`, {
        code: "parameter_missing",
        param,
      });
    }
  }
}

function nameOf(within: string, name: string): string {
  return within === "" ? name : `${within}[${name}]`;
}

function checkValue(value: FormValue, shape: Shape, param: string): void {
  if (shape.kind === "object" || shape.kind === "map") {
    if (typeof value === "string" || Array.isArray(value)) throw wrong("Invalid object", param);
    if (shape.kind === "object") {
      checkParameters(value, shape.of, param);
      return;
    }
    for (const [key, item] of Object.entries(value)) {
      if (typeof item !== "string") throw wrong("Invalid string", `${param}[${key}]`);
    }
    return;
  }
  if (shape.kind === "list") {
    if (!Array.isArray(value)) throw wrong("Invalid array", param);
    for (const [index, item] of value.entries()) checkValue(item, shape.of, `${param}[${index}]`);
    return;
  }
  if (typeof value !== "string") throw wrong("Invalid string", param);
  checkText(value, shape, param);
}

function checkText(value: string, shape: Shape, param: string): void {
  if (shape.kind === "integer" && !/^-?\d{1,15}$/.test(value)) {
    throw new StripeFailure(400, `Invalid integer: ${value}`, {
      code: "parameter_invalid_integer",
      param,
    });
  }
  if (shape.kind === "decimal" && !/^\d+(\.\d{1,12})?$/.test(value)) {
    throw wrong(`Invalid decimal: ${value}`, param);
  }
  if (shape.kind === "boolean" && value !== "true" && value !== "false") {
    throw wrong(`Invalid boolean: ${value}`, param);
  }
  if (shape.kind !== "text") return;
  if (shape.max !== undefined && value.length > shape.max) {
    throw wrong(`Invalid string: must be at most ${shape.max} characters`, param);
  }
  if (shape.oneOf && !shape.oneOf.includes(value)) {
    throw wrong(`Invalid ${param}: must be one of ${shape.oneOf.join(", ")}`, param);
  }
}

function wrong(message: string, param: string): StripeFailure {
  return new StripeFailure(400, message, { param });
}
