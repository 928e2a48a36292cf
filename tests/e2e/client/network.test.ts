import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createTallybase,
  mintEventId,
  type QueueStore,
  type Tallybase,
  type UsageEvent,
} from "../../../packages/client/src/index.ts";
import { askAnthropic, createTenant, eventsOf, marker, openHolds, sql, stack } from "./arrange.ts";
import { type FaultyNetwork, type NetworkFault, startNetwork } from "./faulty-network.ts";

const event = { provider: "openai", model: "gpt-4o", inputTokens: 1_000, outputTokens: 100 };
const timeoutMs = 2_000;
const faults: NetworkFault[] = [
  "refused",
  "reset after commit",
  "500 before commit",
  "500 after commit",
  "too slow",
  "delivered twice",
];

let organizationId: string;
let network: FaultyNetwork;
beforeEach(async () => {
  ({ organizationId } = await createTenant());
  network = await startNetwork(stack.API_URL, timeoutMs + 500);
});
afterEach(() => network.close());
afterAll(() => sql.end());

function connect(more: { retries?: number; store?: QueueStore } = {}): Tallybase {
  const { retries = 2, store } = more;
  const { url } = network;
  const project = { url, key: stack.SECRET_KEY, organizationId, timeoutMs, retries };
  return createTallybase({ ...project, queue: { intervalMs: 50, store } });
}

const recordedIds = async () => (await eventsOf(organizationId)).map(({ id }) => id).sort();

describe.each(faults)("'%s': recorded exactly once", (fault) => {
  test("an event", async () => {
    network.failWith(fault, fault);
    const { data } = await connect().track(event);
    expect(await recordedIds()).toEqual([data?.id]);
  });

  test("a queue of events", async () => {
    network.failWith(fault, fault, fault, null, fault);
    const { queue } = connect({ retries: 0 });
    const ids = Array.from({ length: 250 }, () => mintEventId());
    for (const id of ids) queue.add({ ...event, id });
    await expect.poll(() => queue.length, { timeout: 30_000 }).toBe(0);
    expect(await recordedIds()).toEqual([...ids].sort());
  });

  test("a wrapped call, whose hold ends", async () => {
    network.failWith(null, fault, fault);
    const context = { provider: "anthropic", model: "claude-sonnet-4-5" };
    const bound = { inputTokens: 50, maxOutputTokens: 50 };
    const call = () => askAnthropic(marker());
    const { usage } = await connect().wrapWithTracking(context, call, bound);
    expect(await recordedIds()).toEqual([usage.id]);
    expect(await openHolds(organizationId)).toBe(0);
  });

  test("a wrapped call whose admission goes wrong is held once", async () => {
    network.failWith(fault);
    const context = { provider: "anthropic", model: "claude-sonnet-4-5" };
    const { usage } = await connect().wrapWithTracking(context, () => askAnthropic(marker()), 0.01);
    expect(await recordedIds()).toEqual([usage.id]);
    expect(await openHolds(organizationId)).toBe(0);
  });
});

test("an hour without a network, over a crash: all is there, once, at its own moment", async () => {
  network.always = "refused";
  const kept = new Map<string, UsageEvent>();
  const store: QueueStore = {
    load: () => [...kept.values()],
    put: (added) => void kept.set(added.id ?? "", added),
    remove: (ids) => ids.forEach((id) => void kept.delete(id)),
  };
  const anHourAgo = Date.now() - 3_600_000;
  const before = connect({ retries: 0, store });
  for (let minute = 0; minute < 60; minute++) {
    before.queue.add({ ...event, createdAt: new Date(anHourAgo + minute * 60_000) });
  }
  expect(await before.queue.close()).toMatchObject({ recorded: 0, waiting: 60 });

  network.always = null;
  network.failWith("reset after commit");
  const after = connect({ retries: 0, store });
  await after.queue.flush();
  await expect.poll(() => kept.size, { timeout: 30_000 }).toBe(0);
  const rows = await sql<{ created_at: Date }[]>`
    select created_at from public.token_usage
    where organization_id = ${organizationId} order by created_at`;
  expect(rows.map(({ created_at }) => created_at.getTime())).toEqual(
    Array.from({ length: 60 }, (_, minute) => anHourAgo + minute * 60_000),
  );
});
