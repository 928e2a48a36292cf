/** An error as Stripe words it: what the SDK turns into its own error classes. */
export class StripeFailure extends Error {
  override readonly name = "StripeFailure";
  readonly status: number;
  readonly type: string;
  readonly code: string | undefined;
  readonly param: string | undefined;
  /** Whether the work had begun: only then is the answer kept under the idempotency key. */
  readonly isStored: boolean;

  constructor(
    status: number,
    message: string,
    options: { type?: string; code?: string; param?: string; isStored?: boolean } = {},
  ) {
    super(message);
    this.status = status;
    this.type = options.type ?? (status >= 500 ? "api_error" : "invalid_request_error");
    this.code = options.code;
    this.param = options.param;
    this.isStored = options.isStored ?? false;
  }

  /** The body of the answer. */
  toWire(): { error: Record<string, string> } {
    const { type, message, code, param } = this;
    return {
      error: {
        type,
        message,
        ...(code !== undefined && { code }),
        ...(param !== undefined && { param }),
      },
    };
  }
}

/** What asks for an object that is not there. */
export function noSuch(kind: string, id: string, param: string): StripeFailure {
  return new StripeFailure(param === "id" ? 404 : 400, `No such ${kind}: '${id}'`, {
    code: "resource_missing",
    param,
  });
}
