import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";

/** Answers a request of Node's server by a handler that speaks the Web's `Request` and `Response`. */
export async function answerWithFetch(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  origin: string,
  handler: (request: Request) => Promise<Response>,
): Promise<void> {
  const method = incoming.method ?? "GET";
  const hasBody = method !== "GET" && method !== "HEAD";
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  const request = new Request(new URL(incoming.url ?? "/", origin), {
    method,
    headers,
    ...(hasBody && { body: await buffer(incoming) }),
  });
  const response = await handler(request);
  outgoing.statusCode = response.status;
  for (const name of new Set(response.headers.keys())) outgoing.removeHeader(name);
  for (const [name, value] of response.headers) outgoing.appendHeader(name, value);
  if (response.body) await pipeline(Readable.fromWeb(response.body as ReadableStream), outgoing);
  else outgoing.end();
}
