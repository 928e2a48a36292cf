import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";

/** Where a request goes on the loopback interface. */
export interface ForwardTarget {
  port: number;
  path: string;
  /** Added to the headers of the caller. */
  headers: Record<string, string>;
}

/** These belong to one connection and are not passed on. */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/**
 * Passes a request on and its answer back, byte by byte as they arrive. When one side goes away,
 * so does the other.
 *
 * @returns whether the target answered; when it did not, nothing has been written to `outgoing`
 */
export function forwardRequest(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  target: ForwardTarget,
): Promise<boolean> {
  return new Promise((resolve) => {
    const upstream = request({
      host: "127.0.0.1",
      port: target.port,
      path: target.path,
      method: incoming.method,
      headers: { ...passedOn(incoming.headers), ...target.headers },
      agent: false,
    });
    outgoing.once("close", () => {
      upstream.destroy();
      resolve(true);
    });
    upstream.on("error", () => {
      // A target that has answered may leave the rest of the body unread: that is no failure.
      incoming.unpipe(upstream).resume();
      if (!outgoing.headersSent) resolve(false);
    });
    upstream.once("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage, passedOn(answer.headers));
      // A stream's headers must not wait for its first event.
      outgoing.flushHeaders();
      answer.once("error", () => outgoing.destroy());
      answer.pipe(outgoing);
    });
    incoming.pipe(upstream);
  });
}

function passedOn(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const dropped = new Set([
    ...HOP_BY_HOP,
    ...(headers.connection ?? "").toLowerCase().split(/\s*,\s*/),
  ]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)));
}
