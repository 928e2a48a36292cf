import { expect } from "vitest";
import {
  addMember,
  callFunction,
  createOrganization,
  createUser,
  sql,
  stack,
} from "../functions/arrange.ts";

export { callFunction, sql, stack } from "../functions/arrange.ts";

/** An organization with an admin who is signed in. */
export interface Tenant {
  organizationId: string;
  apiKey: string;
  adminToken: string;
}

export async function createTenant(): Promise<Tenant> {
  const { id, apiKey } = await createOrganization();
  const user = await createUser();
  await addMember(id, user.id);
  await sql`
    update public.organization_members set role = 'admin'
    where organization_id = ${id} and user_id = ${user.id}`;
  return { organizationId: id, apiKey, adminToken: user.token };
}

/** The limit of one request a day is used up by one call: three thresholds are crossed. */
export async function crossThresholds({ organizationId, apiKey }: Tenant): Promise<void> {
  await sql`select public.set_quota(${organizationId}, 'daily', 1, 'requests', enforcement => 'soft')`;
  const response = await callFunction("track", apiKey, {
    provider: "openai",
    model: "gpt-4o-mini",
    input_tokens: 10,
    output_tokens: 10,
  });
  expect(response.status).toBe(200);
  await sql`select tally.fold(${organizationId})`;
}

/** What a scheduler does, and what it is answered. */
export async function dispatch(
  url = `${stack.FUNCTIONS_URL}/alerts`,
): Promise<Record<string, number>> {
  const response = await fetch(url, { method: "POST", headers: { apikey: stack.SECRET_KEY } });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, number>;
}

/** The deliveries of an organization by state. */
export async function deliveriesOf(organizationId: string): Promise<Record<string, number>> {
  const rows = await sql<{ state: string; count: number }[]>`
    select state, count(*)::int as count from tally.alert_deliveries
    where organization_id = ${organizationId} group by state`;
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

/** As if the time until the next attempt had passed. */
export async function skipWait(organizationId: string): Promise<void> {
  await sql`
    update tally.alert_deliveries set next_attempt_at = now()
    where organization_id = ${organizationId} and state = 'pending'`;
}
