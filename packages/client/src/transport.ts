import type { Answer } from "./call-with-retry.ts";
import { errorFromBody, TallybaseError } from "./errors.ts";
import type { Wire } from "./names.ts";

/** A way to reach a project: its SQL functions by name, and its edge functions by name. */
export interface Transport {
  callFunction(name: string, args: Wire, signal: AbortSignal): Promise<Answer>;
  invokeEdge(name: string, body: Wire, signal: AbortSignal): Promise<Answer>;
  /** Calls a path of the gateway and gives the response as it is, a stream included. Never repeated. */
  callGateway(path: string, request: GatewayRequest): Promise<Response>;
  /**
   * As {@link Transport.callFunction}, by a request that outlives the page. Undefined where the way to
   * the project has no such thing.
   */
  callOnLeave?: ((name: string, args: Wire) => Promise<Answer>) | undefined;
}

/** One request to the gateway. */
export interface GatewayRequest {
  body: Wire;
  headers: Record<string, string>;
  signal: AbortSignal;
}

/** Where a project is and who is asking. */
export interface Connection {
  /** The project's URL: `https://<ref>.supabase.co`, or `http://127.0.0.1:54321`. */
  url: string;
  /**
   * `sb_secret_…` on a server, `sb_publishable_…` with an `accessToken` in a browser, `tally_…` (an
   * API key of one organization, for recording), or a legacy JWT key.
   */
  key: string;
  /** The signed-in user's JWT, or how to get the current one. */
  accessToken?: string | (() => string | null | Promise<string | null>) | undefined;
  /** Default: the global `fetch`. */
  fetch?: typeof fetch | undefined;
}

/** Any version of supabase-js's client, with or without a `Database` type. */
export interface SupabaseLike {
  rpc(...args: never): unknown;
  functions: { invoke(...args: never): unknown };
}

/** Speaks through a supabase-js client, with its session and its settings. */
export function supabaseTransport(supabase: SupabaseLike): Transport {
  const client = supabase as unknown as SupabaseCalls;
  return {
    async callFunction(name, args, signal) {
      const { data, error, status } = await client.rpc(name, args).abortSignal(signal);
      if (!error) return { data, error: null };
      if (!status) throw new Error(error.message);
      return { data: null, error: errorFromBody(status, error) };
    },
    async invokeEdge(name, body, signal) {
      const { data, error } = await client.functions.invoke(name, { body, signal });
      if (!error) return { data, error: null };
      if (!(error.context instanceof Response)) throw error;
      return readAnswer(error.context);
    },
    async callGateway(path, options) {
      const { data, error, response } = await client.functions.invoke(`gateway/${path}`, options);
      if (error?.context instanceof Response) return error.context;
      if (error) throw error;
      // A stream comes as the response itself, anything else parsed.
      return data instanceof Response
        ? data
        : Response.json(data, response && { headers: response.headers });
    },
  };
}

interface SupabaseCalls {
  rpc(
    name: string,
    args: Wire,
  ): {
    abortSignal(signal: AbortSignal): PromiseLike<{
      data: unknown;
      error: { message: string } | null;
      status: number;
    }>;
  };
  functions: {
    invoke(
      name: string,
      options: { body: Wire; signal: AbortSignal; headers?: Record<string, string> },
    ): Promise<{
      data: unknown;
      error: (Error & { context?: unknown }) | null;
      /** Absent in older versions. */
      response?: Response | undefined;
    }>;
  };
}

/** Speaks plain HTTP to PostgREST and the edge functions. */
export function fetchTransport(connection: Connection): Transport {
  const base = connection.url.replace(/\/+$/, "");
  const post = async (path: string, body: Wire, init: RequestInit) => {
    const send = connection.fetch ?? fetch;
    // Not awaited when it is at hand: a page that goes away waits for nothing.
    const known = credentials(connection);
    const headers = {
      "content-type": "application/json",
      ...(known instanceof Promise ? await known : known),
      ...init.headers,
    };
    return send(base + path, { ...init, method: "POST", headers, body: JSON.stringify(body) });
  };
  const invoke = async (name: string, body: Wire, init: RequestInit) =>
    readAnswer(await post(`/functions/v1/${name}`, body, init));
  const call = isApiKey(connection.key)
    ? functionsByApiKey(invoke)
    : async (name: string, args: Wire, init: RequestInit) =>
        readAnswer(await post(`/rest/v1/rpc/${name}`, args, init));
  return {
    callFunction: (name, args, signal) => call(name, args, { signal }),
    invokeEdge: (name, body, signal) => invoke(name, body, { signal }),
    callGateway: (path, { body, ...init }) => post(`/functions/v1/gateway/${path}`, body, init),
    callOnLeave: (name, args) => call(name, args, { keepalive: true }),
  };
}

type Send = (name: string, body: Wire, init: RequestInit) => Promise<Answer>;

/** An organization's API key is known to the edge functions only: PostgREST has never heard of it. */
function functionsByApiKey(invokeEdge: Send): Send {
  return async (name, args, init) => {
    if (name === "track_usage") return invokeEdge("track", args.event as Wire, init);
    if (name === "track_usage_batch") return invokeEdge("track", args, init);
    const error = new TallybaseError(`An API key (tally_…) cannot call ${name}.`, {
      code: "TALLY_UNSUPPORTED",
      status: 0,
      hint: "API keys record usage and call models through the gateway. Use the secret key or a user's session here.",
    });
    return { data: null, error };
  };
}

const isApiKey = (key: string) => key.startsWith("tally_");
const isJwt = (key: string) => key.startsWith("eyJ");

type Credentials = Record<string, string>;

function credentials({ key, accessToken }: Connection): Credentials | Promise<Credentials> {
  if (isApiKey(key)) return { authorization: `Bearer ${key}` };
  const withToken = (token: string | null | undefined): Credentials => {
    const bearer = token ?? (isJwt(key) ? key : null);
    return bearer ? { apikey: key, authorization: `Bearer ${bearer}` } : { apikey: key };
  };
  const token = typeof accessToken === "function" ? accessToken() : accessToken;
  return token instanceof Promise ? token.then(withToken) : withToken(token);
}

async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  if (!response.ok) {
    return { data: null, error: errorFromBody(response.status, parse(text) ?? text) };
  }
  const data = parse(text);
  // A proxy's page with status 200 confirms nothing: treat it as no answer.
  if (data === undefined) throw new Error(`${response.url} did not answer in JSON`);
  return { data, error: null };
}

function parse(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return undefined;
  }
}
