import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import OpenAI from "openai";
import { createTallybase, type Tallybase } from "../../../packages/client/src/index.ts";
import type { Fault } from "../../client/fake-project.ts";
import { createOrganization, marker, sql, stack } from "../functions/arrange.ts";

export {
  addMember,
  billOf,
  createUser,
  eventsOf,
  marker,
  openHolds,
  sql,
  stack,
} from "../functions/arrange.ts";

/** A tenant of one test with its clients. */
export interface Tenant {
  organizationId: string;
  apiKey: string;
  /** Through supabase-js with the secret key. */
  tally: Tallybase;
}

export async function createTenant(): Promise<Tenant> {
  const { id, apiKey } = await createOrganization();
  const supabase = createClient(stack.API_URL, stack.SECRET_KEY);
  return { organizationId: id, apiKey, tally: createTallybase(supabase, { organizationId: id }) };
}

/** The API as a signed-in user, through supabase-js. */
export function asUser(token: string): SupabaseClient {
  return createClient(stack.API_URL, stack.PUBLISHABLE_KEY, {
    global: { headers: { authorization: `Bearer ${token}` } },
  });
}

export async function setQuota(
  organizationId: string,
  limit: number,
  metric = "cost_usd",
): Promise<void> {
  await sql`select public.set_quota(${organizationId}, 'daily', ${limit}, ${metric})`;
}

/** Calls the fake Anthropic API; `mark` finds the call on its bill. */
export async function askAnthropic(mark: string): Promise<AnthropicMessage> {
  const response = await fetch(`${stack.FAKE_PROVIDER_URL}/anthropic/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": "any", "anthropic-version": "2023-06-01" },
    body: JSON.stringify({
      model: "claude-sonnet-4-5",
      max_tokens: 50,
      messages: [{ role: "user", content: `Hello ${mark}` }],
    }),
  });
  if (!response.ok) throw new Error(`the fake provider answered ${response.status}`);
  return (await response.json()) as AnthropicMessage;
}

export interface AnthropicMessage {
  model: string;
  usage: { input_tokens: number; output_tokens: number };
}

/** The provider itself, without a gateway in between. */
export function openai(): OpenAI {
  return new OpenAI({
    apiKey: "any",
    baseURL: `${stack.FAKE_PROVIDER_URL}/openai/v1`,
    maxRetries: 0,
  });
}

/** A request that streams an answer of 20 words. */
export function streamedQuestion(
  extra = "",
): OpenAI.ChatCompletionCreateParamsStreaming & { stream: true } {
  return {
    model: "gpt-4o",
    stream: true,
    stream_options: { include_usage: true },
    max_completion_tokens: 40,
    messages: [{ role: "user", content: `Hello ${marker()} [[fake words=20 ${extra}]]` }],
  };
}

/** A network in front of the real API: the next requests go wrong in this way, in this order. */
export function brokenNetwork(...faults: (Fault | null)[]): typeof fetch {
  return async (input, init) => {
    const fault = faults.shift();
    if (fault === "refused") throw new TypeError("fetch failed");
    if (fault === "500 before commit") return Response.json({ message: "no" }, { status: 500 });
    const response = await fetch(input, init);
    if (!fault) return response;
    await response.arrayBuffer();
    if (fault === "500 after commit") return Response.json({ message: "no" }, { status: 500 });
    if (fault === "reset after commit") throw new TypeError("fetch failed");
    throw new Error(`this network cannot fail with ${fault}`);
  };
}
