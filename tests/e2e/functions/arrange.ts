import { createHmac, randomUUID } from "node:crypto";
import OpenAI from "openai";
import postgres from "postgres";
import { expect, inject, vi } from "vitest";
import type { BilledRequest } from "../../../packages/fake-provider/src/index.ts";

/** A tenant of one test file, with a key of its own. */
export interface Organization {
  id: string;
  apiKey: string;
}

/** An event as the tests look at it. */
export interface RecordedEvent {
  id: string;
  status: string;
  model: string;
  input_tokens: number;
  output_tokens: number;
  classes: Record<string, number>;
  cost_usd: string | null;
  is_estimated: boolean;
  is_byok: boolean;
  user_id: string | null;
  api_key_id: string | null;
  tool_name: string | null;
  operation: string | null;
  idempotency_key: string | null;
  request_metadata: Record<string, unknown> | null;
}

export const stack = inject("stack");

/** The owner's connection; end it in `afterAll`. */
export const sql = postgres(stack.DB_URL, { max: 2, onnotice: () => {} });

/** A text that marks one test's requests on the fake provider's bill. */
export function marker(): string {
  return `marker-${randomUUID()}`;
}

export async function createOrganization(): Promise<Organization> {
  const [row] = await sql<{ id: string; key: string }[]>`
    with made as (insert into public.organizations (name) values ('Functions under test') returning id)
    select id from made`;
  if (!row) throw new Error("no organization was made");
  return { id: row.id, apiKey: await createApiKey(row.id) };
}

export async function createApiKey(
  organizationId: string,
  scopes: string[] = ["track", "gateway", "estimate"],
): Promise<string> {
  const [row] = await sql<{ key: string }[]>`
    select public.create_api_key(${organizationId}, 'test', ${scopes}) ->> 'key' as key`;
  return row?.key ?? "";
}

/** Limits the cost of one day, in USD. */
export async function setDailyQuota(organizationId: string, limit: number): Promise<void> {
  await sql`select public.set_quota(${organizationId}, 'daily', ${limit})`;
}

/** Signs a new user up and returns the session's access token. */
export async function createUser(): Promise<{ id: string; token: string }> {
  const response = await fetch(`${stack.API_URL}/auth/v1/signup`, {
    method: "POST",
    headers: { apikey: stack.PUBLISHABLE_KEY, "content-type": "application/json" },
    body: JSON.stringify({ email: `${randomUUID()}@tests.invalid`, password: randomUUID() }),
  });
  const session = (await response.json()) as { access_token: string; user: { id: string } };
  expect(session.access_token).toBeTypeOf("string");
  return { id: session.user.id, token: session.access_token };
}

export async function addMember(organizationId: string, userId: string): Promise<void> {
  await sql`
    insert into public.organization_members (organization_id, user_id)
    values (${organizationId}, ${userId})`;
}

/** A token signed as Auth signs its own. */
export function signToken(claims: object): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const content = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  const signature = createHmac("sha256", stack.JWT_SECRET).update(content).digest("base64url");
  return `${content}.${signature}`;
}

/** All events of an organization, oldest first. */
export async function eventsOf(organizationId: string): Promise<RecordedEvent[]> {
  return await sql<RecordedEvent[]>`
    select id, status, model, input_tokens::int, output_tokens::int, classes, cost_usd::text,
      is_estimated, is_byok, user_id, api_key_id, tool_name, operation, idempotency_key,
      request_metadata
    from public.token_usage
    where organization_id = ${organizationId}
    order by created_at, id`;
}

/** Waits for the event of a call that its caller did not wait for. */
export async function nextEvent(organizationId: string, count = 1): Promise<RecordedEvent> {
  const event = await vi.waitFor(
    async () => {
      const events = await eventsOf(organizationId);
      expect(events).toHaveLength(count);
      return events.at(-1);
    },
    { timeout: 10_000, interval: 50 },
  );
  if (!event) throw new Error("no event was recorded");
  return event;
}

/** How many holds of an organization still keep something. */
export async function openHolds(organizationId: string): Promise<number> {
  const [row] = await sql<{ open: number }[]>`
    select count(*)::int as open from public.usage_holds
    where organization_id = ${organizationId} and state = 'open'`;
  return row?.open ?? -1;
}

/** The fake provider's bill for one marker, once so many requests were received or are over. */
export async function billOf(
  contains: string,
  wait: { received: number } | { ended: number } = { ended: 1 },
): Promise<BilledRequest[]> {
  const query = new URLSearchParams({ contains });
  for (const [name, count] of Object.entries(wait)) query.set(name, String(count));
  return (await (
    await fetch(`${stack.FAKE_PROVIDER_URL}/__fake/requests?${query}`)
  ).json()) as BilledRequest[];
}

/** The classes of a bill that are not zero, as an event holds them. */
export function billedClasses(line: BilledRequest | undefined): Record<string, number> {
  return Object.fromEntries(Object.entries(line?.classes ?? {}).filter(([, count]) => count > 0));
}

/** The provider's SDK, changed in two lines. */
export function openaiThroughGateway(
  apiKey: string,
  defaultHeaders: Record<string, string> = {},
): OpenAI {
  return new OpenAI({
    apiKey,
    baseURL: `${stack.FUNCTIONS_URL}/gateway/openai/v1`,
    maxRetries: 0,
    defaultHeaders,
  });
}

/** Calls an edge function with a key or a token. */
export function callFunction(
  path: string,
  credential: string | null,
  body: unknown,
  init: RequestInit = {},
): Promise<Response> {
  return fetch(`${stack.FUNCTIONS_URL}/${path}`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
    headers: {
      "content-type": "application/json",
      ...(credential && { authorization: `Bearer ${credential}` }),
      ...(init.headers as Record<string, string>),
    },
  });
}
