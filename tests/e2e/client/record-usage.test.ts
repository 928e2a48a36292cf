import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { createTallybase, mintEventId } from "../../../packages/client/src/index.ts";
import type { Fault } from "../../client/fake-project.ts";
import {
  addMember,
  asUser,
  brokenNetwork,
  createTenant,
  createUser,
  eventsOf,
  sql,
  stack,
  type Tenant,
} from "./arrange.ts";

const event = { provider: "openai", model: "gpt-4o", inputTokens: 1_000, outputTokens: 100 };

let tenant: Tenant;
beforeEach(async () => {
  tenant = await createTenant();
});
afterAll(() => sql.end());

test("an event is priced and in the ledger, and its replay changes nothing", async () => {
  const { tally, organizationId } = tenant;
  const id = mintEventId();
  const first = await tally.track({ ...event, id, toolName: "summary" });
  expect(first.error).toBeNull();
  expect(first.data).toMatchObject({ id, status: "recorded", costUsd: 0.0035, totalTokens: 1_100 });
  const replay = await tally.track({ ...event, id, toolName: "summary" });
  expect(replay.data).toEqual({ ...first.data, status: "duplicate" });
  expect(await eventsOf(organizationId)).toMatchObject([{ id, tool_name: "summary" }]);
});

test("an event at a moment of its own is found there", async () => {
  const createdAt = new Date(Date.now() - 3_600_000);
  const { data } = await tenant.tally.track({ ...event, createdAt });
  const [row] = await sql<{ created_at: Date }[]>`
    select created_at from public.token_usage where organization_id = ${tenant.organizationId}`;
  expect(row?.created_at).toEqual(createdAt);
  expect(data?.id).toMatch(new RegExp(`^${mintEventId(createdAt).slice(0, 13)}`));
});

test("a key of the caller's own names one event, in whatever process it is sent", async () => {
  const named = { ...event, idempotencyKey: "invoice-7" };
  const first = await tenant.tally.track(named);
  const second = await createTallybase({
    url: stack.API_URL,
    key: stack.SECRET_KEY,
    organizationId: tenant.organizationId,
  }).track(named);
  expect(second.data).toEqual({ ...first.data, status: "duplicate" });
});

test("one id for two different events is a conflict", async () => {
  const id = mintEventId();
  await tenant.tally.track({ ...event, id });
  const { error } = await tenant.tally.track({ ...event, id, outputTokens: 101 });
  expect(error).toMatchObject({ code: "PT409", status: 409 });
});

describe("a broken network", () => {
  const faults: Fault[] = [
    "refused",
    "500 before commit",
    "500 after commit",
    "reset after commit",
  ];
  test.each(faults)("'%s': the event is recorded exactly once", async (fault) => {
    const tally = createTallybase({
      url: stack.API_URL,
      key: stack.SECRET_KEY,
      organizationId: tenant.organizationId,
      fetch: brokenNetwork(fault, fault),
    });
    const { data } = await tally.track(event);
    expect(await eventsOf(tenant.organizationId)).toMatchObject([{ id: data?.id }]);
  });

  test("for good: the events come back, and tracking them later counts each once", async () => {
    const lost: object[] = [];
    const tally = createTallybase({
      url: stack.API_URL,
      key: stack.SECRET_KEY,
      organizationId: tenant.organizationId,
      retries: 1,
      onLost: (error) => void lost.push(...error.events),
      fetch: brokenNetwork("500 after commit", "refused"),
    });
    const events = [event, { ...event, model: "gpt-4o-mini" }];
    const { error } = await tally.trackBatch(events);
    expect(lost).toEqual(error?.events);
    const again = await tally.trackBatch(error?.events ?? []);
    expect(again.data).toEqual({ recorded: 0, duplicates: 2, rejected: [] });
    expect(await eventsOf(tenant.organizationId)).toHaveLength(2);
  });
});

test("of a batch of 1,100 the good ones land and the bad ones are named", async () => {
  const events = Array.from({ length: 1_100 }, () => ({ ...event }));
  events[0] = { ...event, inputTokens: -1 };
  events[700] = { ...event, outputTokens: 0.5 };
  const { data } = await tenant.tally.trackBatch(events);
  expect(data).toMatchObject({
    recorded: 1_098,
    rejected: [
      { index: 0, code: "PT400" },
      { index: 700, code: "PT400" },
    ],
  });
  expect(await eventsOf(tenant.organizationId)).toHaveLength(1_098);
});

describe("bad input writes nothing and is named", () => {
  test.each([
    ["negative tokens", { ...event, inputTokens: -5 }, "PT400"],
    ["a fraction of a token", { ...event, outputTokens: 0.5 }, "PT400"],
    ["more tokens than there are", { ...event, inputTokens: 1e15 }, "PT400"],
    ["no provider", { ...event, provider: "" }, "PT400"],
    ["a moment that is none", { ...event, createdAt: "yesterday-ish" }, "PT400"],
    ["a moment long ago", { ...event, createdAt: "2020-01-01T00:00:00Z" }, "PT400"],
    ["an unknown organization", { ...event, organizationId: crypto.randomUUID() }, "PT404"],
  ])("%s", async (_, bad, code) => {
    const { error } = await tenant.tally.track(bad);
    expect(error).toMatchObject({ code, events: [{ model: "gpt-4o" }] });
    expect(await eventsOf(tenant.organizationId)).toEqual([]);
  });
});

describe("who may record", () => {
  test("a member of an organization that allows it", async () => {
    const user = await createUser();
    await addMember(tenant.organizationId, user.id);
    const { organizationId } = tenant;
    const tally = createTallybase(asUser(user.token), { organizationId });
    expect((await tally.track(event)).error).toMatchObject({ code: "PT403" });

    await sql`update public.organizations set allow_client_tracking = true where id = ${organizationId}`;
    expect((await tally.track(event)).data?.status).toBe("recorded");
    expect(await eventsOf(organizationId)).toMatchObject([{ user_id: user.id }]);
  });

  test("nobody for an organization of others", async () => {
    const user = await createUser();
    const tally = createTallybase({
      url: stack.API_URL,
      key: stack.PUBLISHABLE_KEY,
      accessToken: user.token,
      organizationId: tenant.organizationId,
    });
    expect((await tally.track(event)).error).toMatchObject({ code: "PT403" });
    expect((await tally.quotaStatus()).error).toMatchObject({ code: "PT403" });
    expect(await eventsOf(tenant.organizationId)).toEqual([]);
  });

  test("an API key, for its own organization", async () => {
    const tally = createTallybase({ url: stack.API_URL, key: tenant.apiKey });
    expect((await tally.track(event)).data).toMatchObject({ status: "recorded", costUsd: 0.0035 });
    expect((await tally.trackBatch([event, event])).data?.recorded).toBe(2);
    expect(await eventsOf(tenant.organizationId)).toHaveLength(3);
  });

  test("nobody with a publishable key alone", async () => {
    const tally = createTallybase({
      url: stack.API_URL,
      key: stack.PUBLISHABLE_KEY,
      organizationId: tenant.organizationId,
    });
    expect((await tally.track(event)).error).toMatchObject({ code: "42501", status: 401 });
  });
});
