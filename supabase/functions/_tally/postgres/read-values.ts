import type { Message } from "./read-messages.ts";

/** What a statement answers with: a name for each value, and how it is read. */
export interface Column {
  name: string;
  read: (text: string) => unknown;
}

export type Row = Record<string, unknown>;

const asText = (text: string) => text;
const asJson = (text: string): unknown => JSON.parse(text);
const asDate = (text: string) => new Date(text);

/** By the number of their type. Everything else stays text: numbers that are exact among it. */
const READERS = new Map<number, Column["read"]>([
  [16, (text) => text === "t"],
  ...[21, 23, 26, 700, 701].map((type): [number, Column["read"]] => [type, Number]),
  ...[114, 3802].map((type): [number, Column["read"]] => [type, asJson]),
  ...[1082, 1114, 1184].map((type): [number, Column["read"]] => [type, asDate]),
]);

/** Column number, table, attribute, size, modifier and format surround the type. */
const BEFORE_TYPE = 6;
const AFTER_TYPE = 8;

export function readColumns(message: Message): Column[] {
  return Array.from({ length: message.int16() }, () => {
    const name = message.text();
    message.skip(BEFORE_TYPE);
    const read = READERS.get(message.int32()) ?? asText;
    message.skip(AFTER_TYPE);
    return { name, read };
  });
}

export function readRow(message: Message, columns: readonly Column[]): Row {
  message.skip(2);
  const row: Row = {};
  for (const { name, read } of columns) {
    const length = message.int32();
    row[name] = length === -1 ? null : read(message.characters(length));
  }
  return row;
}

/** An error of the server, or of the connection to it: `code` is a SQLSTATE, or a word. */
export class PostgresError extends Error {
  override readonly name = "PostgresError";
  readonly code: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  /** The routine of the server that raised it. */
  readonly routine: string | undefined;

  constructor(
    code: string,
    message: string,
    more: { detail?: string | undefined; hint?: string | undefined; routine?: string | undefined } =
      {},
  ) {
    super(message);
    this.code = code;
    this.detail = more.detail;
    this.hint = more.hint;
    this.routine = more.routine;
  }
}

export function readError(message: Message): PostgresError {
  const fields = new Map<string, string>();
  for (let type = message.byte(); type !== 0; type = message.byte()) {
    fields.set(String.fromCharCode(type), message.text());
  }
  return new PostgresError(fields.get("C") ?? "XX000", fields.get("M") ?? "", {
    detail: fields.get("D"),
    hint: fields.get("H"),
    routine: fields.get("R"),
  });
}
