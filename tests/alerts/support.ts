import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { AlertData, Message } from "../../supabase/functions/_tally/alerts/delivery.ts";
import { describeAlert } from "../../supabase/functions/_tally/alerts/describe-alert.ts";

/** An alert as the database tells it: 90 % of a monthly limit of 100 USD. */
export function alertOf(changes: Partial<AlertData> = {}): AlertData {
  return {
    alert_id: "5a3f9f0e-4a3f-4a57-9a0b-1f2e3d4c5b6a",
    organization_id: "0e7a3c52-9d4b-4c8e-8a51-6f2d7b9c1e30",
    organization_name: "Acme",
    quota_id: "c2a9e6d4-1b3f-4a5c-8d7e-9f0a1b2c3d4e",
    kind: "threshold",
    level: "critical",
    threshold: 90,
    metric: "cost_usd",
    quota_type: "monthly",
    quota_limit: 100,
    current_usage: 92.5,
    percent_used: 92,
    period_start: "2026-11-01T00:00:00+00:00",
    reset_at: "2026-12-01T00:00:00+00:00",
    expected_at: null,
    created_at: "2026-11-23T10:15:00+00:00",
    timezone: "UTC",
    enforcement: "hard",
    is_credit: false,
    scope: {},
    ...changes,
  };
}

export function messageOf(changes: Partial<AlertData> = {}): Message {
  const alert = alertOf(changes);
  return {
    id: "9d0c6b3e-7f5a-4d1c-8b2a-3e4f5a6b7c8d",
    ...describeAlert(alert),
    alert,
    alertJson: JSON.stringify(alert),
  };
}

/** A request as it arrived. */
export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A receiver of messages on this machine. */
export interface Receiver {
  url: string;
  received: Received[];
  close(): Promise<void>;
}

/** Starts a receiver; `answer` gives the status of each request, 204 when it gives none. */
export async function startReceiver(
  answer: (request: Received) => number | undefined | Promise<number | undefined> = () => undefined,
): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const arrived = {
      path: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    };
    received.push(arrived);
    const status = (await answer(arrived)) ?? 204;
    response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
