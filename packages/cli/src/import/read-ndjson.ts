import { CliError } from "../cli-error.ts";
import { COMPUTED_COLUMNS, EVENT_COLUMNS, hintAtColumns } from "./event-columns.ts";
import type { EventRow } from "./event-row.ts";

/** A line longer than this is no event. */
const MAX_LINE_CHARACTERS = 1_000_000;

/**
 * Reads events from NDJSON: one JSON object on each line; empty lines are passed over.
 *
 * @param skip - keys to leave out
 * @throws CliError for a line that is no JSON object, and for an unknown key
 */
export async function* readNdjson(
  text: AsyncIterable<string>,
  skip: ReadonlySet<string>,
): AsyncGenerator<EventRow[]> {
  for await (const lines of splitLines(text)) {
    const rows: EventRow[] = [];
    try {
      for (const { line, content } of lines) {
        if (content !== "") rows.push(readLine(content, line, skip));
      }
    } catch (error) {
      if (rows.length > 0) yield rows;
      throw error;
    }
    if (rows.length > 0) yield rows;
  }
}

function readLine(content: string, line: number, skip: ReadonlySet<string>): EventRow {
  const fields = parseObject(content, line);
  let hasSurplus = false;
  for (const key of Object.keys(fields)) {
    if (skip.has(key) || COMPUTED_COLUMNS.includes(key)) {
      hasSurplus = true;
    } else if (!Object.hasOwn(EVENT_COLUMNS, key)) {
      throw new CliError(`Line ${line}: there is no field ${key} in an event.`, hintAtColumns(key));
    }
  }
  const base = { line, id: fields.id, createdAt: fields.created_at, csv: null };
  if (!hasSurplus) return { ...base, text: content, fields };
  const isWanted = (key: string) => Object.hasOwn(EVENT_COLUMNS, key) && !skip.has(key);
  return {
    ...base,
    text: JSON.stringify(pick(parseExactly(content), isWanted)),
    fields: pick(fields, isWanted),
  };
}

function parseObject(content: string, line: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    throw new CliError(
      `Line ${line} is not JSON: ${content.length > 80 ? `${content.slice(0, 80)}…` : content}`,
      "NDJSON has one whole JSON object on each line. Is it CSV? Then say --format csv",
      { cause: error },
    );
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new CliError(
    `Line ${line} is not a JSON object.`,
    Array.isArray(value) ? "A list becomes NDJSON with: jq -c '.[]'" : undefined,
  );
}

/** JSON whose numbers keep every digit when it is written again. */
function parseExactly(content: string): Record<string, unknown> {
  const { rawJSON } = JSON as unknown as { rawJSON(source: string): unknown };
  const keepDigits = (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" && context?.source ? rawJSON(context.source) : value;
  return JSON.parse(content, keepDigits);
}

function pick(
  fields: Record<string, unknown>,
  isWanted: (key: string) => boolean,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => isWanted(key)));
}

/** Lines end with a line feed only: a text in JSON may hold the other characters that end lines. */
async function* splitLines(
  text: AsyncIterable<string>,
): AsyncGenerator<{ line: number; content: string }[]> {
  let line = 0;
  let rest = "";
  for await (const piece of text) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    if (lines.length > 0) {
      const first = line + 1;
      line += lines.length;
      yield lines.map((content, index) => ({ line: first + index, content: content.trim() }));
    }
    if (rest.length > MAX_LINE_CHARACTERS) {
      throw new CliError(
        `Line ${line + 1} has more than ${MAX_LINE_CHARACTERS} characters.`,
        "NDJSON has one whole JSON object on each line. A list becomes NDJSON with: jq -c '.[]'",
      );
    }
  }
  yield [{ line: line + 1, content: rest.trim() }];
}
