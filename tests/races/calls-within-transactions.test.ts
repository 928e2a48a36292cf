import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";
import { type Connection, openConnection, quote } from "./callers/connection.ts";
import { openOrganization } from "./open-organization.ts";

const CALLERS = 8;
const ROUNDS = 15;

let database: TestDatabase;
let connections: Connection[];

beforeAll(async () => {
  database = await createDatabase();
  const losses = { count: 0 };
  connections = Array.from({ length: CALLERS + 1 }, () => openConnection(database.url, losses));
});

afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await database.drop();
});

/** Callers that make `statements` in one transaction each, while `interfere` runs again and again. */
async function contend(statements: string[], interfere: (sql: Connection) => Promise<unknown>) {
  const [other, ...callers] = connections as [Connection, ...Connection[]];
  const failures: string[] = [];
  let busy = callers.length;

  async function call({ sql }: Connection): Promise<void> {
    for (let round = 0; round < ROUNDS; round += 1) {
      try {
        await sql.unsafe(`begin; ${statements.join("; ")}; commit`);
      } catch (error) {
        failures.push(String(error));
        await sql.unsafe("rollback");
      }
    }
    busy -= 1;
  }

  async function interfereAgain(): Promise<void> {
    while (busy > 0) {
      try {
        await interfere(other);
      } catch (error) {
        failures.push(String(error));
      }
    }
  }

  await Promise.all([interfereAgain(), ...callers.map(call)]);
  return failures;
}

test("several reservations in one transaction do not meet a fold head-on", async () => {
  const { sql } = connections[0] as Connection;
  const { event } = await openOrganization(sql, { requests: 1e6, cost_usd: 1e6 });
  const request = quote(event({ estimated_cost: 0.01 }));
  const used = quote(event({ input_tokens: 1, output_tokens: 1 }));
  const call = [
    ...Array.from({ length: 20 }, () => `select public.track_usage(${used})`),
    `select public.reserve_usage(${request})`,
    `select public.reserve_usage(${request})`,
  ];

  const failures = await contend(call, ({ ask }) => ask("tally.tick()"));

  expect(failures).toEqual([]);
  expect(await sql`select * from public.verify_ledger()`).toEqual([]);
});

test("a transaction that has reserved already folds nothing: it would wait for who waits for it", async () => {
  const [{ sql }, first, second, folder] = connections as [
    Connection,
    Connection,
    Connection,
    Connection,
  ];
  const { organizationId, event } = await openOrganization(sql, { cost_usd: 1e6 });
  const [ahead, behind] = ["00000000-0000-0000-0000-000000000001", crypto.randomUUID()];
  // Quotas are locked in the order of their ids: this user's before that of the organization.
  await sql`
    insert into public.usage_quotas (organization_id, id, user_id, quota_type, quota_limit)
    values (${organizationId}, ${ahead}, ${ahead}, 'total', 1e6)`;
  const used = quote(event({ input_tokens: 1, output_tokens: 1, user_id: ahead }));
  await sql.unsafe(
    Array.from({ length: 80 }, () => `select public.track_usage(${used})`).join(";"),
  );
  const reserve = (user: string) =>
    `select public.reserve_usage(${quote(event({ estimated_cost: 0.01, user_id: user }))})`;

  await folder.sql.unsafe(`begin; select tally.lock_folding('${organizationId}')`);
  await first.sql.unsafe(`begin; ${reserve(behind)}`);
  const reserved = second.sql.unsafe(reserve(ahead)).then(() => "reserved", String);
  while ((await sql`select from pg_locks where not granted`).length === 0);
  await folder.sql.unsafe("commit");
  const again = await first.sql.unsafe(`${reserve(behind)}; commit`).then(() => "reserved", String);

  expect([again, await reserved]).toEqual(["reserved", "reserved"]);
  expect(await sql`select * from public.verify_ledger()`).toEqual([]);
});

test("a plan that changes amid calls meets none of them head-on", async () => {
  const { sql } = connections[0] as Connection;
  const { organizationId, event } = await openOrganization(sql, {});
  await sql`
    insert into public.plans (id, name) values ('race-a', 'A'), ('race-b', 'B') on conflict do nothing`;
  await sql`
    insert into public.plan_quotas (plan_id, metric, quota_type, quota_limit)
    select p, m, t, 1e9
    from unnest(array['race-a', 'race-b']) as p, unnest(array['cost_usd', 'requests', 'total_tokens']) as m,
      unnest(array['hourly', 'daily', 'weekly', 'monthly']) as t`;
  await sql`select public.assign_plan(${organizationId}, 'race-a')`;
  const request = quote(event({ estimated_cost: 0.01 }));
  let turn = 0;

  const failures = await contend([`select public.reserve_usage(${request})`], ({ ask }) => {
    turn += 1;
    return ask(
      "public.assign_plan($1::text::uuid, $2)",
      organizationId,
      turn % 2 ? "race-b" : "race-a",
    );
  });

  expect(failures).toEqual([]);
  expect(await sql`select * from public.verify_ledger()`).toEqual([]);
});
