import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Account, type LoggedRequest } from "./account.ts";
import { answerControl } from "./answer-control.ts";
import { answerRequest, type Outcome } from "./answer-request.ts";

export interface FakeStripeOptions {
  /** TCP port on 127.0.0.1; a free one when absent. */
  port?: number;
  /** Milliseconds since 1970; the clock of this machine when absent. */
  now?: () => number;
  /** How long after an event was received summaries know of it, in ms. Default 0. */
  lagMs?: number;
}

/** A running fake. Everything that a test looks at or breaks is in `account`. */
export interface FakeStripe {
  /** Origin without a trailing slash. */
  url: string;
  port: number;
  account: Account;
  /** What was asked so far, one line a request that was worked on. */
  requests(): LoggedRequest[];
  /** What an event name adds up to for a customer in an hour (ms since 1970), lag or not. */
  total(eventName: string, customer: string, hour: number): number;
  /** Ends open connections and stops listening. */
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;

/**
 * Starts a server that answers like the parts of Stripe that metering needs, on 127.0.0.1 only.
 *
 * @throws when the port is taken (`EADDRINUSE`).
 * @example
 * const fake = await startFakeStripe();
 * const stripe = new Stripe("sk_test_x", { host: "127.0.0.1", port: fake.port, protocol: "http" });
 */
export async function startFakeStripe(options: FakeStripeOptions = {}): Promise<FakeStripe> {
  const account = new Account(options.now ?? Date.now, options.lagMs ?? 0);
  const server = createServer((request, response) => {
    handle(request, response, account).catch((error: unknown) => {
      // The client sees a cut connection; a defect of the fake must not pass for an answer.
      console.error("fake stripe:", error);
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    account,
    requests: () => account.log,
    total: (eventName, customer, hour) => {
      const meter = account.usage.meterOf(eventName);
      return meter ? account.usage.aggregate(meter, customer, hour, hour + HOUR_MS, Infinity) : 0;
    },
    close: () =>
      new Promise<void>((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function handle(request: IncomingMessage, response: ServerResponse, account: Account) {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  const body = await readBody(request);
  if (url.pathname.startsWith("/__fake/")) {
    const answer = await answerControl(account, request.method ?? "GET", url, body);
    return send(response, { kind: "answer", answer });
  }
  const header = (name: string) => String(request.headers[name] ?? "");
  const outcome = await answerRequest(account, {
    method: request.method ?? "GET",
    path: url.pathname,
    query: url.search.slice(1),
    body,
    contentType: header("content-type"),
    bearer: header("authorization").replace(/^Bearer /, ""),
    idempotencyKey: header("idempotency-key"),
  });
  response.setHeader("date", new Date(account.now()).toUTCString());
  send(response, outcome);
}

function send(response: ServerResponse, outcome: Outcome): void {
  if (outcome.kind === "reset") response.socket?.resetAndDestroy();
  if (outcome.kind === "reset" || outcome.kind === "silence") return;
  const { status, body, headers } = outcome.answer;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "request-id": "req_fake",
    ...headers,
  });
  // Half of it, and then nothing more: the client's own time limit has to end it.
  if (outcome.kind === "half") response.write(text.slice(0, text.length / 2));
  else response.end(text);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(request, "end");
  return Buffer.concat(chunks).toString("utf8");
}
