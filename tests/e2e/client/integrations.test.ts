import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { streamText, wrapLanguageModel } from "ai";
import OpenAI from "openai";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import {
  isQuotaExceeded,
  lastDays,
  meterAnthropic,
  meterGoogle,
  meterOpenAI,
  resources,
  tallybaseMiddleware,
  type UsageEvent,
} from "../../../packages/client/src/index.ts";
import { billedClasses } from "../functions/arrange.ts";
import {
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

let tenant: Tenant;
beforeEach(async () => {
  tenant = await createTenant();
});
afterAll(() => sql.end());

const fake = (provider: string) => `${stack.FAKE_PROVIDER_URL}/${provider}`;

describe("a metered SDK: the ledger says what the provider bills", () => {
  test("openai, whole and streamed", async () => {
    const openai = new OpenAI({ apiKey: "any", baseURL: `${fake("openai")}/v1` });
    const metered = meterOpenAI(openai, { tally: tenant.tally, toolName: "chat" });
    const mark = marker();
    const ask = {
      model: "gpt-4o",
      messages: [{ role: "user" as const, content: `Hi ${mark} [[fake cached=30 reasoning=4]]` }],
    };
    await metered.chat.completions.create(ask);
    for await (const chunk of await metered.chat.completions.create({ ...ask, stream: true })) {
      expect(chunk.choices).not.toEqual([]);
    }
    await billedAs(mark, 2);
  });

  test("anthropic, whole and streamed", async () => {
    const anthropic = new Anthropic({ apiKey: "any", baseURL: fake("anthropic") });
    const metered = meterAnthropic(anthropic, { tally: tenant.tally });
    const mark = marker();
    const ask = {
      model: "claude-haiku-4-5",
      max_tokens: 40,
      messages: [{ role: "user" as const, content: `Hi ${mark} [[fake cached=30 cache_write=9]]` }],
    };
    await metered.messages.create(ask);
    await metered.messages.stream(ask).finalMessage();
    await billedAs(mark, 2);
  });

  test("google, whole and streamed", async () => {
    const google = new GoogleGenAI({ apiKey: "any", httpOptions: { baseUrl: fake("google") } });
    const metered = meterGoogle(google, { tally: tenant.tally });
    const mark = marker();
    const ask = { model: "gemini-2.5-flash", contents: `Hi ${mark} [[fake reasoning=4]]` };
    await metered.models.generateContent(ask);
    for await (const chunk of await metered.models.generateContentStream(ask)) {
      expect(chunk.candidates).toBeDefined();
    }
    await billedAs(mark, 2);
  });

  test("the AI SDK, streamed", async () => {
    const openai = createOpenAI({ apiKey: "any", baseURL: `${fake("openai")}/v1` });
    const middleware = tallybaseMiddleware({ tally: tenant.tally });
    const model = wrapLanguageModel({ model: openai.chat("gpt-4o"), middleware });
    const mark = marker();
    await streamText({ model, prompt: `Hi ${mark}` }).text;
    await billedAs(mark, 1);
  });

  test("a quota stops a metered client before the provider hears of it", async () => {
    await setQuota(tenant.organizationId, 0.00001);
    const openai = new OpenAI({ apiKey: "any", baseURL: `${fake("openai")}/v1` });
    const mark = marker();
    const error = await meterOpenAI(openai, { tally: tenant.tally })
      .chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content: mark }] })
      .catch((thrown: unknown) => thrown);
    expect(isQuotaExceeded(error)).toBe(true);
    expect(await billOf(mark, { received: 0 })).toEqual([]);
  });

  async function billedAs(mark: string, count: number): Promise<void> {
    const bills = await billOf(mark, { ended: count });
    const events = await eventsOf(tenant.organizationId);
    expect(events.map(({ classes }) => classes)).toEqual(bills.map(billedClasses));
    expect(events.every(({ cost_usd }) => Number(cost_usd) > 0)).toBe(true);
    expect(events.some(({ is_estimated }) => is_estimated)).toBe(false);
    expect(await openHolds(tenant.organizationId)).toBe(0);
  }
});

