import { setTimeout as delay } from "node:timers/promises";
import postgres from "postgres";
import { type Arena, openArena } from "./arena.ts";
import { createCaller, type Event } from "./caller.ts";
import { type Connection, type Losses, openConnection } from "./connection.ts";
import { createRandom } from "./random-source.ts";

/** How much to do, and what to do to the connections meanwhile. */
export interface RunOptions {
  url: string;
  seed: number;
  /** Steps in all, over all callers. */
  steps: number;
  callers: number;
  /** Ends the backend of some caller about every so many steps; 0 for never. */
  terminateEvery: number;
  /** Told about each step before it is made. */
  onStep?(step: number): void;
}

/** What happened, to be compared with what the database says. */
export interface RunResult {
  arena: Arena;
  recorded: Map<string, Event>;
  /** Errors that no client should see: deadlocks, broken constraints, wrong refusals. */
  errors: string[];
  /** Hard quotas of the strict organizations that were seen above their limit. */
  overspent: string[];
  losses: number;
}

/** Lets many callers work at once, watching the limits all the while. */
export async function runCallers(options: RunOptions): Promise<RunResult> {
  const { url, seed, steps, callers } = options;
  const losses: Losses = { count: 0 };
  const observer = openConnection(url, losses);
  const arena = await openArena(observer.sql, createRandom(seed), steps);
  const recorded = new Map<string, Event>();
  const errors: string[] = [];
  const overspent: string[] = [];
  let made = 0;
  let isDone = false;

  async function work(index: number): Promise<void> {
    const random = createRandom(seed + 1 + index);
    const connection = openConnection(url, losses);
    const twin = openConnection(url, losses);
    const caller = createCaller({ arena, random, connection, twin, recorded });
    while (made < steps) {
      made += 1;
      options.onStep?.(made);
      if (options.terminateEvery && made % options.terminateEvery === 0) await terminateOne(twin);
      try {
        await caller.step();
      } catch (error) {
        errors.push(describe(error));
      }
    }
    await Promise.all([connection.close(), twin.close()]);
  }

  async function watch(): Promise<void> {
    while (!isDone) {
      const first = new Set(await findOverspent(observer, arena));
      // A hold may expire between the clock and the snapshot of one look; what stays is overspent.
      const second = first.size > 0 ? await findOverspent(observer, arena) : [];
      overspent.push(...second.filter((quota) => first.has(quota)));
      await delay(50);
    }
  }

  const watching = watch();
  await Promise.all(Array.from({ length: callers }, (_, index) => work(index)));
  isDone = true;
  await watching;
  await observer.close();
  return { arena, recorded, errors, overspent, losses: losses.count };
}

function findOverspent(observer: Connection, arena: Arena): Promise<string[]> {
  return observer.ask<string[]>(
    `(
      select coalesce(jsonb_agg(s.quota_id || ' ' || s.metric), '[]')
      from unnest($1::text::uuid[]) as o (id)
      cross join lateral public.quota_status(o.id) as s
      where s.enforcement = 'hard' and s.current_usage + s.reserved > s.quota_limit
    )`,
    `{${arena.strict.join(",")}}`,
  );
}

async function terminateOne(connection: Connection): Promise<void> {
  await connection.ask(`(
    select pg_terminate_backend(a.pid)
    from pg_stat_activity as a
    where a.datname = current_database() and a.pid <> pg_backend_pid() and a.usename = current_user
    order by random() limit 1
  )`);
}

function describe(error: unknown): string {
  if (!(error instanceof postgres.PostgresError)) return String(error);
  return [error.code, error.message, error.detail, error.where].filter(Boolean).join(" ");
}
