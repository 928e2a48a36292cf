import type { IncomingMessage, ServerResponse } from "node:http";
import { CliError, messageOf } from "../cli-error.ts";
import type { FunctionHost, FunctionLease } from "../functions/host-functions.ts";
import { isValidToken } from "../functions/verify-token.ts";
import { forwardRequest } from "./forward-request.ts";
import { sendJson } from "./send-json.ts";

/** What a call of an edge function needs besides the request. */
export interface FunctionGate {
  functions: FunctionHost;
  jwtSecret: string;
  /** Told when a function does not start, with the reason. */
  onFailure(error: CliError): void;
}

/**
 * Answers `/functions/v1/<name>/…` as the platform does: the function sees the path from its own
 * name on, and the platform's refusals have the platform's words.
 */
export async function callFunction(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  url: URL,
  { functions, jwtSecret, onFailure }: FunctionGate,
): Promise<void> {
  const path = url.pathname.slice("/functions/v1".length);
  const name = path.split("/")[1] ?? "";
  const verifiesJwt = functions.verifiesJwt(name);
  if (verifiesJwt === null) {
    sendJson(outgoing, 404, { code: "NOT_FOUND", message: "Requested function was not found" });
    return;
  }
  if (verifiesJwt && incoming.method !== "OPTIONS") {
    const refusal = refuseToken(incoming.headers.authorization, jwtSecret);
    if (refusal) {
      sendJson(outgoing, 401, { code: 401, message: refusal });
      return;
    }
  }
  let lease: FunctionLease;
  try {
    lease = await functions.take(name);
  } catch (error) {
    onFailure(error instanceof CliError ? error : new CliError(messageOf(error)));
    sendJson(outgoing, 503, {
      code: "BOOT_ERROR",
      message: "Function failed to start (please check logs)",
    });
    return;
  }
  try {
    const isAnswered = await forwardRequest(incoming, outgoing, {
      port: lease.port,
      path: path + url.search,
      headers: {
        "x-forwarded-for": incoming.socket.remoteAddress ?? "127.0.0.1",
        "x-forwarded-host": url.host,
        "x-forwarded-port": url.port,
        "x-forwarded-prefix": `/functions/v1/${name}`,
        "x-forwarded-proto": "http",
      },
    });
    if (!isAnswered) {
      sendJson(outgoing, 502, {
        code: "WORKER_ERROR",
        message: "Function exited without an answer (please check logs)",
      });
    }
  } finally {
    lease.release();
  }
}

function refuseToken(authorization: string | undefined, secret: string): string | null {
  if (!authorization) return "Missing authorization header";
  const token = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1];
  return token && isValidToken(token, secret) ? null : "Invalid JWT";
}
