import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import type { FakeProvider } from "../../packages/fake-provider/src/index.ts";
import { LearnedFactors } from "../../supabase/functions/_tally/count-learned.ts";
import {
  handleGateway,
  respondToGatewayError,
} from "../../supabase/functions/_tally/gateway/handle-gateway.ts";
import { KnownKeys } from "../../supabase/functions/_tally/gateway/known-keys.ts";
import { handleRequests } from "../../supabase/functions/_tally/handle-request.ts";
import { ENVIRONMENT, fakeDatabase, keyRow, logsOf, ORGANIZATION, USER_ID } from "./support.ts";

export const API_KEY = `tally_${"k".repeat(43)}`;
export const HOLD_ID = "01a20a44-0000-7000-8000-000000000001";
/** Where the function is mounted. */
export const GATEWAY = "http://functions.invalid/functions/v1/gateway";

/** Counts words: tests do not load the tokenizer. */
export const words = async (texts: readonly string[]) => ({
  tokens: texts.join(" ").split(/\s+/).filter(Boolean).length,
  wide_tokens: 0,
  bytes: new TextEncoder().encode(texts.join("")).length,
  is_exact: true,
  operations: 0,
});

/** The answer to an admitted call. */
export const admitted = (more: object = {}) => ({
  allowed: true,
  hold_id: HOLD_ID,
  retries: 0,
  headroom: { metric: "cost_usd", remaining: "4", held: "0.5" },
  ...more,
});

/** The quota that refuses, as admission names it. */
export const blockedBy = {
  quota_id: ORGANIZATION,
  reason: "quota",
  metric: "cost_usd",
  quota_type: "daily",
  quota_limit: 1,
  current_usage: 0.9999998,
  reserved: 0,
  remaining: 2e-7,
  requested: 0.003,
  reset_at: "2026-11-24T00:00:00+00:00",
};

/** The answers of a database that refuses every call for its quota, or for `more` about it. */
export const refusing = (more: object = {}) => ({
  admit_gateway_call: () => ({
    answer: { allowed: false, refused_by: "quota", blocked_by: { ...blockedBy, ...more } },
  }),
});

/** A chat request of one message. */
export const ask = (content: string, more: object = {}) => ({
  model: "gpt-4o-mini",
  messages: [{ role: "user" as const, content }],
  ...more,
});

/** What differs between two gateways of a test. */
export interface GatewayOptions {
  answers?: Parameters<typeof fakeDatabase>[0];
  fetch?: typeof fetch;
  env?: Record<string, string | undefined>;
}

/** The gateway in this process: its ledger is a list, its providers the fake ones. */
export function openGateway(provider: FakeProvider, options: GatewayOptions = {}) {
  const database = fakeDatabase({
    verify_api_key: keyRow,
    admit_gateway_call: () => ({ answer: admitted() }),
    settle_gateway_call: ({ parameters }) => ({
      id: JSON.parse(String(parameters[1])).id,
      cost_usd: "0.00001230",
      remaining: "4.5",
    }),
    release_hold: () => [],
    token_factor: () => ({ factor: null }),
    ...options.answers,
  });
  const env: Record<string, string | undefined> = {
    ...ENVIRONMENT,
    ...Object.fromEntries(
      (["openai", "anthropic", "xai"] as const).flatMap((name) => [
        [`TALLY_${name.toUpperCase()}_BASE_URL`, `${provider.url}/${name}/v1`],
        [`${name.toUpperCase()}_API_KEY`, `operator-${name}`],
      ]),
    ),
    TALLY_GOOGLE_BASE_URL: `${provider.url}/google/v1beta`,
    GOOGLE_API_KEY: "operator-google",
    ...options.env,
  };
  const memory = { countText: words, factors: new LearnedFactors(), keys: new KnownKeys() };
  const answer = handleRequests(
    {
      name: "gateway",
      scope: "gateway",
      handle: (context) => handleGateway(context, memory),
      respondToError: respondToGatewayError,
    },
    {
      variable: (name) => env[name],
      database,
      fetch: async (input, init) =>
        String(input).startsWith(`${ENVIRONMENT.SUPABASE_URL}/auth/v1/user`)
          ? Response.json({ id: USER_ID })
          : (options.fetch ?? fetch)(input, init),
    },
  );
  const throughHere: typeof fetch = (input, init) => answer(new Request(input, init));
  const calls = (name: string) => database.sent.filter(({ statement }) => statement.includes(name));
  const parameter = (name: string, index: number) =>
    calls(name).map(({ parameters }) => JSON.parse(String(parameters[index])));
  return {
    answer,
    fetch: throughHere,
    calls,
    /** The requests of all admissions, and what was said beside them. */
    reserved: () => parameter("admit_gateway_call", 0),
    admissions: () => parameter("admit_gateway_call", 1),
    settled: () => parameter("settle_gateway_call", 1),
    settledMore: () => parameter("settle_gateway_call", 2),
    released: () => calls("release_hold").length,
    openai: (defaultHeaders: Record<string, string> = {}, apiKey = API_KEY) =>
      new OpenAI({
        apiKey,
        baseURL: `${GATEWAY}/openai/v1`,
        maxRetries: 0,
        defaultHeaders,
        fetch: throughHere,
      }),
    xai: () =>
      new OpenAI({
        apiKey: API_KEY,
        baseURL: `${GATEWAY}/xai/v1`,
        maxRetries: 0,
        fetch: throughHere,
      }),
    anthropic: (defaultHeaders: Record<string, string> = {}) =>
      new Anthropic({
        apiKey: API_KEY,
        baseURL: `${GATEWAY}/anthropic`,
        maxRetries: 0,
        defaultHeaders,
        fetch: throughHere,
      }),
  };
}

/** Google's SDK takes no fetch of its own: the global one is lent to it while `work` runs. */
export async function withGoogle<Result>(
  gateway: { fetch: typeof fetch },
  work: (google: GoogleGenAI) => Promise<Result>,
): Promise<Result> {
  const original = globalThis.fetch;
  globalThis.fetch = (input, init) =>
    new Request(input, init).url.startsWith(GATEWAY)
      ? gateway.fetch(input, init)
      : original(input, init);
  try {
    return await work(
      new GoogleGenAI({ apiKey: API_KEY, httpOptions: { baseUrl: `${GATEWAY}/google` } }),
    );
  } finally {
    globalThis.fetch = original;
  }
}

/** The chunks of a stream, as the SDK gives them. */
export async function readStream(
  openai: OpenAI,
  request: object,
): Promise<OpenAI.ChatCompletionChunk[]> {
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  const body = { ...request, stream: true } as OpenAI.ChatCompletionCreateParamsStreaming;
  for await (const chunk of await openai.chat.completions.create(body)) chunks.push(chunk);
  return chunks;
}

/** Runs `work` without its log lines on the screen. */
export async function quietly<Result>(work: () => Promise<Result>): Promise<Result> {
  let result: Result | undefined;
  await logsOf(async () => {
    result = await work();
  });
  return result as Result;
}

/** The classes and units of a bill that are not zero. */
export function billed(line: { classes: object | null } | undefined): Record<string, number> {
  return Object.fromEntries(Object.entries(line?.classes ?? {}).filter(([, count]) => count > 0));
}

/** The classes and units of an event, as the bill has them. */
export function used(event: Record<string, unknown>): Record<string, number> {
  const classes = Object.entries((event.classes ?? {}) as Record<string, number>);
  const units = event.units === undefined ? [] : [[event.unit_type, event.units]];
  return Object.fromEntries([...classes.filter(([, count]) => count > 0), ...units]);
}
