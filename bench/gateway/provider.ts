/**
 * A provider that answers at once and does nothing else, in a process of its own: what is measured is
 * what stands before it. It says 20 words, streamed or not; to the user `long-<frames>-<bytes>` it
 * streams so many frames of so many bytes.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const WORDS = 20;
const usage = { prompt_tokens: 20, completion_tokens: WORDS, total_tokens: 20 + WORDS };
const base = { id: "chatcmpl-bench", created: 1_760_000_000, model: "gpt-4o-mini" };

const chunk = (delta: object, more: object = {}) =>
  `data: ${JSON.stringify({ ...base, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: null, ...more }] })}\n\n`;
const usageFrame = `data: ${JSON.stringify({ ...base, object: "chat.completion.chunk", choices: [], usage })}\n\n`;
const last = chunk({}, { finish_reason: "stop" });
const word = chunk({ content: "word " });

const answer = JSON.stringify({
  ...base,
  object: "chat.completion",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: "word ".repeat(WORDS) },
      finish_reason: "stop",
    },
  ],
  usage,
});

const server = createServer((request, response) => {
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.on("end", () => {
    const body = JSON.parse(Buffer.concat(pieces).toString());
    if (body.stream !== true) {
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(answer),
      });
      response.end(answer);
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const [, frames, bytes] = /^long-(\d+)-(\d+)$/.exec(body.user) ?? [];
    if (frames === undefined) {
      for (let index = 0; index < WORDS; index++) response.write(word);
      response.end(`${last}${usageFrame}data: [DONE]\n\n`);
    } else void sendLong(response, Number(frames), Number(bytes));
  });
});

/** Sends as fast as it is read, never more. */
async function sendLong(response: ServerResponse, frames: number, bytes: number): Promise<void> {
  const frame = chunk({ content: "x".repeat(bytes) });
  for (let index = 0; index < frames && !response.destroyed; index++) {
    if (response.write(frame)) continue;
    await new Promise<void>((resolve) => {
      const go = () => {
        response.off("drain", go);
        response.off("close", go);
        resolve();
      };
      response.once("drain", go);
      response.once("close", go);
    });
  }
  response.end(`${last}${usageFrame}data: [DONE]\n\n`);
}

server.listen(0, "127.0.0.1", () => {
  process.send?.((server.address() as AddressInfo).port);
});
process.on("disconnect", () => process.exit());
