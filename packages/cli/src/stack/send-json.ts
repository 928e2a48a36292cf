import type { ServerResponse } from "node:http";

/** Answers with JSON that a page of any origin may read. */
export function sendJson(outgoing: ServerResponse, status: number, body: unknown): void {
  outgoing.writeHead(status, {
    "access-control-allow-headers": "*",
    "access-control-allow-origin": "*",
    "content-type": "application/json; charset=utf-8",
  });
  outgoing.end(`${JSON.stringify(body, null, 2)}\n`);
}
