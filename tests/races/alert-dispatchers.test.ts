import postgres, { type Sql } from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { deliverAlerts } from "../../supabase/functions/_tally/alerts/deliver-alerts.ts";
import { type Database, openDatabase } from "../../supabase/functions/_tally/database.ts";
import { type Receiver, startReceiver } from "../alerts/support.ts";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";
import { openOrganization } from "./open-organization.ts";

const DISPATCHERS = 8;
const ORGANIZATIONS = 12;
/** Alerts per organization: one for each default threshold. */
const CROSSINGS = 3;

let database: TestDatabase;
let sql: Sql;
let receiver: Receiver;
/** Status of the answer to a message, by its path and how often it has come before. */
let answer: (path: string, earlier: number) => number;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: 40 });
});

beforeEach(async () => {
  answer = () => 204;
  const seen = new Map<unknown, number>();
  receiver = await startReceiver(({ headers, path }) => {
    const earlier = seen.get(headers["webhook-id"]) ?? 0;
    seen.set(headers["webhook-id"], earlier + 1);
    return answer(path, earlier);
  });
});

afterEach(async () => {
  await receiver.close();
  await sql`delete from public.organizations`;
});

afterAll(async () => {
  await sql.end();
  await database.drop();
});

const setChannel = (organizationId: string, path: string) =>
  sql`select public.set_alert_channel(${organizationId}, 'webhook', ${receiver.url + path})`;

/** Organizations with two channels each, whose calls cross every threshold many at a time. */
async function crossThresholds(): Promise<string[]> {
  const arenas = await Promise.all(
    Array.from({ length: ORGANIZATIONS }, () => openOrganization(sql, { requests: 10 })),
  );
  for (const { organizationId } of arenas) {
    await sql`update public.usage_quotas set enforcement = 'soft' where organization_id = ${organizationId}`;
    await setChannel(organizationId, `/${organizationId}/a`);
    await setChannel(organizationId, `/${organizationId}/b`);
  }
  await Promise.all(
    arenas.flatMap(({ event, organizationId }) =>
      Array.from({ length: 12 }, async () => {
        await sql`select public.track_usage(${event({ input_tokens: 1, output_tokens: 1 })}::text::jsonb)`;
        await sql`select tally.fold(${organizationId})`;
      }),
    ),
  );
  return arenas.map(({ organizationId }) => organizationId);
}

function dispatch(through: Database) {
  return deliverAlerts({
    database: through,
    fetch,
    now: Date.now,
    resolveHost: async () => [],
    settings: { allowsLoopback: true, email: { driver: "none", problem: "no e-mail here" } },
  });
}

/** As many dispatchers at once as there may be, each with connections of its own. */
async function dispatchTogether() {
  const counts = await Promise.all(
    Array.from({ length: DISPATCHERS }, () => dispatch(openDatabase(database.url, 2))),
  );
  const sum = (name: "claimed" | "delivered" | "failed" | "dead") =>
    counts.reduce((total, count) => total + count[name], 0);
  return {
    claimed: sum("claimed"),
    delivered: sum("delivered"),
    failed: sum("failed"),
    dead: sum("dead"),
  };
}

/** What has arrived: organization, channel and threshold of each message. */
function arrivals(): string[] {
  return receiver.received
    .map(({ body, path }) => `${path} ${JSON.parse(body).data.threshold}`)
    .sort();
}

function crossings(organizations: string[]): string[] {
  return organizations
    .flatMap((id) => ["a", "b"].map((channel) => `/${id}/${channel}`))
    .flatMap((path) => [75, 90, 100].map((threshold) => `${path} ${threshold}`))
    .sort();
}

const ALL = ORGANIZATIONS * 2 * CROSSINGS;

test("eight dispatchers at once deliver each crossing exactly once to each channel", async () => {
  const organizations = await crossThresholds();

  expect(await dispatchTogether()).toEqual({ claimed: ALL, delivered: ALL, failed: 0, dead: 0 });

  expect(arrivals()).toEqual(crossings(organizations));
  expect(await dispatchTogether()).toEqual({ claimed: 0, delivered: 0, failed: 0, dead: 0 });
});

test("what failed is tried again, under the same id, and what arrived is not", async () => {
  const organizations = await crossThresholds();
  answer = (path, earlier) => (path.endsWith("/b") && earlier === 0 ? 500 : 204);

  expect(await dispatchTogether()).toEqual({
    claimed: ALL,
    delivered: ALL / 2,
    failed: ALL / 2,
    dead: 0,
  });
  expect(await dispatchTogether(), "not before its time").toMatchObject({ claimed: 0 });
  await sql`update tally.alert_deliveries set next_attempt_at = now() where state = 'pending'`;
  expect(await dispatchTogether()).toMatchObject({ claimed: ALL / 2, delivered: ALL / 2 });

  const again = crossings(organizations).filter((crossing) => crossing.includes("/b "));
  expect(arrivals()).toEqual([...crossings(organizations), ...again].sort());
  expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(ALL);
});

test("a dispatcher that dies loses nothing: its deliveries go out when its lease is over", async () => {
  const organizations = await crossThresholds();
  const healthy = openDatabase(database.url, 2);
  let claims = 0;
  const dying: Database = {
    ...healthy,
    query: (statement, parameters) => {
      // It has sent the first messages of its batch, and never gets to say so.
      if (statement.includes("finish_alert_delivery")) throw new Error("the process is gone");
      claims++;
      return healthy.query(statement, parameters);
    },
  };

  await expect(dispatch(dying)).rejects.toThrow("the process is gone");
  expect(claims).toBe(1);
  const leased = await sql`select id from tally.alert_deliveries where lease is not null`;
  expect(leased.length).toBeGreaterThan(0);
  expect(await dispatchTogether()).toMatchObject({ delivered: ALL - leased.length });
  await sql`update tally.alert_deliveries set leased_until = now() where lease is not null`;
  expect(await dispatchTogether()).toMatchObject({ delivered: leased.length });

  expect([...new Set(arrivals())]).toEqual(crossings(organizations));
  // Those that went out twice carry the same id: a receiver that looks at it acts once.
  expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(ALL);
});

test("removing a channel does not fail the calls that cross a threshold meanwhile", async () => {
  const { event, organizationId } = await openOrganization(sql, { requests: 1 });
  await setChannel(organizationId, "/removed");
  await setChannel(organizationId, "/stays");
  await sql`select public.track_usage(${event({ input_tokens: 1, output_tokens: 1 })}::text::jsonb)`;
  const folder = postgres(database.url, { max: 1 });
  const [backend] = await folder`select pg_backend_pid() as pid`;
  let folded: Promise<unknown> | undefined;

  await sql.begin(async (transaction) => {
    await transaction`
      select public.remove_alert_channel(id) from public.alert_channels
      where organization_id = ${organizationId}
        and id = (select channel_id from tally.alert_addresses where address like '%/removed')`;
    // It records the crossing while the removal is under way.
    folded = folder`select tally.fold(${organizationId})`.execute();
    await vi.waitFor(async () => {
      const [waiting] = await sql`
        select wait_event_type from pg_stat_activity where pid = ${backend?.pid}`;
      expect(waiting?.wait_event_type).toBe("Lock");
    });
  });
  await folded;
  await folder.end();

  const [left] = await sql`
    select count(*)::int as count, count(distinct d.channel_id)::int as channels
    from tally.alert_deliveries as d where d.organization_id = ${organizationId}`;
  expect(left).toEqual({ count: CROSSINGS, channels: 1 });
});
