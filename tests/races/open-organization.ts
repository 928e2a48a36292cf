import type { Sql } from "postgres";

/** What a race is run on: an organization, and a model that costs 1 USD per million tokens. */
export interface Arena {
  organizationId: string;
  event(extra?: Record<string, unknown>): string;
}

/** Makes an organization with quotas: metric → limit, in total. */
export async function openOrganization(sql: Sql, quotas: Record<string, number>): Promise<Arena> {
  const [row] = await sql`insert into public.organizations (name) values ('Races') returning id`;
  const organizationId: string = row?.id;
  await sql`
    select public.set_price('lab', 'echo', '{"input": 1, "output": 1}', valid_from => now() - interval '1 day')
    where not exists (select from public.cost_estimates where provider = 'lab')`;
  for (const [metric, limit] of Object.entries(quotas)) {
    await sql`select public.set_quota(${organizationId}, 'total', ${limit}, ${metric})`;
  }
  return {
    organizationId,
    event: (extra) =>
      JSON.stringify({ organization_id: organizationId, provider: "lab", model: "echo", ...extra }),
  };
}
