import type { Sql } from "postgres";

/** Makes an organization and takes events of any time, so that the tests do not depend on today. */
export async function openLedger(sql: Sql): Promise<string> {
  await sql`
    update tally.settings set event_late_limit = '100 years', event_early_limit = '100 years'`;
  const [row] = await sql`insert into public.organizations (name) values ('Prices') returning id`;
  return String(row?.id);
}
