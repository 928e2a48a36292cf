import { StripeFailure } from "./stripe-failure.ts";

/** An answer that can be given again. */
export interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

interface Entry {
  /** What was asked: another question under the same key is an error. */
  question: string;
  /** Absent while the first request still runs. */
  answer?: Answer;
  keptAt: number;
}

const KEPT_MS = 24 * 3_600_000;

/** Answers by idempotency key, kept for 24 hours. */
export class IdempotencyKeys {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * The stored answer of a key, or null when the caller is the one who works on it.
   *
   * @throws {StripeFailure} 400 for another question under the same key, 409 while the first runs.
   */
  open(key: string, question: string): Answer | null {
    if (key.length > 255) {
      throw new StripeFailure(400, "Idempotency keys have at most 255 characters.", {
        type: "idempotency_error",
      });
    }
    const entry = this.#entries.get(key);
    if (entry && this.#now() - entry.keptAt < KEPT_MS) {
      if (entry.question !== question) {
        throw new StripeFailure(
          400,
          `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
          { type: "idempotency_error" },
        );
      }
      if (entry.answer) {
        return {
          ...entry.answer,
          headers: { ...entry.answer.headers, "idempotent-replayed": "true" },
        };
      }
      throw new StripeFailure(
        409,
        `There is currently another in-progress request using this Stripe-Idempotency-Key (${key}).`,
        { type: "idempotency_error", code: "idempotency_key_in_use" },
      );
    }
    this.#entries.set(key, { question, keptAt: this.#now() });
    return null;
  }

  /** Keeps the answer of a key. */
  keep(key: string, answer: Answer): void {
    const entry = this.#entries.get(key);
    if (entry) entry.answer = answer;
  }

  /** Forgets a key whose request was refused before any work. */
  forget(key: string): void {
    this.#entries.delete(key);
  }
}
