import postgres from "postgres";
import { executeSql } from "../../scripts/databases/execute-sql.ts";

/** Milliseconds, median of several. */
export interface ReportTimes {
  /** As a signed-in member, through row level security. */
  member_ms: number;
  /** As the owner, without. */
  owner_ms: number;
}

const MONTH =
  "date_trunc('day', now()) - interval '30 days', date_trunc('day', now()) + interval '1 day'";

/** Every function that a dashboard asks, for the last 31 days. */
const REPORTS: Record<string, (organization: string) => string> = {
  usage_totals: (o) => `select * from public.usage_totals(${o}, ${MONTH})`,
  "usage_totals, one model": (o) =>
    `select * from public.usage_totals(${o}, ${MONTH}, '{"model": "gpt-4o"}')`,
  "usage_breakdown by model": (o) => `select * from public.usage_breakdown(${o}, ${MONTH})`,
  "usage_breakdown by tool, Kathmandu": (o) =>
    `select * from public.usage_breakdown(${o}, ${MONTH}, '{}', 'Asia/Kathmandu', 'tool_name')`,
  "usage_breakdown by user": (o) =>
    `select * from public.usage_breakdown(${o}, ${MONTH}, dimension => 'user_id')`,
  "usage_timeseries by day, UTC": (o) => `select * from public.usage_timeseries(${o}, ${MONTH})`,
  "usage_timeseries by day, New York": (o) =>
    `select * from public.usage_timeseries(${o}, ${MONTH}, '{}', 'America/New_York')`,
  "usage_timeseries by day and model, New York": (o) =>
    `select * from public.usage_timeseries(${o}, ${MONTH}, '{}', 'America/New_York', dimension => 'model')`,
  "usage_timeseries by hour": (o) =>
    `select * from public.usage_timeseries(${o}, ${MONTH}, bucket => 'hour')`,
  usage_statistics: (o) => `select * from public.usage_statistics(${o}, ${MONTH})`,
  usage_trends: (o) => `select * from public.usage_trends(${o}, ${MONTH})`,
  usage_peaks: (o) => `select * from public.usage_peaks(${o}, ${MONTH})`,
  usage_forecast: (o) => `select * from public.usage_forecast(${o}, ${MONTH})`,
  usage_anomalies: (o) => `select * from public.usage_anomalies(${o}, ${MONTH})`,
  top_users: (o) => `select * from public.top_users(${o}, ${MONTH})`,
  top_packages: (o) => `select * from public.top_packages(${o}, ${MONTH})`,
  "usage_summary (view)": (o) =>
    `select * from public.usage_summary where organization_id = ${o} and date > current_date - 31`,
  quota_status: (o) => `select * from public.quota_status(${o})`,
};

const ADMIN = "00000000-0000-4000-8000-00000000000a";

/** An admin of the organizations that are measured. */
export async function makeAdmin(url: string): Promise<void> {
  await executeSql(
    url,
    `insert into auth.users (id, email) values ('${ADMIN}', 'admin@example.com') on conflict do nothing;
     insert into public.organization_members (organization_id, user_id, role)
     select bench.organization(n), '${ADMIN}', 'admin' from generate_series(1, 2) as n on conflict do nothing;`,
  );
}

/** @param organization the number of the organization that asks */
export async function measureReports(
  url: string,
  organization: number,
): Promise<Record<string, ReportTimes>> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  const found: Record<string, ReportTimes> = {};
  try {
    for (const [name, report] of Object.entries(REPORTS)) {
      const query = report(`'${organization.toString(16).padStart(32, "0")}'::uuid`);
      found[name] = {
        member_ms: await time(sql, query, true),
        owner_ms: await time(sql, query, false),
      };
    }
  } finally {
    await sql.end();
  }
  return found;
}

async function time(sql: postgres.Sql, query: string, asMember: boolean): Promise<number> {
  const claims = JSON.stringify({ sub: ADMIN, role: "authenticated" });
  const times: number[] = [];
  for (let round = 0; round < 6; round++) {
    times.push(
      await sql.begin(async (transaction) => {
        if (asMember)
          await transaction`select set_config('role', 'authenticated', true), set_config('request.jwt.claims', ${claims}, true)`;
        const startedAt = performance.now();
        await transaction.unsafe(query);
        return performance.now() - startedAt;
      }),
    );
  }
  // The first run plans and warms; it is not a dashboard's ordinary one.
  return times.slice(1).sort((a, b) => a - b)[2] ?? Number.NaN;
}
