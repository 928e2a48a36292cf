import { FAULT_KINDS } from "@tallybase/fake-stripe";
import type { MeterSink } from "../../../supabase/functions/_tally/billing/meter-sink.ts";
import { reconcileUsage } from "../../../supabase/functions/_tally/billing/reconcile-usage.ts";
import type { ReportDeps } from "../../../supabase/functions/_tally/billing/report-deps.ts";
import { reportUsage } from "../../../supabase/functions/_tally/billing/report-usage.ts";
import { TallyError } from "../../../supabase/functions/_tally/errors.ts";
import { createRandom, type RandomSource } from "../../races/callers/random-source.ts";
import { Killed, killable } from "./killable.ts";
import { DAY, HOUR, MINUTE, openCustomer, openCustomerId, use, type World } from "./world.ts";

/** What happened in a schedule, by name. */
export type Tally = Record<string, number>;

/** A world in which one random schedule runs. */
interface Run {
  world: World;
  random: RandomSource;
  customers: { organizationId: string; customerId: string }[];
  beganAt: number;
  /** How far the database's clock is ahead of Stripe's, ms. */
  skew: { ms: number };
  sink: MeterSink;
  tally: Tally;
}

/**
 * Runs a random schedule of use, late use, re-rating, outages, jumps of the clock, faults and kills, and
 * then lets everything come to rest.
 */
export async function runSchedule(world: World, seed: number, tally: Tally): Promise<void> {
  const random = createRandom(seed);
  const beganAt = world.clock.now;
  const customers = await Promise.all([openCustomer(world, beganAt), openCustomer(world, beganAt)]);
  world.clock.now += HOUR;
  const sink = random.chance(0.25) ? world.streamSink : world.sink;
  tally[sink.name] = (tally[sink.name] ?? 0) + 1;
  const run: Run = { world, random, customers, beganAt, skew: { ms: 0 }, sink, tally };
  const steps = random.between(8, 20);
  for (let step = 0; step < steps; step++) {
    const [name, act] = random.pick(STEPS);
    tally[name] = (tally[name] ?? 0) + 1;
    await act(run);
  }
  await comeToRest(run);
}

type Step = [name: string, act: (run: Run) => Promise<void>];

/** Named more than once: more often. */
const STEPS: Step[] = [
  ["use", useSome],
  ["use", useSome],
  ["use", useSome],
  ["report", report],
  ["report", report],
  ["report", report],
  ["report amid faults", reportAmidFaults],
  ["report amid faults", reportAmidFaults],
  ["report, killed", reportKilled],
  ["report, killed", reportKilled],
  ["two reports at once", reportTwice],
  ["late use", useLate],
  ["re-rating", rerate],
  ["markup", changeMarkup],
  ["invoice", finalizeInvoice],
  ["subscription ends or begins", subscribe],
  ["late refusal", refuseLate],
  ["another customer", changeCustomer],
  ["clock jumps", jump],
  ["hours pass", async ({ world, random }) => pass(world, random.between(1, 5) * HOUR)],
  ["outage of 25 hours", outage],
  ["40 days pass", backlog],
  ["reconciliation", reconcile],
];

function pass({ clock }: World, ms: number): void {
  clock.now += ms;
}

async function useSome({ world, random, customers, beganAt }: Run): Promise<void> {
  for (let event = random.between(1, 4); event > 0; event--) {
    const { organizationId } = random.pick(customers);
    const at = Math.max(beganAt, world.clock.now - random.between(0, 3 * HOUR));
    const tokens = random.between(0, 90_000);
    // Costs with more digits than a micro-dollar has, and a model that nobody has priced yet.
    const cost = `0.${String(random.between(0, 999_999_999)).padStart(10, "0")}`;
    await use(world, organizationId, at, {
      input_tokens: tokens,
      ...(random.chance(0.3)
        ? { model: "unpriced", cost_usd: undefined }
        : { cost_usd: random.chance(0.1) ? "0" : cost }),
    });
  }
  pass(world, random.between(1, 90) * MINUTE);
}

async function useLate({ world, random, customers, beganAt }: Run): Promise<void> {
  const { organizationId } = random.pick(customers);
  const at = Math.max(beganAt, world.clock.now - random.between(1, 45 * 24) * HOUR);
  await use(world, organizationId, at, {
    input_tokens: random.between(1, 5000),
    cost_usd: "0.0000123",
  });
}

