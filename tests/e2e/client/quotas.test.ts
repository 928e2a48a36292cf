import { afterAll, beforeEach, expect, test } from "vitest";
import {
  checkQuota,
  createTallybase,
  estimateCost,
  trackUsage,
  wrapWithTracking,
} from "../../../packages/client/src/index.ts";
import {
  askAnthropic,
  billOf,
  createTenant,
  eventsOf,
  marker,
  openHolds,
  setQuota,
  sql,
  stack,
  type Tenant,
} from "./arrange.ts";

const call = { provider: "anthropic", model: "claude-sonnet-4-5" };

let tenant: Tenant;
beforeEach(async () => {
  tenant = await createTenant();
});
afterAll(() => sql.end());

test("no quota: everything is allowed", async () => {
  const { data } = await tenant.tally.checkQuota({ ...call, estimatedCost: 1_000 });
  expect(data).toMatchObject({ allowed: true, quotaLimit: null, resetAt: null });
  expect((await tenant.tally.quotaStatus()).data).toEqual([]);
});

test("what is held and what is used is seen at once, by everybody", async () => {
  const { tally, organizationId } = tenant;
  await setQuota(organizationId, 1);
  const { data: hold } = await tally.reserve({ ...call, estimatedCost: 0.75 });
  expect(hold?.allowed).toBe(true);

  const { data: check } = await tally.checkQuota({ ...call, estimatedCost: 0.5 });
  expect(check).toMatchObject({ allowed: false, reserved: 0.75, remaining: 0.25, quotaLimit: 1 });
  expect(new Date(check?.resetAt ?? "").getTime()).toBeGreaterThan(Date.now());

  const { data: refusal } = await tally.reserve({ ...call, estimatedCost: 0.5 });
  expect(refusal).toMatchObject({
    allowed: false,
    holdId: null,
    blockedBy: { reason: "quota", metric: "cost_usd", remaining: 0.25, requested: 0.5 },
  });

  const settled = await tally.settle(hold?.holdId ?? "", {
    ...call,
    inputTokens: 100_000,
    outputTokens: 10_000,
  });
  expect(settled.data?.costUsd).toBe(0.45);
  const { data: quotas } = await tally.quotaStatus();
  expect(quotas).toMatchObject([
    { currentUsage: 0.45, reserved: 0, remaining: 0.55, percentUsed: 45, level: "ok" },
  ]);
});

test("a released hold gives its share back; releasing it again changes nothing", async () => {
  await setQuota(tenant.organizationId, 1);
  const { data: hold } = await tenant.tally.reserve({ ...call, estimatedCost: 1 });
  const holdId = hold?.holdId ?? "";
  expect((await tenant.tally.release(holdId)).data).toEqual({ holdId, state: "released" });
  expect((await tenant.tally.release(holdId)).data).toEqual({ holdId, state: "released" });
  const { data } = await tenant.tally.checkQuota({ ...call, estimatedCost: 1 });
  expect(data?.allowed).toBe(true);
});

test("a run draws from its hold, is topped up, and ends", async () => {
  const { tally, organizationId } = tenant;
  await setQuota(organizationId, 1);
  const { data: hold } = await tally.reserve({ ...call, estimatedCost: 0.5, requests: 3 });
  const holdId = hold?.holdId ?? "";
  const step = { ...call, inputTokens: 10_000, outputTokens: 1_000 };
  expect((await tally.settle(holdId, step, { final: false })).data?.costUsd).toBe(0.045);
  expect((await tally.extend(holdId, 600, { estimatedCost: 0.4 })).data?.allowed).toBe(true);
  expect((await tally.extend(holdId, 600, { estimatedCost: 0.4 })).data).toMatchObject({
    allowed: false,
    blockedBy: { metric: "cost_usd" },
  });
  expect((await tally.settle(holdId, step)).data?.status).toBe("recorded");
  expect((await tally.settle(holdId, step)).data?.status).toBe("duplicate");
  expect(await eventsOf(organizationId)).toHaveLength(2);
  expect(await openHolds(organizationId)).toBe(0);
});

test("estimateCost prices what the ledger would", async () => {
  const tokens = { inputTokens: 12_000, outputTokens: 800 };
  const { data } = await tenant.tally.estimateCost({ ...call, ...tokens });
  expect(data?.costUsd).toBe(0.048);
  expect((await tenant.tally.track({ ...call, ...tokens })).data).toMatchObject(data ?? {});
  const unknown = { provider: "openai", model: "no-such-model", ...tokens };
  expect((await tenant.tally.estimateCost(unknown)).error).toMatchObject({ code: "PT422" });
});

test("an API key says clearly that it cannot hold", async () => {
  const tally = createTallybase({ url: stack.API_URL, key: tenant.apiKey });
  const { error } = await tally.reserve({ ...call, estimatedCost: 1 });
  expect(error).toMatchObject({ code: "TALLY_UNSUPPORTED" });
});

test("the functions that take a URL and a key do the whole of it", async () => {
  const { organizationId } = tenant;
  const options = { ...call, organizationId, sessionId: "session-1" };
  const access = [stack.API_URL, stack.SECRET_KEY] as const;
  expect(await checkQuota(...access, organizationId, call.provider, call.model, 0.01)).toBeNull();

  const messages = [{ role: "user", content: "Hello!" }];
  const estimated = await estimateCost(...access, call.provider, call.model, messages, 50);
  expect(estimated).toBeGreaterThan(50 * 15e-6);
  expect(estimated).toBeLessThan(0.002);

  const mark = marker();
  const result = await wrapWithTracking(...access, options, () => askAnthropic(mark), estimated);
  expect(result).toMatchObject({ quotaExceeded: false, usage: { status: "recorded" } });
  const tracked = await trackUsage(...access, options, result.response);
  expect(tracked.costUsd).toBe(result.usage?.costUsd);
  expect(await eventsOf(organizationId)).toHaveLength(2);

  await setQuota(organizationId, 0.0001);
  const check = await checkQuota(...access, organizationId, call.provider, call.model, 0.01);
  expect(check).toMatchObject({ allowed: false, quotaLimit: 0.0001, quotaType: "daily" });
  const refused = await wrapWithTracking(...access, options, () => askAnthropic(mark), 0.01);
  expect(refused).toMatchObject({ quotaExceeded: true, response: null });
  expect(await billOf(mark)).toHaveLength(1);
});
