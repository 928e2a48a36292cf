import type { Sql } from "postgres";
import { type Mix, makeEvents } from "./event-mixes.ts";

/** One round, in milliseconds. */
export interface Round {
  /** `track_usage_batch`. */
  batch_ms: number;
  /** `price_call` over the same events, nothing else. */
  pricing_ms: number;
  /** `track_usage_batch` while `price_call` answers a constant. */
  unpriced_batch_ms: number;
}

const WARM_UP = 5;

/** Measures one mix of events in an organization of its own. */
export async function measureMix(
  sql: Sql,
  mix: Mix,
  batch: number,
  rounds: number,
): Promise<Round[]> {
  const [organization] = await sql`
    insert into public.organizations (name) values (${mix.name}) returning id`;
  const organizationId = String(organization?.id);
  if (mix.hasMarkup) {
    await sql`select public.set_markup(${organizationId}, 1.2, valid_from => '2020-01-01')`;
  }
  const events = JSON.stringify(makeEvents(mix, organizationId, batch));
  const oneEvent = JSON.stringify(makeEvents(mix, organizationId, 1));
  await prepareCalls(sql, events);
  const measured: Round[] = [];
  // Plans are made anew after a function was replaced; that is no part of a batch.
  const timeBatch = async (): Promise<number> => {
    await track(sql, oneEvent, 1);
    return await time(() => track(sql, events, batch));
  };
  for (let round = -WARM_UP; round < rounds; round += 1) {
    const result = {
      batch_ms: await timeBatch(),
      pricing_ms: (await time(() => priceCalls(sql))) - (await time(() => readCalls(sql))),
      unpriced_batch_ms: await withoutPricing(sql, timeBatch),
    };
    if (round >= 0) measured.push(result);
    // What a scheduler does every few seconds; otherwise the later rounds write to longer tables.
    await sql`select tally.tick()`;
  }
  return measured;
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function track(sql: Sql, events: string, batch: number): Promise<void> {
  const [row] = await sql`
    select (public.track_usage_batch(${events}::text::jsonb) ->> 'recorded')::int as recorded`;
  if (row?.recorded !== batch) throw new Error(`${row?.recorded} of ${batch} were recorded.`);
}

/** The events as recording has them when it asks for their price. */
async function prepareCalls(sql: Sql, events: string): Promise<void> {
  await sql`drop table if exists bench_calls`;
  await sql`
    create temporary table bench_calls as
    select (e ->> 'organization_id')::uuid as organization_id, e ->> 'provider' as provider,
      e ->> 'model' as model, e -> 'classes' as classes,
      (e #>> '{classes,input}')::bigint + coalesce((e #>> '{classes,cache_read}')::bigint, 0)
        as input_tokens
    from jsonb_array_elements(${events}::text::jsonb) as e`;
  await sql`analyze bench_calls`;
}

async function priceCalls(sql: Sql): Promise<void> {
  await sql`
    select sum(p.cost_usd)
    from bench_calls as c
    cross join lateral tally.price_call(c.organization_id, c.provider, c.model, 'standard', c.classes,
      c.input_tokens, now()) as p`;
}

/** The round trip and the scan, which are no pricing. */
async function readCalls(sql: Sql): Promise<void> {
  await sql`select sum(c.input_tokens) from bench_calls as c`;
}

/** Runs work while pricing answers a constant, then puts the function back as it was. */
async function withoutPricing<T>(sql: Sql, work: () => Promise<T>): Promise<T> {
  const [original] = await sql`
    select pg_get_functiondef(
      'tally.price_call(uuid, text, text, text, jsonb, bigint, timestamptz)'::regprocedure) as source`;
  await sql`
    create or replace function tally.price_call(
      organization_id uuid, provider text, model text, service_tier text, classes jsonb,
      prompt_tokens bigint, at timestamptz,
      out cost_usd numeric, out price_id bigint, out priced_model text)
    language plpgsql stable security definer set search_path = ''
    as $$
    begin
      cost_usd := 0.005615;
      price_id := 1;
      priced_model := price_call.model;
    end;
    $$`;
  try {
    return await work();
  } finally {
    await sql.unsafe(String(original?.source));
  }
}