async function rerate({ world, random, customers, beganAt }: Run): Promise<void> {
  const { organizationId } = random.pick(customers);
  const from = random.chance(0.5) ? beganAt : Math.max(beganAt, world.clock.now - 5 * HOUR);
  const rates = `{"input": ${random.between(0, 40)}.${random.between(1, 999)}}`;
  await world.sql`
    select public.set_price('lab', 'unpriced', ${rates}::text::jsonb,
      organization_id => ${organizationId}, valid_from => ${new Date(from).toISOString()})
    where not exists (
      select from public.cost_estimates as c
      where c.organization_id = ${organizationId} and c.valid_from = ${new Date(from).toISOString()})`;
  await world.sql`select public.rerate_usage(
    jsonb_build_object('organization_id', ${organizationId}::text), 'a new price')`;
}

async function changeMarkup({ world, random, customers, beganAt }: Run): Promise<void> {
  const { organizationId } = random.pick(customers);
  const at = Math.max(beganAt, world.clock.now - random.between(0, 6) * HOUR);
  await world.sql`select public.set_billing_markup(${organizationId}, ${random.between(50, 250) / 100},
    ${new Date(at).toISOString()})`;
}

async function finalizeInvoice({ world, random, customers }: Run): Promise<void> {
  const { customerId } = random.pick(customers);
  const end = Math.floor((world.clock.now - random.between(1, 30) * HOUR) / 1000);
  const event = {
    id: `evt_${customerId}_${end}`,
    type: "invoice.finalized",
    created: Math.floor(world.clock.now / 1000),
    data: {
      object: { customer: customerId, period_end: end, billing_reason: "subscription_cycle" },
    },
  };
  // Stripe may say it more than once.
  for (let times = random.between(1, 2); times > 0; times--) {
    await world.sql`select tally.receive_stripe_event(${JSON.stringify(event)}::text::jsonb)`;
  }
}

/** A subscription that ended a while ago, or a new one; in any order, and told twice. */
async function subscribe({ world, random, customers }: Run): Promise<void> {
  const { customerId } = random.pick(customers);
  const { now } = world.clock;
  const at = Math.floor((now - random.between(0, 3 * HOUR)) / 1000);
  const isOver = random.chance(0.5);
  const event = {
    id: `evt_${customerId}_${at}_${isOver}`,
    type: `customer.subscription.${isOver ? "deleted" : "created"}`,
    created: Math.floor(now / 1000),
    data: {
      object: {
        id: `sub_${random.between(1, 3)}`,
        customer: customerId,
        status: isOver ? "canceled" : "active",
        start_date: at,
        ended_at: isOver ? at : null,
      },
    },
  };
  for (let times = random.between(1, 2); times > 0; times--) {
    await world.sql`select tally.receive_stripe_event(${JSON.stringify(event)}::text::jsonb)`;
  }
}

/** From now on the organization is billed as somebody else; what was sent stays where it is. */
async function changeCustomer({ world, random, customers }: Run): Promise<void> {
  const customer = random.pick(customers);
  customer.customerId = openCustomerId(world);
  await world.sql`select public.set_billing_customer(${customer.organizationId}, ${customer.customerId})`;
}

async function refuseLate({ world, tally }: Run): Promise<void> {
  const { account } = world.fake;
  let remaining = 1;
  account.lateRefusal = () =>
    remaining-- > 0
      ? { code: "meter_event_customer_not_found", message: "No such customer" }
      : null;
  const bodies = await account.webhooks.sendErrorReports();
  for (const body of bodies) {
    const { id } = JSON.parse(body) as { id: string };
    await receiveErrors(world, id, tally);
  }
}

/** What the webhook does once it has fetched the event. */
async function receiveErrors({ sql, fake, clock }: World, id: string, tally: Tally): Promise<void> {
  const { data, related_object: meter } = fake.account.objects.get(id) as unknown as {
    data: {
      validation_start: string;
      validation_end: string;
      reason: {
        error_types: { code: string; sample_errors: { request: { identifier: string } }[] }[];
      };
    };
    related_object?: { id: string };
  };
  const samples = data.reason.error_types.flatMap(({ code, sample_errors }) =>
    sample_errors.map(({ request }) => ({ key: request.identifier, code, message: code })),
  );
  tally["late errors told"] = (tally["late errors told"] ?? 0) + samples.length;
  await sql`select tally.receive_meter_errors(${id}, ${meter?.id ?? null}, ${data.validation_start},
    ${data.validation_end}, ${JSON.stringify(samples)}::text::jsonb, ${new Date(clock.now).toISOString()})`;
}

