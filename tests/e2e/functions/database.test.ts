import { afterAll, beforeAll, expect, test } from "vitest";
import { ConnectionPool } from "../../../supabase/functions/_tally/postgres/open-pool.ts";
import { readPlainServer } from "../../../supabase/functions/_tally/postgres/plain-server.ts";
import type { Statement } from "../../../supabase/functions/_tally/postgres/write-messages.ts";
import { connectWithNode } from "../../functions/node-socket.ts";
import { sql, stack } from "./arrange.ts";

const SIZE = 3;
let pool: ConnectionPool;

beforeAll(async () => {
  const server = readPlainServer(stack.DB_URL);
  if (server === null) throw new Error("The stack's database wants more than a plain connection.");
  pool = new ConnectionPool(server, SIZE, connectWithNode());
  await sql`create table public.connections_under_test (number integer)`;
});
afterAll(async () => {
  await sql`drop table public.connections_under_test`;
  await sql.end();
});

const start = (text: string, ...parameters: Statement["parameters"]) =>
  pool.run([{ text, parameters }], true);
const query = (text: string, ...parameters: Statement["parameters"]) =>
  start(text, ...parameters).rows;

test("values arrive as what they are; exact numbers as text", async () => {
  const values = () =>
    query(
      `select $1::integer as number, $2::text as text, $3::boolean as yes, null as nothing, 1.50::numeric as money,
         2::bigint as many, $4::text::jsonb as json, '2026-11-24T12:00:00Z'::timestamptz as at`,
      7,
      "\ufeffhé€😀\n",
      true,
      '{"a":[1]}',
    );
  const row = {
    number: 7,
    text: "\ufeffhé€😀\n",
    yes: true,
    nothing: null,
    money: "1.50",
    many: "2",
    json: { a: [1] },
    at: new Date("2026-11-24T12:00:00Z"),
  };
  expect(await values()).toEqual([row]);
  expect(await values()).toEqual([row]);
});

test("more than fits into a packet, both ways", async () => {
  const [row] = await query(
    "select repeat('x', 3000000) as x, $1::text as y",
    "y".repeat(2_000_000),
  );
  expect([String(row?.x).length, String(row?.y).length]).toEqual([3_000_000, 2_000_000]);
});

test("many at once share a few connections, each gets its own answer", async () => {
  const asked = Array.from({ length: 200 }, (_, index) => index);
  const rows = await Promise.all(
    asked.map((index) => query("select $1::integer as index, pg_backend_pid() as pid", index)),
  );
  expect(rows.map(([row]) => row?.index)).toEqual(asked);
  expect(new Set(rows.map(([row]) => row?.pid)).size).toBeLessThanOrEqual(SIZE);
});

test("an error is the server's, and the connection goes on", async () => {
  await expect(query("select 1 / $1::integer", 0)).rejects.toMatchObject({ code: "22012" });
  await expect(query("selekt")).rejects.toMatchObject({ code: "42601" });
  await expect(
    query(
      "do $$ begin raise exception 'm' using errcode = 'PT402', detail = 'd', hint = 'h'; end $$",
    ),
  ).rejects.toMatchObject({ code: "PT402", message: "m", detail: "d", hint: "h" });
  expect(await query("select 1 as one")).toEqual([{ one: 1 }]);
});

test("statements of one round trip are one transaction", async () => {
  const insert = (number: number) => ({
    text: "insert into public.connections_under_test values ($1)",
    parameters: [number],
  });
  const become = { text: "select set_config('role', 'authenticated', true)", parameters: [] };
  const who = { text: "select current_user as name", parameters: [] };

  expect(await pool.run([become, who], true).rows).toEqual([{ name: "authenticated" }]);
  expect((await query("select current_user as name"))[0]?.name).not.toBe("authenticated");

  const failing = pool.run([insert(1), { text: "select 1 / 0", parameters: [] }], true).rows;
  await expect(failing).rejects.toMatchObject({ code: "22012" });
  await pool.run([insert(2), insert(3)], true).rows;
  expect(await query("select number from public.connections_under_test order by 1")).toEqual([
    { number: 2 },
    { number: 3 },
  ]);
});

test("a table that has changed since a statement was prepared is noticed, once", async () => {
  const all = () => query("select * from public.connections_under_test where number = 2");
  await Promise.all(Array.from({ length: SIZE * 2 }, all));
  await sql`alter table public.connections_under_test add column added integer default 4`;

  const outcomes = await Promise.allSettled(Array.from({ length: SIZE * 20 }, all));

  const failures = outcomes.filter(({ status }) => status === "rejected");
  expect(failures.length).toBeGreaterThan(0);
  expect(failures.length).toBeLessThanOrEqual(SIZE);
  for (const failure of failures) {
    expect(failure).toMatchObject({ reason: { routine: "RevalidateCachedQuery" } });
  }
  expect(await all()).toEqual([{ number: 2, added: 4 }]);
});

test("a connection that the server ends is replaced", async () => {
  const [held] = await sql<{ key: number }[]>`select pg_advisory_lock(4711), 4711 as key`;
  const waiting = query("select pg_advisory_lock($1::integer)", held?.key ?? 0);
  const isWaiting = async () =>
    (await sql`select pid from pg_locks where locktype = 'advisory' and not granted`).at(0)?.pid;
  await expect.poll(isWaiting).toBeTruthy();
  const pid = await isWaiting();

  await sql`select pg_terminate_backend(${pid})`;

  await expect(waiting).rejects.toMatchObject({ code: "57P01" });
  expect(await query("select 1 as one")).toEqual([{ one: 1 }]);
  await sql`select pg_advisory_unlock_all()`;
});

test("what is cancelled is stopped at the server, or not begun", async () => {
  const running = Array.from({ length: SIZE }, () => start("select pg_sleep(60)"));
  const queued = start("insert into public.connections_under_test values (99)");
  const stopped = Promise.allSettled(running.map(({ rows }) => rows));
  const count = async () =>
    (
      await sql`select from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'`
    ).length;
  await expect.poll(count).toBe(SIZE);

  queued.cancel();
  for (const { cancel } of running) cancel();

  for (const outcome of await stopped) expect(outcome).toMatchObject({ reason: { code: "57014" } });
  expect(await query("select from public.connections_under_test where number = 99")).toEqual([]);
});

test("only a plain connection string is one", () => {
  const server = readPlainServer(
    "postgresql://user.ref:p%40ss@[::1]:6543/postgres?sslmode=disable",
  );
  expect(server).toEqual({
    hostname: "::1",
    port: 6543,
    user: "user.ref",
    password: "p@ss",
    database: "postgres",
  });
  for (const other of [
    "postgres://u:p@db.invalid/main?sslmode=require",
    "postgres://u:p@db.invalid/main?options=-c%20jit%3Doff",
    "postgres://u:p@%2Ftmp/main",
    "postgres://db.invalid/main",
  ]) {
    expect(readPlainServer(other)).toBe(null);
  }
});
