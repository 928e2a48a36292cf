import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Frame } from "./dialect.ts";
import type { Behaviour } from "./read-behaviour.ts";

/** How sending ended, and how many pieces of content had left by then. */
export interface Sent {
  outcome: "complete" | "aborted" | "broken";
  pieces: number;
}

/** Sends a JSON answer, in one piece or as the behaviour says. */
export async function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: unknown,
  behaviour: Behaviour,
): Promise<Sent> {
  const bytes = Buffer.from(JSON.stringify(body));
  const typed = { "content-type": "application/json", ...headers };
  return sendBytes(request, response, status, typed, bytes, behaviour);
}

/** Sends an answer of any type, in one piece or as the behaviour says. */
export async function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  content: Buffer,
  behaviour: Behaviour,
): Promise<Sent> {
  const isGone = watchClient(response);
  await pause(behaviour.delay, isGone.signal);
  if (isGone.signal.aborted) return { outcome: "aborted", pieces: 0 };
  let bytes = content;
  const isZipped = Boolean(
    behaviour.gzip && String(request.headers["accept-encoding"] ?? "").includes("gzip"),
  );
  if (isZipped) bytes = gzipSync(bytes);
  response.writeHead(status, {
    "content-length": String(bytes.length),
    ...(isZipped && { "content-encoding": "gzip" }),
    ...headers,
  });
  if (behaviour.break_after !== undefined) {
    await writeAll(response, bytes.subarray(0, Math.floor(bytes.length / 2)), behaviour);
    response.destroy();
    return { outcome: "broken", pieces: 0 };
  }
  if (behaviour.hang_after !== undefined) {
    await untilGone(response);
    return { outcome: "aborted", pieces: 0 };
  }
  await writeAll(response, bytes, behaviour);
  response.end();
  return {
    outcome: isGone.signal.aborted ? "aborted" : "complete",
    pieces: Number.MAX_SAFE_INTEGER,
  };
}

/** Sends server-sent events, and stops where the behaviour or the client says so. */
export async function sendFrames(
  response: ServerResponse,
  headers: Record<string, string>,
  frames: Frame[],
  behaviour: Behaviour,
): Promise<Sent> {
  const isGone = watchClient(response);
  await pause(behaviour.delay, isGone.signal);
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    ...headers,
  });
  response.flushHeaders();
  let pieces = 0;
  for (const frame of frames) {
    if (frame.isContent && pieces === behaviour.break_after) {
      response.destroy();
      return { outcome: "broken", pieces };
    }
    if (frame.isContent && pieces === behaviour.hang_after) await untilGone(response);
    if (isGone.signal.aborted) return { outcome: "aborted", pieces };
    await writeAll(response, Buffer.from(frame.text), behaviour);
    if (frame.isContent) pieces++;
    await pause(behaviour.chunk_delay, isGone.signal);
  }
  if (isGone.signal.aborted) return { outcome: "aborted", pieces };
  response.end();
  return { outcome: "complete", pieces };
}

/** The same frames as the elements of one JSON array, as Google sends them unless asked for events. */
export function asArray(frames: Frame[]): Frame[] {
  const elements = frames.map(({ text, isContent }, index) => ({
    text: `${index === 0 ? "[" : ",\r\n"}${text.slice("data: ".length).trimEnd()}`,
    isContent,
  }));
  return [...elements, { text: "]", isContent: false }];
}

/** A signal that fires when the client leaves before the answer is finished. */
function watchClient(response: ServerResponse): AbortController {
  const gone = new AbortController();
  if (response.destroyed) gone.abort();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  return gone;
}

async function untilGone(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  await new Promise<void>((resolve) => response.once("close", () => resolve()));
}

async function pause(ms: number | undefined, signal: AbortSignal): Promise<void> {
  if (!ms || signal.aborted) return;
  await wait(ms, undefined, { signal }).catch(() => undefined);
}

async function writeAll(response: ServerResponse, bytes: Buffer, behaviour: Behaviour) {
  const size = behaviour.split ? Math.max(1, behaviour.split) : bytes.length;
  for (let start = 0; start < bytes.length; start += size) {
    if (response.destroyed) return;
    // Waiting until the bytes have left keeps pieces apart, and nothing is lost by a cut after them.
    await new Promise<void>((resolve) => {
      const done = () => {
        response.off("close", done);
        resolve();
      };
      response.once("close", done);
      response.write(bytes.subarray(start, start + size), done);
    });
  }
}