async function jump({ random, skew }: Run): Promise<void> {
  skew.ms = random.pick([0, 0, 4 * MINUTE, 50 * MINUTE, 26 * HOUR, -50 * MINUTE, -26 * HOUR]);
}

async function outage(run: Run): Promise<void> {
  const { world, random } = run;
  // Something may be on its way when it begins: what became of it, nobody says for more than a day.
  world.fake.account.faults.hook = ({ method }) =>
    method === "POST"
      ? random.pick(["timeout_after", "error_after", "reset_after", "timeout_before"])
      : undefined;
  await runReport(run, depsOf(run));
  world.fake.account.faults.clear();
  pass(world, 25 * HOUR);
}

async function backlog({ world, random }: Run): Promise<void> {
  if (random.chance(0.4)) pass(world, 40 * DAY);
  else pass(world, random.between(1, 20) * DAY);
}

async function reconcile(run: Run): Promise<void> {
  const { world, random } = run;
  const end = Math.floor(world.clock.now / HOUR) * HOUR;
  // A person would not do it with a wrong clock either.
  run.skew.ms = 0;
  await reconcileUsage(
    {
      startsAt: new Date(end - 72 * HOUR).toISOString(),
      endsAt: new Date(end).toISOString(),
      repair: random.chance(0.7),
    },
    depsOf(run),
  );
}

function depsOf({ world: { database, clock }, sink, skew }: Run): ReportDeps {
  return {
    database,
    sink,
    now: () => performance.now(),
    at: () => new Date(clock.now + skew.ms).toISOString(),
  };
}

async function runReport({ tally }: Run, deps: ReportDeps): Promise<void> {
  await reportUsage({ ...deps, timeLimitMs: 2_000 }).catch((error: unknown) => {
    // Nothing is sent by a wrong clock, or to a sink that is silent.
    const isRefusal = error instanceof TallyError && ["PT502", "PT503"].includes(error.code);
    if (!(error instanceof Killed) && !isRefusal) throw error;
    if (isRefusal) tally[error.code] = (tally[error.code] ?? 0) + 1;
  });
}

async function report(run: Run): Promise<void> {
  await runReport(run, depsOf(run));
}

async function reportAmidFaults(run: Run): Promise<void> {
  const { random, world } = run;
  const { faults } = world.fake.account;
  faults.hook = ({ method }) =>
    random.chance(method === "POST" ? 0.3 : 0.05) ? random.pick(FAULT_KINDS) : undefined;
  await runReport(run, depsOf(run));
  faults.clear();
}

async function reportKilled(run: Run): Promise<void> {
  const { random } = run;
  await runReport(
    run,
    killable(depsOf(run), { after: random.between(1, 15), isDone: random.chance(0.5) }),
  );
}

async function reportTwice(run: Run): Promise<void> {
  await Promise.all([runReport(run, depsOf(run)), runReport(run, depsOf(run))]);
}

/** Time goes on and runs come every few hours, until nothing is left to be done. */
async function comeToRest(run: Run): Promise<void> {
  const { world, tally } = run;
  world.fake.account.lateRefusal = undefined;
  run.skew.ms = 0;
  for (let round = 0; round < 60; round++) {
    for (const body of await world.fake.account.webhooks.sendErrorReports()) {
      await receiveErrors(world, (JSON.parse(body) as { id: string }).id, tally);
    }
    pass(world, 4 * HOUR);
    await runReport(run, depsOf(run));
    const [open] = await world.sql`
      select (select count(*) from public.billing_reports where state = 'pending')
        + (select count(*) from tally.billing_checks) + (select count(*) from tally.changed_hours)
        + (select count(*) from tally.usage_deltas) as count`;
    if (Number(open?.count) === 0) return;
  }
  throw new Error("Billing did not come to rest.");
}
