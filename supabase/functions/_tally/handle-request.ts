import { type Actor, authorizeRequest, type Scope } from "./authorize-request.ts";
import { type Database, openDatabase } from "./database.ts";
import { readEnv, type ReadVariable, type TallyEnv } from "./env.ts";
import { TallyError, toTallyError } from "./errors.ts";
import { KnownUsers } from "./identify-user.ts";
import { causeOf, type LogFields, logRequest, type WriteLine } from "./log-request.ts";

/** What handlers get from outside: nothing in `_tally` reaches for it by itself. */
export interface Deps {
  env: TallyEnv;
  database: Database;
  fetch: typeof fetch;
  /** Milliseconds since 1970. */
  now: () => number;
  knownUsers: KnownUsers;
  /** Keeps the isolate alive for work that outlives the response. */
  waitUntil: (work: Promise<unknown>) => void;
}

/** One request on its way through a function. */
export interface RequestContext {
  request: Request;
  /** Path after the function's name, starting with `/`. */
  path: string;
  query: URLSearchParams;
  deps: Deps;
  /** What the request's log line says besides the outcome; handlers add to it. */
  log: LogFields;
  /** Refuses methods that are not listed (PT405). */
  allowMethods: (...methods: string[]) => void;
  /** Who acts (PT401, PT403). */
  authorize: () => Promise<Actor>;
  /** Work that may end after the response was returned, such as a stream: the log line waits for it. */
  finishAfter: (work: Promise<unknown>) => void;
}

/** What one function is made of. */
export interface FunctionDefinition {
  /** Its name, which is also the first part of its path. */
  name: string;
  /** The scope that an API key needs. */
  scope: Scope;
  handle: (context: RequestContext) => Promise<Response>;
  /** How an error looks to its callers; `{ code, message, hint }` when absent. */
  respondToError?: (error: TallyError, path: string) => Response;
}

/** The surroundings of a function: what differs between Deno, hosted Supabase and a test. */
export interface Surroundings {
  variable: ReadVariable;
  fetch?: typeof fetch;
  now?: () => number;
  database?: Database;
  waitUntil?: (work: Promise<unknown>) => void;
  /** Where the log goes; the console when absent. */
  writeLine?: WriteLine;
}

const ALLOWED_FOR_BROWSERS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": [
    "x-tally-request-id",
    "x-tally-usage-id",
    "x-tally-cost-usd",
    "x-tally-remaining",
    "x-tally-remaining-metric",
    "x-request-id",
    "request-id",
    // An SDK in a browser decides by these whether to send a request again.
    "x-should-retry",
    "retry-after",
    "retry-after-ms",
  ].join(", "),
};

/**
 * Makes the fetch handler of one function: CORS, errors in one shape, one log line per request.
 * Connects at once: an isolate starts because a request waits for it.
 */
export function handleRequests(
  definition: FunctionDefinition,
  surroundings: Surroundings,
): (request: Request) => Promise<Response> {
  let deps = connectEarly(surroundings);
  // Hosted functions see their whole path, others only what is below the mount.
  const mounted = new RegExp(`^(?:/functions/v1)?/${definition.name}(/.*)?$`);
  return async (request) => {
    const startedAt = performance.now();
    const id = crypto.randomUUID();
    const log: LogFields = {};
    const { pathname, searchParams: query } = new URL(request.url);
    const match = mounted.exec(pathname);
    const path = match === null ? pathname : match[1] ?? "/";
    const afterwards: Promise<unknown>[] = [];
    let outcome = "ok";
    let response: Response;
    try {
      if (request.method === "OPTIONS") return preflight(request);
      deps ??= connect(surroundings);
      const ready = deps;
      response = await definition.handle({
        request,
        path,
        query,
        deps: ready,
        log,
        allowMethods: (...methods) => refuseOtherMethods(request.method, methods),
        authorize: async () => {
          const actor = await authorizeRequest(request, definition.scope, ready);
          log.actor = actor.kind;
          return actor;
        },
        finishAfter: (work) => {
          afterwards.push(work);
        },
      });
    } catch (thrown) {
      const error = toTallyError(thrown);
      outcome = error.code;
      const cause = error.cause === undefined ? undefined : causeOf(error.cause);
      if (error.status >= 500 && cause !== undefined) log.cause = cause;
      response = (definition.respondToError ?? respondWithError)(error, path);
      for (const [name, value] of Object.entries(error.headers)) response.headers.set(name, value);
    }
    for (const [name, value] of Object.entries(ALLOWED_FOR_BROWSERS)) {
      response.headers.set(name, value);
    }
    response.headers.set("x-tally-request-id", id);
    const { status } = response;
    const writeLog = () =>
      logRequest({
        id,
        function: definition.name,
        outcome,
        status,
        ms: Math.round(performance.now() - startedAt),
        ...log,
      }, surroundings.writeLine);
    if (afterwards.length === 0) writeLog();
    else void allOver(afterwards).then(writeLog);
    return response;
  };
}

/** Waits for each, also for what is added meanwhile. */
async function allOver(work: Promise<unknown>[]): Promise<void> {
  for (const promise of work) await promise.catch(() => {});
}

/** The usual answer to an error. */
export function respondWithError(error: TallyError): Response {
  return Response.json(error.toWire(), { status: error.status });
}

/** Nothing when the environment is not complete: the first request is told what is missing. */
function connectEarly(surroundings: Surroundings): Deps | undefined {
  try {
    return connect(surroundings);
  } catch {
    return undefined;
  }
}

function connect(surroundings: Surroundings): Deps {
  const env = readEnv(surroundings.variable);
  return {
    env,
    database: surroundings.database ?? openDatabase(env.databaseUrl, env.databasePoolSize),
    fetch: surroundings.fetch ?? fetch,
    now: surroundings.now ?? Date.now,
    knownUsers: new KnownUsers(),
    waitUntil: surroundings.waitUntil ?? (() => {}),
  };
}

function refuseOtherMethods(method: string, allowed: string[]): void {
  if (allowed.includes(method)) return;
  throw new TallyError("PT405", `The method ${method} is not allowed here.`, {
    hint: `Use ${allowed.join(" or ")}.`,
    headers: { allow: allowed.join(", ") },
  });
}

/** Browsers ask before they send a key. No cookies are used, so any origin may. */
function preflight(request: Request): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...ALLOWED_FOR_BROWSERS,
      "access-control-allow-methods": "POST, OPTIONS",
      "access-control-allow-headers": request.headers.get("access-control-request-headers") ??
        "authorization, content-type",
      "access-control-max-age": "86400",
    },
  });
}