describe("resources", () => {
  const cases: [string, UsageEvent, string, string][] = [
    [
      "storage",
      resources.storage({ bytes: 5_368_709_120, hours: 24 }),
      "128.84901888",
      "12.884901888",
    ],
    ["bandwidth", resources.bandwidth({ bytes: 1 }), "0.000000001", "0.00000000005"],
    ["compute", resources.compute({ seconds: 5_400, cpus: 2 }), "3", "0.15"],
    ["an API request", resources.apiRequest({ endpoint: "/u", method: "GET" }), "1", "0.001"],
    ["queries", resources.databaseQuery({ count: 3 }), "3", "0.00003"],
    ["a function", resources.functionInvocation({ name: "f" }), "1", "0.0002"],
    ["an agent", resources.agentExecution({}), "1", "0.01"],
  ];
  test.each(cases)("%s: exact units at an exact price", async (_, event, units, cost) => {
    expect((await tenant.tally.track(event)).error).toBeNull();
    const [row] = await sql<{ units: string; cost: string }[]>`
      select trim_scale(units)::text as units, trim_scale(cost_usd)::text as cost
      from public.token_usage where organization_id = ${tenant.organizationId}`;
    expect(row).toEqual({ units, cost });
  });
});

test("an agent's run: its log, its calls, its report", async () => {
  const { tally } = tenant;
  let id = "";
  await tally.execution({ package: "ticket-resolver", inputData: { ticketId: 7 } }, async (run) => {
    id = run.id;
    await run.track({ provider: "openai", model: "gpt-4o", inputTokens: 1_000, outputTokens: 100 });
    run.set({ outputData: { isResolved: true } });
  });
  const { data } = await tally.executionDetails(id);
  expect(data).toMatchObject({
    packageId: "ticket-resolver",
    status: "success",
    inputData: { ticketId: 7 },
    outputData: { isResolved: true },
    totalTokens: 1_100,
    totalCostUsd: 0.0035,
    events: [{ model: "gpt-4o", inputTokens: 1_000, costUsd: 0.0035 }],
  });
  const failing = tally.execution({ package: "ticket-resolver" }, () => {
    throw new Error("lost");
  });
  await expect(failing).rejects.toThrow("lost");
  const { data: packages, error } = await tally.reports.topPackages(
    lastDays(1, new Date(Date.now() + 60_000)),
  );
  expect(error).toBeNull();
  expect(packages).toMatchObject([
    { packageId: "ticket-resolver", executionCount: 2, successfulCount: 1, failedCount: 1 },
  ]);
  expect((await tally.deleteExecution(id)).data).toMatchObject({ id, deletedBy: null });
});

test("reports: typed rows of what was used", async () => {
  const { tally } = tenant;
  await tally.track({ provider: "openai", model: "gpt-4o", inputTokens: 1_000, outputTokens: 100 });
  await tally.track({
    provider: "anthropic",
    model: "claude-sonnet-4-5",
    toolName: "ads",
    inputTokens: 1_000,
    outputTokens: 0,
  });
  const range = lastDays(1, new Date(Date.now() + 60_000));
  const { data: totals } = await tally.reports.totals(range);
  expect(totals).toMatchObject({
    requestCount: 2,
    totalTokens: 2_100,
    totalCostUsd: 0.0065,
    statusBreakdown: { success: 2 },
  });
  const { data: models } = await tally.reports.breakdown(range);
  expect(models).toMatchObject([
    { dimension: "gpt-4o", totalCostUsd: 0.0035 },
    { dimension: "claude-sonnet-4-5", totalCostUsd: 0.003 },
  ]);
  const filtered = { ...range, filters: { toolName: ["ads", null], provider: "anthropic" } };
  expect((await tally.reports.totals(filtered)).data?.requestCount).toBe(1);
  const days = await tally.reports.timeseries({
    ...range,
    timezone: "Asia/Kolkata",
    bucket: "day",
  });
  expect(days.data?.reduce((sum, { requestCount }) => sum + requestCount, 0)).toBe(2);
  for (const report of ["statistics", "trends", "peaks", "anomalies", "topUsers"] as const) {
    const { data, error } = await tally.reports[report](range);
    expect([report, error]).toEqual([report, null]);
    expect(Array.isArray(data)).toBe(true);
  }
  expect((await tally.reports.forecast(range)).data).toMatchObject({ measure: "total_cost_usd" });
  const { error } = await tally.reports.breakdown({ ...range, dimension: "colour" });
  expect(error).toMatchObject({ code: "PT400" });
});
