import { readPieces } from "../read-pieces.ts";

/** A request as the provider gets it. */
export interface UpstreamRequest {
  method: "GET" | "POST";
  url: string;
  headers: Headers;
  body: Uint8Array<ArrayBuffer>;
}

/** What came back, or why nothing did. */
export type UpstreamResult =
  | {
    kind: "answer";
    response: Response;
    /** Ends the exchange, also in the middle of the body. */
    abort: () => void;
  }
  | { kind: "unsent" | "unreachable" | "aborted" | "timeout"; cause: unknown };

/**
 * Sends a request to a provider. It ends early when the client leaves, and when the provider has
 * not begun to answer after `timeoutMs`. Redirects are not followed: a key must not travel.
 */
export async function sendUpstream(
  request: UpstreamRequest,
  options: { fetch: typeof fetch; clientGone: AbortSignal; timeoutMs: number },
): Promise<UpstreamResult> {
  const { clientGone, timeoutMs } = options;
  if (clientGone.aborted) return { kind: "unsent", cause: clientGone.reason };
  const controller = new AbortController();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    controller.abort();
  }, timeoutMs);
  const abort = () => controller.abort();
  clientGone.addEventListener("abort", abort);
  try {
    const response = await options.fetch(request.url, {
      method: request.method,
      headers: request.headers,
      ...(request.method === "POST" && { body: request.body }),
      redirect: "manual",
      signal: controller.signal,
    });
    return { kind: "answer", response, abort };
  } catch (cause) {
    if (isLate) return { kind: "timeout", cause };
    return { kind: clientGone.aborted ? "aborted" : "unreachable", cause };
  } finally {
    clearTimeout(timer);
    clientGone.removeEventListener("abort", abort);
  }
}

/**
 * Reads an answer to its end, until the client leaves or it takes too long: then the provider is
 * stopped.
 *
 * @returns the bytes; why there are none otherwise
 */
export async function readAnswer(
  { response, abort }: Extract<UpstreamResult, { kind: "answer" }>,
  { clientGone, timeoutMs }: { clientGone: AbortSignal; timeoutMs: number },
): Promise<Uint8Array<ArrayBuffer> | "aborted" | "timeout" | "failed"> {
  const reader = response.body && readPieces(response.body);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let stopped: "aborted" | "timeout" | undefined;
  // The signal of the request alone leaves some connections open under Deno.
  const stop = (why: "aborted" | "timeout") => {
    stopped ??= why;
    abort();
    reader?.cancel().catch(() => {});
  };
  const leave = () => stop("aborted");
  const timer = setTimeout(() => stop("timeout"), timeoutMs);
  clientGone.addEventListener("abort", leave);
  try {
    if (clientGone.aborted) leave();
    while (reader) {
      const piece = await reader.read();
      if (stopped !== undefined) return stopped;
      if (piece === null) break;
      chunks.push(piece);
    }
  } catch {
    return stopped ?? "failed";
  } finally {
    clearTimeout(timer);
    clientGone.removeEventListener("abort", leave);
  }
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

const PLAIN_PATH = /^(\/[\w-]+)+$/;

/**
 * Appends a path, which may carry a query, to a base URL that may carry one too, as Azure's does.
 *
 * @param version the version that the caller speaks; it takes the place of one of the `versions` at
 *   the end of the base URL
 */
export function upstreamUrl(
  baseUrl: string,
  path: string,
  { version, versions }: { version: string; versions: readonly string[] },
): string {
  // Nearly every address: there is nothing in it to be parsed or escaped.
  if (PLAIN_PATH.test(path) && !baseUrl.includes("?") && versions.length === 1) {
    return baseUrl + path;
  }
  const url = new URL(baseUrl);
  let base = url.pathname.replace(/\/+$/, "");
  const configured = versions.find((known) => base.endsWith(known));
  if (configured !== undefined && versions.length > 1) {
    base = base.slice(0, -configured.length) + version;
  }
  const [pathname = "", query = ""] = path.split("?", 2);
  url.pathname = base + pathname;
  for (const [name, value] of new URLSearchParams(query)) {
    url.searchParams.append(name, value);
  }
  return url.href;
}

const PASSED_BACK =
  /^(content-type|cache-control|retry-after(-ms)?|x-should-retry|(x-)?request-id|openai-(processing-ms|version|model)|(x|anthropic)-ratelimit-.+)$/;

/**
 * The headers of a provider's answer that a caller gets. The others describe the connection, or name
 * the operator's account.
 */
export function passedBackHeaders(upstream: Headers): Headers {
  const headers = new Headers();
  for (const [name, value] of upstream) {
    if (PASSED_BACK.test(name)) headers.set(name, value);
  }
  return headers;
}
