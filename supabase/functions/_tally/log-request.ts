/** What one log line may hold. No bodies, keys, prompts or free text of a caller: ids and numbers. */
export interface LogFields {
  /** Who called: service, api_key or user. */
  actor?: string;
  organization_id?: string;
  usage_id?: string;
  hold_id?: string;
  provider?: string;
  /** How many events a request carried. */
  events?: number;
  input_tokens?: number;
  output_tokens?: number;
  /** How a metered call ended: success, failed, timeout, aborted; refused by the provider. */
  call?: string;
  /** Code of the error because of which a call could not be recorded; its hold is named beside it. */
  unsettled?: string;
  /** Class or SQLSTATE of an unexpected error; its message may hold values, so it stays out. */
  cause?: string;
}

/** One line of the log. */
export interface LogLine extends LogFields {
  /** The x-tally-request-id of the answer. */
  id: string;
  function: string;
  /** `ok`, or the code of the error. */
  outcome: string;
  status: number;
  /** From the first byte of the request to the end of the answer. */
  ms: number;
}

/** Takes one line of the log; `isUrgent` when it tells of something that went wrong. */
export type WriteLine = (text: string, isUrgent: boolean) => void;

/** Writes one JSON line for one request. */
export function logRequest(line: LogLine, write: WriteLine = (text) => console.log(text)): void {
  write(JSON.stringify(line), line.outcome !== "ok" || line.unsettled !== undefined);
}

/** What may be said about an unexpected error in a log. */
export function causeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : error.name;
}
