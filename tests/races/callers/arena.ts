import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import type { RandomSource } from "./random-source.ts";

/** What the callers have in common: organizations whose quotas overlap, and who calls. */
export interface Arena {
  /** Every call holds its upper bound and keeps to it: no hard limit may ever be passed. */
  strict: string[];
  /** Calls without holds, beyond them and after them, too. */
  loose: string[];
  users: string[];
  keys: string[];
}

/** A request's upper bound; calls use far less, so that holds and use take turns at the limits. */
export const MOST_TOKENS = 1000;

/** Makes a model, its dated snapshot and organizations with quotas over every scope. */
export async function openArena(sql: Sql, random: RandomSource, steps: number): Promise<Arena> {
  await sql`
    select public.set_price('lab', 'echo', '{"input": 1, "output": 1}', valid_from => now() - interval '1 day')
    where not exists (select from public.cost_estimates where provider = 'lab')`;
  await sql`
    insert into tally.model_aliases (provider, alias, to_provider, to_model, source)
    values ('lab', 'echo-2026-05-01', 'lab', 'echo', 'book') on conflict do nothing`;
  const arena: Arena = {
    strict: [],
    loose: [],
    users: [randomUUID(), randomUUID(), randomUUID()],
    keys: [randomUUID(), randomUUID()],
  };
  for (const organizations of [arena.strict, arena.strict, arena.loose]) {
    const [row] = await sql`insert into public.organizations (name) values ('Races') returning id`;
    organizations.push(row?.id);
    await limit(sql, row?.id, arena, random, steps);
  }
  return arena;
}

async function limit(sql: Sql, id: string, arena: Arena, random: RandomSource, steps: number) {
  // About half of what would be used if nothing limited it.
  const tokens = random.between(steps, 2 * steps) + 8 * MOST_TOKENS;
  const set = (type: string, most: number, metric: string, scope: Record<string, string>) => sql`
    select public.set_quota(${id}, ${type}, ${most}, ${metric}, ${JSON.stringify(scope)}::text::jsonb)`;
  await set("total", tokens, "total_tokens", {});
  await set("monthly", tokens / 1e6, "cost_usd", {});
  await set("daily", Math.ceil(steps / 4), "requests", { model: "echo" });
  for (const user of arena.users) {
    await set("weekly", Math.ceil(tokens / 2), "total_tokens", { user_id: user });
  }
  for (const key of arena.keys) {
    await set("daily", tokens / 2e6, "cost_usd", { api_key_id: key });
  }
  // Turns amid the run, and again an hour later.
  await sql`
    insert into public.usage_quotas (organization_id, quota_type, quota_limit, metric, reset_at)
    values (${id}, 'hourly', ${tokens}, 'input_tokens', now() + interval '3 seconds')`;
}
