import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../../support/create-database.ts";
import { openOrganization } from "../open-organization.ts";

const CONNECTIONS = 16;

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: CONNECTIONS });
});

afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** Records uses of 1 USD from many connections, each of which folds too. */
async function spend(organizationId: string, event: string, times: number): Promise<void> {
  await Promise.all(
    Array.from({ length: times }, async () => {
      await sql`select public.track_usage(${event}::text::jsonb)`;
      await sql`select tally.fold(${organizationId})`;
    }),
  );
}

// https://github.com/BerriAI/litellm/issues/3738, https://github.com/BerriAI/litellm/issues/3113
test("calls that cross a threshold together are told of once", async () => {
  const { organizationId, event } = await openOrganization(sql, { cost_usd: 100 });

  await spend(organizationId, event({ cost_usd: 1 }), 95);

  const alerts = await sql`
    select threshold::int from public.usage_alerts
    where organization_id = ${organizationId} and kind = 'threshold' order by threshold`;
  expect(alerts.map(({ threshold }) => threshold)).toEqual([75, 90]);
});

// https://github.com/flexprice/flexprice/pull/2155, https://github.com/danny-avila/LibreChat/pull/15879
test("a balance that many calls draw down asks for one top-up", async () => {
  const { organizationId, event } = await openOrganization(sql, {});
  await sql`select public.grant_credit(${organizationId}, 50)`;
  await sql`
    insert into public.credit_top_ups (organization_id, below, amount)
    values (${organizationId}, 30, 100)`;

  await spend(organizationId, event({ cost_usd: 1 }), 40);

  const alerts = await sql`
    select from public.usage_alerts
    where organization_id = ${organizationId} and kind = 'top_up'`;
  expect(alerts).toHaveLength(1);
});
