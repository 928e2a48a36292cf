import type { Sql } from "postgres";

/** A number from 0 until before 1. */
export type Random = () => number;

/** Where local days are hard: both clock changes, a day that was skipped, odd offsets. */
export const PLACES: readonly { timezone: string; around: string }[] = [
  { timezone: "UTC", around: "2026-02-28T12:00:00Z" },
  { timezone: "Asia/Kolkata", around: "2026-06-30T18:30:00Z" },
  { timezone: "Asia/Kathmandu", around: "2026-04-13T18:15:00Z" },
  { timezone: "America/New_York", around: "2026-03-08T07:00:00Z" },
  { timezone: "America/New_York", around: "2025-11-02T06:00:00Z" },
  { timezone: "Europe/Berlin", around: "2026-03-29T01:00:00Z" },
  { timezone: "Europe/Berlin", around: "2025-10-26T01:00:00Z" },
  { timezone: "America/Havana", around: "2025-11-02T05:00:00Z" },
  { timezone: "America/Santiago", around: "2025-09-07T04:00:00Z" },
  { timezone: "Asia/Beirut", around: "2026-03-28T22:00:00Z" },
  { timezone: "Australia/Lord_Howe", around: "2026-04-04T15:00:00Z" },
  { timezone: "Pacific/Apia", around: "2011-12-30T10:00:00Z" },
  { timezone: "Pacific/Kiritimati", around: "2026-01-01T10:00:00Z" },
];

const DAY = 86_400_000;
const USERS = [
  null,
  "00000000-0000-4000-8000-000000000101",
  "00000000-0000-4000-8000-000000000102",
];
const KEYS = [null, "00000000-0000-4000-8000-000000000201"];

/** One of a list, the first ones more often. */
export function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() ** 1.5 * list.length)] as T;
}

/** A moment within some days of another; now and then exactly on a quarter of an hour. */
export function momentNear(random: Random, around: string, days: number): Date {
  const at = Date.parse(around) + (random() - 0.5) * 2 * days * DAY;
  const grain = random() < 0.2 ? 900_000 : 1;
  return new Date(Math.floor(at / grain) * grain);
}

function makeEvent(random: Random, organizationId: string, around: string) {
  const resource = random();
  const used =
    resource < 0.8
      ? {
          input_tokens: Math.floor(random() * 5000),
          output_tokens: Math.floor(random() * 900),
          classes: { cache_read: 0, reasoning: 0 },
        }
      : { resource_type: "speech", units: Math.floor(random() * 500) / 4, unit_type: "second" };
  return {
    organization_id: organizationId,
    provider: "lab",
    model: pick(random, ["echo", "parrot", "mute"]),
    tool_name: pick(random, ["writer", "reader", null]),
    operation: pick(random, [null, "ask"]),
    service_tier: pick(random, ["standard", "batch"]),
    status: pick(random, ["success", "failed", "timeout"]),
    is_byok: random() < 0.1,
    user_id: pick(random, USERS),
    api_key_id: pick(random, KEYS),
    execution_id:
      random() < 0.3 ? `00000000-0000-4000-8000-00000000030${Math.floor(random() * 10)}` : null,
    duration_ms: random() < 0.8 ? Math.floor(random() ** 3 * 60_000) : null,
    created_at: momentNear(random, around, 4).toISOString(),
    ...used,
  };
}

/**
 * An organization with random events, some folded and some not, of models that are priced, priced late
 * (re-rated) or not priced at all.
 */
export async function makeUsage(sql: Sql, random: Random, batches: number): Promise<string> {
  await sql`
    update tally.settings set event_late_limit = '100 years', event_early_limit = '100 years'`;
  const [row] = await sql`
    insert into public.organizations (name, timezone) values ('Reports', 'Asia/Kathmandu') returning id`;
  const organizationId = String(row?.id);
  const setPrice = (model: string) => sql`
    select public.set_price('lab', ${model}, '{"input": 1.000003, "output": 10, "cache_read": 0.1, "second": 0.0007}',
      valid_from => '2000-01-01')`;
  await setPrice("echo");
  for (let batch = 0; batch < batches; batch += 1) {
    const place = PLACES[batch % PLACES.length] ?? PLACES[0];
    const events = Array.from({ length: 60 }, () =>
      makeEvent(random, organizationId, place?.around ?? ""),
    );
    const [answer] = await sql`
      select public.track_usage_batch(${JSON.stringify(events)}::text::jsonb) as answer`;
    if (answer?.answer.recorded !== events.length) {
      throw new Error(`not recorded: ${JSON.stringify(answer?.answer.rejected.slice(0, 2))}`);
    }
    if (random() < 0.5) {
      await sql`select tally.fold(${organizationId})`;
    }
    if (batch === Math.floor(batches / 2)) {
      // A price that comes late: what was recorded by then is re-rated, the rest is priced at once.
      await setPrice("parrot");
      await sql`select public.rerate_usage(${sql.json({ organization_id: organizationId })}, 'late')`;
    }
  }
  return organizationId;
}
