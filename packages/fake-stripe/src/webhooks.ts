import { createHmac } from "node:crypto";
import type { Account, StoredObject } from "./account.ts";
import type { Refusal } from "./usage.ts";

/** Where events are sent, and the secret that signs them. */
export interface WebhookTarget {
  url: string;
  secret: string;
}

/** An event whose asynchronous check failed. */
interface AsynchronousError extends Refusal {
  meterId: string | null;
  /** Stripe names the request, not the event. */
  idempotencyKey: string;
  at: number;
}

/** Makes a `stripe-signature` header. */
export function signPayload(payload: string, secret: string, timestampS: number): string {
  const signature = createHmac("sha256", secret).update(`${timestampS}.${payload}`).digest("hex");
  return `t=${timestampS},v1=${signature}`;
}

/** Sends signed events: whole ones of the first version of the API, thin ones of the second. */
export class WebhookSender {
  target: WebhookTarget | undefined;
  readonly #account: Account;
  #errors: AsynchronousError[] = [];

  constructor(account: Account) {
    this.#account = account;
  }

  /** Notes an event that was accepted and turned out not to count. */
  noteError(error: AsynchronousError): void {
    this.#errors.push(error);
  }

  /** A snapshot event such as `customer.subscription.updated`, sent; returns its body and the status. */
  async sendSnapshot(type: string, object: unknown): Promise<{ body: string; status: number }> {
    const event = {
      id: this.#account.newId("evt"),
      object: "event",
      api_version: "2026-10-28.endive",
      created: this.#account.seconds,
      data: { object },
      livemode: false,
      pending_webhooks: 1,
      request: null,
      type,
    };
    const body = JSON.stringify(event);
    return { body, status: await this.send(body) };
  }

  /** Reports the asynchronous errors noted so far, one thin event a meter; returns the bodies sent. */
  async sendErrorReports(): Promise<string[]> {
    const errors = this.#errors;
    this.#errors = [];
    const bodies: string[] = [];
    for (const meterId of new Set(errors.map((error) => error.meterId))) {
      const event = this.#storeReport(
        meterId,
        errors.filter((error) => error.meterId === meterId),
      );
      const { data: _, ...thin } = event;
      const body = JSON.stringify(thin);
      bodies.push(body);
      await this.send(body);
    }
    return bodies;
  }

  /** Sends a body as it is, signed now; returns the status, 0 without an answer. */
  async send(body: string): Promise<number> {
    if (!this.target) return 0;
    try {
      const response = await fetch(this.target.url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          // Webhooks are signed by the clock of the world, whatever the account's own says.
          "stripe-signature": signPayload(body, this.target.secret, Math.floor(Date.now() / 1000)),
        },
        body,
      });
      await response.arrayBuffer();
      return response.status;
    } catch {
      return 0;
    }
  }

  #storeReport(meterId: string | null, errors: AsynchronousError[]): StoredObject {
    const at = new Date(this.#account.now()).toISOString();
    const codes = [...new Set(errors.map(({ code }) => code))];
    return this.#account.store("evt", "v2.core.event", {
      type: meterId ? "v1.billing.meter.error_report_triggered" : "v1.billing.meter.no_meter_found",
      created: at,
      context: null,
      reason: null,
      ...(meterId && {
        related_object: {
          id: meterId,
          type: "billing.meter",
          url: `/v1/billing/meters/${meterId}`,
        },
      }),
      data: {
        developer_message_summary: `There are ${errors.length} invalid events`,
        validation_start: new Date(
          Math.min(...errors.map((error) => error.at)) - 10_000,
        ).toISOString(),
        validation_end: at,
        reason: {
          error_count: errors.length,
          error_types: codes.map((code) =>
            sampleOf(
              code,
              errors.filter((error) => error.code === code),
            ),
          ),
        },
      },
    });
  }
}

/** Stripe lists samples only: three of them here. */
function sampleOf(code: string, errors: AsynchronousError[]) {
  return {
    code,
    error_count: errors.length,
    sample_errors: errors.slice(0, 3).map(({ message, idempotencyKey }) => ({
      error_message: message,
      request: { identifier: idempotencyKey },
    })),
  };
}
