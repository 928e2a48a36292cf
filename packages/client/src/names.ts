/** An object as the API speaks it: snake_case keys, JSON values. */
export type Wire = Record<string, unknown>;

/** Keys whose value belongs to the caller: its keys are data, not names of ours. */
const opaque = new Set([
  "classes",
  "request_metadata",
  "input_data",
  "output_data",
  "metadata",
  "status_breakdown",
]);

const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camelCase = (name: string) =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** camelCase arguments to the snake_case ones of the API; what is undefined is left out. */
export function toWire(value: object): Wire {
  const given = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(given.map(([name, entry]) => [snakeCase(name), entry]));
}

/** An answer of the API with camelCase keys at every depth, except inside the caller's own objects. */
export function fromWire(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromWire);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [
      camelCase(name),
      opaque.has(name) ? entry : fromWire(entry),
    ]),
  );
}
