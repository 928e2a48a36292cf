import { isJsonObject, type JsonObject } from "./read-body.ts";

/** What function declarations come to: texts to tokenize, and tokens around them. */
export interface ToolParts {
  texts: string[];
  framing: number;
  /** What the published rule does not mention: other makers may show it, so it is in the bound. */
  extras: string[];
}

// OpenAI's published rule for gpt-4o and later.
const PER_FUNCTION = 7;
const PER_PROPERTIES = 3;
const PER_PROPERTY = 3;
const PER_ENUM = -3;
const PER_ENUM_ITEM = 3;
const AT_END = 12;
/** Deeper schemas are counted as their JSON, so that no nesting can exhaust the stack. */
const DEEPEST = 16;

/**
 * Takes function declarations apart as OpenAI shows them to the model: one line for a function, one
 * for each parameter. Nested objects are not in the published rule; the same lines are assumed.
 */
export function readTools(tools: readonly JsonObject[]): ToolParts {
  const parts: ToolParts = { texts: [], framing: tools.length === 0 ? 0 : AT_END, extras: [] };
  for (const tool of tools) {
    const key = SCHEMA_KEYS.find((name) => (tool[name] ?? undefined) !== undefined) ?? "parameters";
    parts.framing += PER_FUNCTION;
    parts.texts.push(line(tool.name, tool.description));
    readSchema(tool[key], parts, 0);
    keepExtras(tool, parts, (name) => name === key || READ_OF_TOOL.has(name));
  }
  return parts;
}

const SCHEMA_KEYS = ["parameters", "input_schema", "parametersJsonSchema"];
/** Keys that are counted, and one that is not shown to a model. */
const READ_OF_TOOL = new Set(["name", "description", "type", "strict", "cache_control"]);
/** The same of a schema. */
const READ_OF_SCHEMA = new Set([
  ...["type", "description", "properties", "enum", "items", "additionalProperties"],
  ...["anyOf", "oneOf", "allOf", "prefixItems", "$defs", "definitions"],
]);

function keepExtras(object: JsonObject, { extras }: ToolParts, isRead: (name: string) => boolean) {
  const rest = Object.entries(object).filter(([name]) => !isRead(name));
  if (rest.length > 0) extras.push(JSON.stringify(Object.fromEntries(rest)));
}

function readSchema(schema: unknown, parts: ToolParts, depth: number): void {
  if (!isJsonObject(schema)) return;
  if (depth === DEEPEST) {
    parts.texts.push(JSON.stringify(schema));
    return;
  }
  if (isJsonObject(schema.properties)) {
    const properties = Object.entries(schema.properties);
    if (properties.length > 0) parts.framing += PER_PROPERTIES;
    for (const [key, property] of properties) {
      if (!isJsonObject(property)) continue;
      parts.framing += PER_PROPERTY;
      parts.texts.push(line(key, property.type, property.description));
      readSchema(property, parts, depth + 1);
    }
  }
  if (Array.isArray(schema.enum)) {
    parts.framing += PER_ENUM + PER_ENUM_ITEM * schema.enum.length;
    for (const item of schema.enum) parts.texts.push(asText(item));
  }
  for (const key of ["items", "additionalProperties"]) {
    readSchema(schema[key], parts, depth + 1);
  }
  for (const key of ["anyOf", "oneOf", "allOf", "prefixItems"]) {
    const schemas = schema[key];
    if (!Array.isArray(schemas)) continue;
    for (const option of schemas) readSchema(option, parts, depth + 1);
  }
  keepExtras(schema, parts, (name) => READ_OF_SCHEMA.has(name));
  for (const key of ["$defs", "definitions"]) {
    const schemas = schema[key];
    if (isJsonObject(schemas)) {
      readSchema({ properties: schemas }, parts, depth + 1);
    }
  }
}

/** `name:type:description`, without the full stop at the end, as it is shown. */
function line(...fields: unknown[]): string {
  const texts = fields.filter((field) => field !== undefined && field !== null).map(asText);
  return texts.join(":").replace(/\.$/, "");
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
