import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { createOrganization, sql, stack } from "../functions/arrange.ts";

export { addMember, callFunction, createUser, sql, stack } from "../functions/arrange.ts";

export const HOUR = 3_600_000;
/** The meter that the local stack sets up. */
export const METER = "tallybase_cost_usd";

/** An organization that is billed as a customer of its own. */
export interface Billed {
  organizationId: string;
  apiKey: string;
  customerId: string;
}

export async function createBilled(): Promise<Billed> {
  const { id, apiKey } = await createOrganization();
  const customerId = `cus_${randomUUID()}`;
  await control("customers", { id: customerId });
  await sql`select public.set_billing_customer(${id}, ${customerId}, now() - interval '1 day')`;
  return { organizationId: id, apiKey, customerId };
}

/** Asks something of the fake Stripe itself. */
export async function control(name: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${stack.FAKE_STRIPE_URL}/__fake/${name}`, {
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
  expect(response.status).toBe(200);
  return await response.json();
}

/** Records a cost some hours ago. */
export async function spend(
  { organizationId }: Billed,
  usd: string,
  hoursAgo: number,
): Promise<void> {
  const event = {
    organization_id: organizationId,
    provider: "lab",
    model: "echo",
    cost_usd: usd,
    created_at: new Date(Date.now() - hoursAgo * HOUR).toISOString(),
  };
  await sql`select public.track_usage(${JSON.stringify(event)}::text::jsonb)`;
}

/** What Stripe has counted for a customer, by hour, in their order. */
export async function countedFor({ customerId }: Billed): Promise<number[]> {
  const rows = (await control("usage")) as { customer: string; hour: string; value: number }[];
  return rows
    .filter(({ customer }) => customer === customerId)
    .sort((a, b) => (a.hour < b.hour ? -1 : 1))
    .map(({ value }) => value);
}

/** What the scheduler does every minute. */
export async function report(body?: unknown): Promise<Response> {
  return await fetch(`${stack.FUNCTIONS_URL}/stripe-report`, {
    method: "POST",
    headers: { apikey: stack.SECRET_KEY },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}
