/** The error codes a caller can receive; docs/errors.md says what each means and the way out. */
export type TallyErrorCode =
  | "PT400"
  | "PT401"
  | "PT402"
  | "PT403"
  | "PT404"
  | "PT405"
  | "PT409"
  | "PT410"
  | "PT413"
  | "PT422"
  | "PT429"
  | "PT500"
  | "PT502"
  | "PT503"
  | "PT504";

/** What a caller reads: code, one full sentence, the way out, and the offending value's name if any. */
export interface WireError {
  code: string;
  message: string;
  hint: string;
  details?: string;
}

/** An expected failure, with what its HTTP answer needs. */
export class TallyError extends Error {
  override readonly name = "TallyError";
  readonly code: TallyErrorCode;
  /** HTTP status, the number inside the code. */
  readonly status: number;
  /** The way out. */
  readonly hint: string;
  /** Which field or value it is about. */
  readonly details: string | undefined;
  /** Headers that belong to the answer, such as `allow`. */
  readonly headers: Record<string, string>;

  constructor(
    code: TallyErrorCode,
    message: string,
    options: {
      hint?: string;
      details?: string | undefined;
      headers?: Record<string, string>;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.status = Number(code.slice(2));
    this.hint = options.hint ?? "";
    this.details = options.details || undefined;
    this.headers = options.headers ?? {};
  }

  /** The body of the HTTP answer. */
  toWire(): WireError {
    const { code, message, hint, details } = this;
    return { code, message, hint, ...(details !== undefined && { details }) };
  }
}

/** The parts of a Postgres error that its driver exposes. */
interface DatabaseError {
  code: string;
  message: string;
  detail?: string;
  hint?: string;
}

function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof Error && typeof (error as { code?: unknown }).code === "string";
}

/**
 * Turns anything thrown into a TallyError. Errors that our SQL raises on purpose (PTnnn) keep their
 * words; of others the caller learns the kind, not the inside.
 */
export function toTallyError(error: unknown): TallyError {
  if (error instanceof TallyError) return error;
  if (!isDatabaseError(error)) return unexpected(error);
  const { code, message } = error;
  const options = { hint: error.hint ?? "", details: error.detail, cause: error };
  if (/^PT[45]\d\d$/.test(code)) {
    return new TallyError(code as TallyErrorCode, message, options);
  }
  // Data that does not fit its type, or breaks a named constraint: the caller's values.
  if (code.startsWith("22") || code.startsWith("23")) {
    return new TallyError("PT400", sentence(message), {
      ...options,
      hint: options.hint || "Correct the value and send the request again.",
    });
  }
  if (code === "42501") {
    return new TallyError("PT403", "You may not do this.", {
      hint: "Use a key or a user with the right to do it.",
      cause: error,
    });
  }
  if (isUnavailable(code)) {
    return new TallyError("PT503", "The database cannot answer now.", {
      hint: "Try again in a moment.",
      headers: { "retry-after": "1" },
      cause: error,
    });
  }
  return unexpected(error);
}

/** Whether the same statement may succeed when it is sent again. */
export function isTransient(error: unknown): boolean {
  return toTallyError(error).code === "PT503";
}

/** Connection lost or refused, out of resources, cancelled, shutting down, deadlock, no partition lock. */
function isUnavailable(code: string): boolean {
  return (
    /^(08|53|57|58|40)/.test(code) ||
    code === "55P03" ||
    /^(ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|CONNECT|CONNECTION_)/.test(code)
  );
}

function unexpected(cause: unknown): TallyError {
  return new TallyError("PT500", "Something went wrong on our side.", {
    hint: "Give the operator the x-tally-request-id of this answer.",
    cause,
  });
}

function sentence(message: string): string {
  return message.endsWith(".") ? message : `${message}.`;
}
