/**
 * Reports everything that is due and prints one line of JSON: what was done, how long it took and the
 * peak memory of this process. Environment: DATABASE_URL, STRIPE_URL, SINK (stripe or stripe-stream),
 * MAX_REPORTS (all when absent).
 */
import { chooseSink } from "../../supabase/functions/_tally/billing/choose-sink.ts";
import { limitFetch, limitRate } from "../../supabase/functions/_tally/billing/limit-rate.ts";
import { reportUsage } from "../../supabase/functions/_tally/billing/report-usage.ts";
import { openDatabase } from "../../supabase/functions/_tally/database.ts";

const { DATABASE_URL = "", STRIPE_URL = "", SINK = "stripe", MAX_REPORTS } = process.env;
const settings: Record<string, string> = {
  TALLY_METER_SINK: SINK,
  STRIPE_SECRET_KEY: "sk_test_bench",
  TALLY_STRIPE_API_URL: STRIPE_URL,
};
/** What Stripe takes in live mode, and the fake too. */
const PER_SECOND = 1_000;
const startedAt = performance.now();
const count = await reportUsage({
  database: openDatabase(DATABASE_URL, 8),
  sink: chooseSink((name) => settings[name], {
    fetch: limitFetch(fetch, limitRate(PER_SECOND)),
    now: Date.now,
  }),
  now: () => performance.now(),
  timeLimitMs: Number.POSITIVE_INFINITY,
  maxReports: MAX_REPORTS === undefined ? Number.POSITIVE_INFINITY : Number(MAX_REPORTS),
});
const seconds = (performance.now() - startedAt) / 1000;
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
const cpu_seconds = (userCPUTime + systemCPUTime) / 1e6;
console.log(JSON.stringify({ count, seconds, cpu_seconds, peak_mb: maxRSS / 1024 }));
process.exit(0);
