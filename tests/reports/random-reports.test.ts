import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { askReport, countRaw, passesFilters, type Question } from "./support/count-raw.ts";
import { makeUsage, momentNear, PLACES, pick, type Random } from "./support/make-usage.ts";

const QUESTIONS = 150;
const DIMENSIONS = [
  "model",
  "provider",
  "tool_name",
  "operation",
  "resource_type",
  "service_tier",
  "status",
  "unit_type",
  "is_byok",
  "user_id",
  "api_key_id",
];
const VALUES: Record<string, (string | null)[]> = {
  model: ["echo", "parrot", "mute", "nobody"],
  tool_name: ["writer", null],
  status: ["failed", "timeout"],
  is_byok: ["true"],
  user_id: ["00000000-0000-4000-8000-000000000101", null],
  api_key_id: ["00000000-0000-4000-8000-000000000201", null],
};

const seed = Number(process.env.TALLY_SEED ?? Math.floor(Math.random() * 2 ** 32));
const random: Random = seededRandom(seed);

let database: TestDatabase;
let sql: Sql;
let organizationId: string;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: 1, onnotice: () => undefined });
  organizationId = await makeUsage(sql, random, 39);
});

afterAll(async () => {
  await sql.end();
  await database.drop();
});

function makeFilters(): Question["filters"] {
  const filters: Question["filters"] = {};
  for (const [key, values] of Object.entries(VALUES)) {
    if (random() < 0.15) {
      filters[key] = random() < 0.5 ? pick(random, values) : values.slice(0, 2);
    }
  }
  return filters;
}

function makeQuestion(): Question {
  const place = pick(random, PLACES);
  // Mostly asked where the clock is odd; now and then from another part of the world.
  const { timezone } = random() < 0.8 ? place : pick(random, PLACES);
  const [one, other] = [momentNear(random, place.around, 5), momentNear(random, place.around, 5)];
  const startsAt = new Date(Math.min(one.getTime(), other.getTime()));
  const bucket = pick(random, ["day", null, "week", "month", "hour"]);
  return {
    organizationId,
    startsAt,
    endsAt: new Date(Math.max(one.getTime(), other.getTime(), startsAt.getTime() + 1)),
    timezone,
    // Where clocks move by half an hour, an hour of elapsed time is not one of the clock.
    bucket: bucket === "hour" && timezone === "Australia/Lord_Howe" ? "day" : bucket,
    dimension: bucket === null || random() < 0.5 ? pick(random, DIMENSIONS) : null,
    filters: makeFilters(),
  };
}

describe(`reports of random usage (TALLY_SEED=${seed})`, () => {
  test("equal a GROUP BY over the events, to the last digit", { timeout: 300_000 }, async () => {
    let rows = 0;
    for (let n = 0; n < QUESTIONS; n += 1) {
      const question = makeQuestion();
      const [raw, reported] = [await countRaw(sql, question), await askReport(sql, question)];
      expect(reported, JSON.stringify(question)).toEqual(raw);
      rows += raw.length;
    }
    expect(rows).toBeGreaterThan(QUESTIONS);
  });

  test("buckets have no gaps, end where the range ends and add up to it", async () => {
    for (let n = 0; n < 60; n += 1) {
      const { startsAt, endsAt, timezone, filters } = makeQuestion();
      const bucket = pick(random, ["day", "hour", "week", "month", "year", "15_minutes"]);
      const [found] = await sql`
        select
          bool_and(s.bucket_start = coalesce(s.before, ${startsAt})) as has_no_gap,
          bool_and(s.bucket_end > s.bucket_start) as runs_forward,
          max(s.bucket_end) = ${endsAt} as ends,
          sum(s.request_count) = max(t.request_count) as has_requests,
          sum(s.total_tokens) = max(t.total_tokens) as has_tokens,
          sum(s.total_cost_usd) = max(t.total_cost_usd) as has_cost,
          sum(s.unpriced_count) = max(t.unpriced_count) as has_unpriced
        from (
          select r.*, lag(r.bucket_end) over (order by r.bucket_start) as before
          from public.usage_timeseries(${organizationId}, ${startsAt}, ${endsAt}, ${sql.json(filters)}, ${timezone},
            ${bucket}) as r
        ) as s
        cross join public.usage_totals(${organizationId}, ${startsAt}, ${endsAt}, ${sql.json(filters)}) as t`;
      const question = JSON.stringify({ startsAt, endsAt, timezone, filters, bucket });
      expect(
        Object.entries(found ?? {}).filter(([, holds]) => holds !== true),
        question,
      ).toEqual([]);
    }
  });

  test("two ranges that meet add up to the one over both", async () => {
    for (let n = 0; n < 60; n += 1) {
      const { startsAt, endsAt, filters } = makeQuestion();
      const cut = new Date(
        startsAt.getTime() + Math.floor(random() * (endsAt.getTime() - startsAt.getTime())),
      );
      if (cut.getTime() === startsAt.getTime()) continue;
      const [found] = await sql`
        select a.total_cost_usd + b.total_cost_usd = c.total_cost_usd as cost,
          a.request_count + b.request_count = c.request_count as requests
        from public.usage_totals(${organizationId}, ${startsAt}, ${cut}, ${sql.json(filters)}) as a,
          public.usage_totals(${organizationId}, ${cut}, ${endsAt}, ${sql.json(filters)}) as b,
          public.usage_totals(${organizationId}, ${startsAt}, ${endsAt}, ${sql.json(filters)}) as c`;
      expect(found, JSON.stringify({ startsAt, cut, endsAt, filters })).toEqual({
        cost: true,
        requests: true,
      });
    }
  });

  test("percentiles of durations are within 5 % of the exact ones", async () => {
    for (let n = 0; n < 20; n += 1) {
      const { startsAt, endsAt, filters: all } = makeQuestion();
      const { user_id: _user, api_key_id: _key, ...filters } = all;
      const [found] = await sql`
        select x.exact, array[r.p50, r.p95, r.p99]::float8[] as reported, r.sample_count = x.samples as has_all
        from public.usage_statistics(${organizationId}, ${startsAt}, ${endsAt}, ${sql.json(filters)}) as r
        cross join (
          select percentile_disc(array[0.5, 0.95, 0.99]) within group (order by e.duration_ms)::float8[] as exact,
            count(e.duration_ms) as samples
          from public.token_usage as e
          where e.organization_id = ${organizationId} and e.created_at >= ${startsAt} and e.created_at < ${endsAt}
            ${passesFilters(sql, filters)}
        ) as x
        where r.measure = 'duration_ms'`;
      expect(found?.has_all, JSON.stringify({ startsAt, endsAt, filters })).toBe(true);
      (found?.exact ?? []).forEach((exact: number, place: number) => {
        const reported = Number(found?.reported[place]);
        // One millisecond is the first slot.
        expect(Math.abs(reported - Math.max(exact, 1))).toBeLessThanOrEqual(
          0.05 * Math.max(exact, 1) + 0.1,
        );
      });
    }
  });
});
