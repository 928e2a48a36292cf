import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { messageOf } from "../cli-error.ts";
import { answerPreflight } from "./answer-preflight.ts";
import { answerWithFetch } from "./answer-with-fetch.ts";
import { callFunction, type FunctionGate } from "./call-function.ts";
import type { Lite } from "./open-lite.ts";
import { sendJson } from "./send-json.ts";

/** What stands behind the one origin. */
export interface OriginParts extends FunctionGate {
  port: number;
  lite: Lite;
}

/** The one address under which clients find REST, Auth and the edge functions. */
export interface Origin {
  close(): Promise<void>;
}

/** Listens on the loopback interface. Rejects when the port is taken. */
export async function serveOrigin(parts: OriginParts): Promise<Origin> {
  const origin = `http://127.0.0.1:${parts.port}`;
  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing, origin, parts).catch((error) => {
      console.error(error);
      if (outgoing.headersSent) outgoing.destroy();
      else sendJson(outgoing, 500, { code: "INTERNAL", message: messageOf(error) });
    });
  });
  // A metered stream may be silent for minutes; the functions have limits of their own.
  server.requestTimeout = 0;
  // Longer than clients keep an idle connection, so that they do not send into one we just closed.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(parts.port, "127.0.0.1", resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  origin: string,
  parts: OriginParts,
): Promise<void> {
  const url = new URL(incoming.url ?? "/", `http://${incoming.headers.host ?? "127.0.0.1"}`);
  if (/^\/(rest|auth)\/v1(\/|$)/.test(url.pathname)) {
    if (answerPreflight(incoming, outgoing)) return;
    const peer = incoming.socket.remoteAddress ?? null;
    await answerWithFetch(incoming, outgoing, origin, (request) => parts.lite.fetch(request, peer));
  } else if (url.pathname.startsWith("/functions/v1/")) {
    await callFunction(incoming, outgoing, url, parts);
  } else if (url.pathname === "/") {
    sendJson(outgoing, 200, {
      name: "Tallybase local stack",
      rest: `${origin}/rest/v1`,
      auth: `${origin}/auth/v1`,
      functions: parts.functions.names().map((name) => `${origin}/functions/v1/${name}`),
      keys: "npx tallybase status",
    });
  } else {
    sendJson(outgoing, 404, {
      code: "NOT_FOUND",
      message: `Nothing is at ${url.pathname}: GET / tells what is where.`,
    });
  }
}
