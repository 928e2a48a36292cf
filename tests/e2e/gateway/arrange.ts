import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createXai } from "@ai-sdk/xai";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import type { BilledRequest } from "../../../packages/fake-provider/src/index.ts";
import { sql, stack } from "../functions/arrange.ts";

/** Where the gateway is. */
export const GATEWAY = `${stack.FUNCTIONS_URL}/gateway`;

/** Every SDK, each changed in two lines: the address and the key. */
export function openClients(
  apiKey: string,
  gateway = GATEWAY,
  headers: Record<string, string> = {},
) {
  const own = { apiKey, maxRetries: 0, defaultHeaders: headers };
  return {
    openai: new OpenAI({ ...own, baseURL: `${gateway}/openai/v1` }),
    xai: new OpenAI({ ...own, baseURL: `${gateway}/xai/v1` }),
    anthropic: new Anthropic({ ...own, baseURL: `${gateway}/anthropic` }),
    google: new GoogleGenAI({ apiKey, httpOptions: { baseUrl: `${gateway}/google`, headers } }),
    vercel: {
      openai: createOpenAI({ apiKey, headers, baseURL: `${gateway}/openai/v1` }),
      anthropic: createAnthropic({ apiKey, headers, baseURL: `${gateway}/anthropic/v1` }),
      google: createGoogleGenerativeAI({ apiKey, headers, baseURL: `${gateway}/google/v1beta` }),
      xai: createXai({ apiKey, headers, baseURL: `${gateway}/xai/v1` }),
    },
  };
}

/** What the calls of a bill cost together by the cards in force, in USD, exact. */
export async function priceOfBill(lines: BilledRequest[]): Promise<string> {
  const calls = lines.map(({ provider, model, classes }) => ({ provider, model, classes }));
  const [row] = await sql<{ total: string | null; unpriced: number }[]>`
    select trim_scale(sum(p.cost_usd))::text as total, (count(*) - count(p.cost_usd))::int as unpriced
    from jsonb_array_elements(${sql.json(calls as never)}) as c
    cross join lateral (
      select jsonb_object_agg(k.key, k.value) as classes,
        coalesce(sum((k.value #>> '{}')::bigint) filter (where k.key ~ '^(input|cache)'), 0)::bigint as prompt
      from jsonb_each(c.value -> 'classes') as k
      where (k.value #>> '{}')::bigint > 0
    ) as u
    cross join lateral tally.price_call(
      null, c.value ->> 'provider', c.value ->> 'model', 'standard', u.classes, u.prompt, now()) as p`;
  if (row?.unpriced !== 0) throw new Error("the bill holds calls without a price");
  return row.total ?? "0";
}

/** What an organization's events of a status cost together, in USD, exact. */
export async function recordedCost(organizationId: string, status: string): Promise<string> {
  const [row] = await sql<{ total: string }[]>`
    select trim_scale(coalesce(sum(cost_usd), 0))::text as total from public.token_usage
    where organization_id = ${organizationId} and status = ${status}`;
  return row?.total ?? "";
}

/** Runs `work` for each item, so many at once. */
export async function forEachAtOnce<Item>(
  items: Item[],
  width: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}

/** A generator of numbers from 0 to 1 that says the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
