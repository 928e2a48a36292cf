import { setTimeout } from "node:timers/promises";
import type { Account } from "./account.ts";
import type { Call } from "./call.ts";
import { checkParameters } from "./check-parameters.ts";
import type { FaultKind } from "./faults.ts";
import type { Answer } from "./idempotency.ts";
import { parseForm } from "./parse-form.ts";
import { findRoute, type Route } from "./routes.ts";
import { StripeFailure } from "./stripe-failure.ts";

/** A request as it was read. */
export interface IncomingCall {
  method: string;
  path: string;
  query: string;
  body: string;
  contentType: string;
  bearer: string;
  idempotencyKey: string;
}

/** What happens to the connection: an answer, a cut, silence, or half an answer. */
export type Outcome =
  | { kind: "answer" | "half"; answer: Answer }
  | { kind: "reset" }
  | { kind: "silence" };

/** Works on a request, as faulty as planned. */
export async function answerRequest(account: Account, incoming: IncomingCall): Promise<Outcome> {
  if (!account.traffic.arrive()) {
    account.log.push({ method: incoming.method, path: incoming.path, status: 429 });
    return { kind: "answer", answer: tooMany() };
  }
  const fault = account.faults.take(incoming);
  if (fault === "timeout_before") return { kind: "silence" };
  if (fault === "reset_before") return { kind: "reset" };
  if (fault === "rate_limit") return { kind: "answer", answer: tooMany() };
  const answer = await work(account, incoming, fault);
  account.log.push({ method: incoming.method, path: incoming.path, status: answer.status });
  if (fault === "timeout_after") return { kind: "silence" };
  if (fault === "reset_after") return { kind: "reset" };
  return { kind: fault === "slow_body" ? "half" : "answer", answer };
}

async function work(account: Account, incoming: IncomingCall, fault?: FaultKind): Promise<Answer> {
  const { idempotencyKey: key } = incoming;
  const isVersion2 = incoming.path.startsWith("/v2/");
  let isOpen = false;
  try {
    const found = findRoute(incoming.method, incoming.path);
    if (!found) {
      throw new StripeFailure(
        404,
        `Unrecognized request URL (${incoming.method}: ${incoming.path}).`,
      );
    }
    const call = readCall(account, incoming, found);
    if (key && incoming.method === "POST") {
      const replayed = account.keys.open(key, `${incoming.path} ${incoming.body}`);
      if (replayed) return replayed;
      isOpen = true;
    }
    if (fault === "error_before")
      throw new StripeFailure(500, "An unknown error occurred.", { isStored: true });
    const body = await oneAtATime(account, found.route, call);
    if (fault === "error_after")
      throw new StripeFailure(500, "An unknown error occurred.", { isStored: true });
    const answer = { status: 200, body };
    if (isOpen) account.keys.keep(key, answer);
    return answer;
  } catch (error) {
    if (!(error instanceof StripeFailure)) {
      if (isOpen) account.keys.forget(key);
      throw error;
    }
    const answer = answerOf(error);
    // Version 2 tries failed work again; version 1 repeats what it said once work had begun.
    if (isOpen && error.isStored && !isVersion2) account.keys.keep(key, answer);
    else if (isOpen) account.keys.forget(key);
    return answer;
  }
}

function readCall(
  account: Account,
  incoming: IncomingCall,
  { route, ids }: { route: Route; ids: string[] },
): Call {
  const { bearer, idempotencyKey, body, contentType } = incoming;
  const call: Call = { account, ids, values: {}, json: null, bearer, idempotencyKey };
  if (route.needsSession) requireSession(account, bearer);
  else if (!/^(sk|rk)_/.test(bearer)) {
    throw new StripeFailure(401, "Invalid API Key provided.", { type: "invalid_request_error" });
  }
  if (route.shapes) {
    if (
      incoming.method === "POST" &&
      body &&
      !contentType.startsWith("application/x-www-form-urlencoded")
    ) {
      throw new StripeFailure(
        400,
        `Invalid request (check that your POST content type is application/x-www-form-urlencoded).`,
      );
    }
    call.values = parseForm(incoming.method === "GET" ? incoming.query : body);
    checkParameters(call.values, route.shapes);
  } else if (incoming.method === "POST") {
    if (!contentType.startsWith("application/json")) {
      throw new StripeFailure(400, "The content type must be application/json.");
    }
    call.json = readJson(body);
  }
  return call;
}

function readJson(body: string): unknown {
  try {
    return body === "" ? {} : JSON.parse(body);
  } catch {
    throw new StripeFailure(400, "The body is not JSON.", { code: "invalid_fields" });
  }
}

function requireSession(account: Account, token: string): void {
  const endsAt = account.sessions.get(token);
  if (endsAt === undefined) throw new StripeFailure(401, "The token is not that of a session.");
  if (account.now() >= endsAt) {
    throw new StripeFailure(400, "The temporary session token has expired.", {
      type: "temporary_session_expired",
      code: "billing_meter_event_session_expired",
    });
  }
}

/** Some calls run one at a time: a second one meanwhile is told that there are too many. */
async function oneAtATime(account: Account, route: Route, call: Call): Promise<unknown> {
  const name = route.oneAtATime?.(call);
  if (name === undefined) return route.answer(call);
  try {
    if (!account.traffic.begin(name)) {
      throw new StripeFailure(
        429,
        "This object cannot be accessed right now because another API request is accessing it.",
        { code: "lock_timeout" },
      );
    }
    // Work takes a moment, in which others may come.
    if (account.workMs > 0) await setTimeout(account.workMs);
    return route.answer(call);
  } finally {
    account.traffic.end(name);
  }
}

function tooMany(): Answer {
  return answerOf(new StripeFailure(429, "Request rate limit exceeded.", { code: "rate_limit" }));
}

function answerOf(failure: StripeFailure): Answer {
  const headers = failure.message.startsWith("An event already exists")
    ? { "stripe-should-retry": "false" }
    : undefined;
  return { status: failure.status, body: failure.toWire(), ...(headers && { headers }) };
}
