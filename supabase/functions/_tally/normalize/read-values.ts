/** A JSON object, or an SDK's class instance that stands for one. */
export type JsonRecord = { readonly [key: string]: unknown };

/** A record in the making. */
export interface Draft {
  classes: Record<string, number>;
  anomalies: string[];
  units?: number;
  unit_type?: string;
  tier?: string | null;
  cost?: string | undefined;
  /** Usage of other models within the same response. */
  others: { model: string | null; draft: Draft; raw: unknown }[];
}

export function createDraft(): Draft {
  return { classes: {}, anomalies: [], others: [] };
}

/** Whether a provider is xAI, whose OpenAI-shaped counts mean something else in places. */
export function isXai(provider: string): boolean {
  return /^(x-?ai|grok)\b/.test(provider);
}

/** Above this a count is a fault, not a use: sums of a few stay exact in a double. */
const LARGEST_COUNT = 1e12;

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asRecord(value: unknown): JsonRecord {
  return isRecord(value) ? value : {};
}

export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asText(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** Camel-case names by wire name: a few dozen literals of ours, asked for again and again. */
const camelNames = new Map<string, string>();

/** A field by its wire name, or by the camel-case name that some SDKs give it. */
export function field(record: JsonRecord, name: string): unknown {
  const value = record[name];
  if (value !== undefined && value !== null) return value;
  let camel = camelNames.get(name);
  if (camel === undefined) {
    camel = name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
    camelNames.set(name, camel);
  }
  return record[camel];
}

/** The first of several fields that is there and not null. */
export function firstField(record: JsonRecord, names: readonly string[]): unknown {
  for (const name of names) {
    const value = field(record, name);
    if (value !== undefined && value !== null) return value;
  }
  return undefined;
}

export function hasField(record: JsonRecord, names: readonly string[]): boolean {
  return firstField(record, names) !== undefined;
}

/**
 * A quantity that may have a fraction (seconds). Anything that is not a possible quantity counts as
 * zero and is noted; absent is zero and not noted.
 */
export function readQuantity(draft: Draft, value: unknown, name: string): number {
  if (value === undefined || value === null) return 0;
  const quantity = toQuantity(value);
  if (quantity === null) note(draft, name, value, 0);
  return quantity ?? 0;
}

/** A whole number of tokens or units. A fraction is rounded up; that, and digits as text, is noted. */
export function readCount(draft: Draft, value: unknown, name: string): number {
  if (value === undefined || value === null) return 0;
  const quantity = toQuantity(value);
  const count = Math.ceil(quantity ?? 0);
  if (count !== quantity || typeof value === "string") note(draft, name, value, count);
  return count;
}

/** Reads one of several names of the same count. */
export function readField(draft: Draft, record: JsonRecord, names: readonly string[]): number {
  const name = names.find((each) => hasField(record, [each]));
  return name === undefined ? 0 : readCount(draft, field(record, name), name);
}

function toQuantity(value: unknown): number | null {
  const isDigits = typeof value === "string" && /^\d{1,16}(\.\d+)?$/.test(value);
  const quantity = isDigits || typeof value === "bigint" ? Number(value) : value;
  // The sum turns a negative zero into zero.
  return typeof quantity === "number" && quantity >= 0 && quantity <= LARGEST_COUNT
    ? quantity + 0
    : null;
}

function note(draft: Draft, name: string, value: unknown, taken: number): void {
  const seen = typeof value === "string"
    ? JSON.stringify(value.slice(0, 24))
    : typeof value === "object"
    ? "an object"
    : String(value);
  draft.anomalies.push(`invalid_count: ${name} is ${seen}, taken as ${taken}`);
}

/** A total that is compared with its parts; null where it is not stated. */
export function readTotal(
  draft: Draft,
  record: JsonRecord,
  names: readonly string[],
): number | null {
  return hasField(record, names) ? readField(draft, record, names) : null;
}

/** The served tier: `default` is the standard one, `auto` is a wish and not a tier. */
export function readTier(value: unknown): string | null {
  const tier = asText(value)?.toLowerCase().replace(/^service_tier_/, "") ?? "";
  if (tier === "auto" || tier === "unspecified" || !/^[a-z][a-z0-9_-]{0,31}$/.test(tier)) {
    return null;
  }
  return tier === "default" || tier === "on_demand" ? "standard" : tier;
}

/** Adds to a class. */
export function addClass(draft: Draft, name: string, amount: number): void {
  if (amount > 0) draft.classes[name] = (draft.classes[name] ?? 0) + amount;
}

/** What is left of a total once its parts are taken out; never below zero. */
export function restOf(draft: Draft, total: number, parts: number, what: string): number {
  if (parts <= total) return total - parts;
  draft.anomalies.push(`negative_rest: ${what}: parts ${parts} exceed ${total}, rest taken as 0`);
  return 0;
}

/** A JSON number as a plain decimal without an exponent; undefined unless it can be money. */
export function toDecimal(value: unknown): string | undefined {
  const text = typeof value === "number" || typeof value === "string" ? String(value) : "";
  const match = /^(\d+)(?:\.(\d+))?(?:e-(\d{1,3}))?$/i.exec(text);
  if (match === null) return undefined;
  return movePoint(match[1] + (match[2] ?? ""), (match[2]?.length ?? 0) + Number(match[3] ?? 0));
}

/** xAI's cost, stated in ticks of 1e-10 USD. */
export function readTicks(usage: JsonRecord): string | undefined {
  const ticks = toDecimal(field(usage, "cost_in_usd_ticks"));
  return ticks !== undefined && /^\d+$/.test(ticks) ? movePoint(ticks, 10) : undefined;
}

/** Digits with the decimal point set before the last `places` of them. */
function movePoint(digits: string, places: number): string {
  const padded = digits.padStart(places + 1, "0");
  const point = padded.length - places;
  const whole = padded.slice(0, point).replace(/^0+(?=\d)/, "");
  const fraction = padded.slice(point).replace(/0+$/, "");
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
