import type { IncomingMessage, ServerResponse } from "node:http";
import { type Bill, headersWithoutKeys } from "./bill.ts";
import type { Call, Dialect, Exchange, JsonObject } from "./dialect.ts";
import { type Answer, classesOfPart, planAnswer } from "./plan-answer.ts";
import { anthropic } from "./providers/anthropic.ts";
import { google } from "./providers/google.ts";
import { openai } from "./providers/openai.ts";
import { xai } from "./providers/xai.ts";
import { type Behaviour, readBehaviour, UnknownBehaviour } from "./read-behaviour.ts";
import { asArray, type Sent, sendBytes, sendFrames, sendJson } from "./send-answer.ts";

const DIALECTS: Dialect[] = [openai, anthropic, google, xai];

/** Answers one request in the dialect of its base path, and writes it on the bill. */
export async function answerRequest(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  bill: Bill,
): Promise<void> {
  const [, base = "", path = ""] = /^\/([^/]+)(\/.*)$/.exec(url.pathname) ?? [];
  const dialect = DIALECTS.find(({ name }) => name === base);
  if (!dialect) {
    response.writeHead(404, { "content-type": "text/plain" });
    response.end("The fake provider has the base paths /openai, /anthropic, /google and /xai.\n");
    return;
  }

  const body = await readBody(request);
  const call =
    body && request.method === "POST" ? dialect.read(path, body, url.searchParams) : null;
  const line = bill.open({
    provider: dialect.name,
    method: request.method ?? "",
    path,
    model: call && typeof call === "object" ? call.model : null,
    stream: call !== null && typeof call === "object" && call.stream,
    body,
    headers: headersWithoutKeys(request.headers),
  });

  const refuse = async (status: number, message: string, behaviour: Behaviour = {}) => {
    line.status = status;
    const headers = {
      ...idHeaders(line.id),
      ...(behaviour.retry_after !== undefined && { "retry-after": String(behaviour.retry_after) }),
    };
    const error = dialect.error(status, message);
    await sendJson(request, response, status, headers, error, { delay: behaviour.delay ?? 0 });
    bill.close(line, "error", null);
  };

  if (!dialect.hasKey(request.headers, url)) return refuse(401, "No API key was provided.");
  const listed = request.method === "GET" ? dialect.list(path) : null;
  if (listed !== null) {
    line.status = 200;
    await sendJson(request, response, 200, idHeaders(line.id), listed, {});
    bill.close(line, "complete", null);
    return;
  }
  if (request.method !== "POST") return refuse(405, `Method ${request.method} is not allowed.`);
  if (body === null) return refuse(400, "The body of the request is not a JSON object.");
  if (call === null) return refuse(404, `Unknown request URL: POST ${path}.`);
  if (typeof call === "string") return refuse(400, call);
  if (call.model.startsWith("no-such-")) {
    return refuse(404, `The model \`${call.model}\` does not exist.`);
  }
  const behaviour = wishedBehaviour(request, call);
  if (behaviour instanceof UnknownBehaviour) return refuse(400, behaviour.message);
  if (behaviour.fail_model === call.model) {
    return refuse(503, `The model ${call.model} is overloaded, as asked.`, { retry_after: 0 });
  }
  if (behaviour.status !== undefined) {
    return refuse(behaviour.status, `Fake error ${behaviour.status}, as asked.`, behaviour);
  }

  const answer = planFor(call, behaviour);
  const exchange = {
    id: line.id,
    model: behaviour.answer_model ?? call.model,
    body,
    answer,
    behaviour,
    now: Math.floor(Date.now() / 1000),
  };
  line.model = exchange.model;
  line.status = 200;
  const headers = idHeaders(line.id);
  const sent = await send(request, response, headers, call, exchange);
  bill.close(line, sent.outcome, call.free ? null : due(answer, sent));
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  headers: Record<string, string>,
  call: Call,
  exchange: Exchange,
): Promise<Sent> {
  const { behaviour } = exchange;
  if (call.stream && call.frames) {
    const frames = call.frames(exchange);
    if (!call.streamsArray) return sendFrames(response, headers, frames, behaviour);
    const type = { "content-type": "application/json; charset=UTF-8" };
    return sendFrames(response, { ...headers, ...type }, asArray(frames), behaviour);
  }
  if (!call.content)
    return sendJson(request, response, 200, headers, call.reply(exchange), behaviour);
  const { type, bytes } = call.content(exchange);
  return sendBytes(request, response, 200, { ...headers, "content-type": type }, bytes, behaviour);
}

function planFor(call: Call, behaviour: Behaviour): Answer {
  const prompt = { text: call.prompt, messages: call.messages };
  const answer = call.withoutOutput
    ? planAnswer(prompt, 0, { ...behaviour, output: 0, reasoning: 0, words: 0 })
    : planAnswer(prompt, call.maxTokens, behaviour);
  return { ...answer, classes: { ...answer.classes, ...call.bills } };
}

/** A cut answer is billed for what was generated until then, as the providers do. */
function due(answer: Answer, sent: Sent) {
  return sent.outcome === "complete" ? answer.classes : classesOfPart(answer, sent.pieces);
}

function wishedBehaviour(request: IncomingMessage, call: Call): Behaviour | UnknownBehaviour {
  try {
    return readBehaviour(request.headers, call.prompt);
  } catch (error) {
    if (error instanceof UnknownBehaviour) return error;
    throw error;
  }
}

function idHeaders(id: number): Record<string, string> {
  return { "x-request-id": `req_fake_${id}`, "request-id": `req_fake_${id}` };
}

/** A JSON object, or the fields of a form: a file as its name and size. */
async function readBody(request: IncomingMessage): Promise<JsonObject | null> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("multipart/form-data")) return readForm(bytes, type);
  try {
    const parsed: unknown = JSON.parse(bytes.toString("utf8"));
    return parsed !== null && typeof parsed === "object" && !Array.isArray(parsed)
      ? (parsed as JsonObject)
      : null;
  } catch {
    return null;
  }
}

async function readForm(bytes: Buffer, type: string): Promise<JsonObject | null> {
  const form = await new Response(new Uint8Array(bytes), { headers: { "content-type": type } })
    .formData()
    .catch(() => null);
  if (form === null) return null;
  return Object.fromEntries(
    [...form].map(([name, value]) => [
      name,
      typeof value === "string" ? value : { filename: value.name, size: value.size },
    ]),
  );
}
