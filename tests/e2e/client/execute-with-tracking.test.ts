import { afterAll, beforeEach, describe, expect, test } from "vitest";
import {
  type AIModelRequest,
  configureTallybase,
  createTallybase,
  executeWithTracking,
  getQuotaStatus,
  ProviderError,
  QuotaExceededError,
} from "../../../packages/client/src/index.ts";
import { nextEvent } from "../functions/arrange.ts";
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

const models: [AIModelRequest["provider"], string][] = [
  ["openai", "gpt-4o"],
  ["anthropic", "claude-sonnet-4-5"],
  ["google", "gemini-2.5-flash"],
  ["xai", "grok-4"],
];

let tenant: Tenant;
beforeEach(async () => {
  tenant = await createTenant();
});
afterAll(() => sql.end());

const ask = (provider: AIModelRequest["provider"], model: string, text: string) => ({
  provider,
  model,
  messages: [
    { role: "system", content: "Be brief." },
    { role: "user", content: text },
  ],
  maxTokens: 60,
});

describe.each(models)("%s", (provider, model) => {
  test("answers, and costs what the ledger says", async () => {
    const mark = marker();
    const request = { ...ask(provider, model, `Hello ${mark}`), stream: false as const };
    const answer = await tenant.tally.executeWithTracking(request, {
      toolName: "chat",
      sessionId: "session-1",
      requestMetadata: { name: "Zoë" },
    });
    expect(answer.content).not.toBe("");
    const [event] = await eventsOf(tenant.organizationId);
    expect(event).toMatchObject({
      id: answer.usageId,
      model: answer.model,
      tool_name: "chat",
      request_metadata: { name: "Zoë" },
      input_tokens: answer.usage.inputTokens,
      output_tokens: answer.usage.outputTokens,
    });
    expect(answer.cost).toBe(Number(event?.cost_usd));
    expect(answer.cost).toBeGreaterThan(0);
    expect(await billOf(mark)).toHaveLength(1);
  });

  test("streams, and costs what the ledger says", async () => {
    const request = { ...ask(provider, model, "Hello [[fake words=12]]"), stream: true as const };
    const stream = await tenant.tally.executeWithTracking(request);
    let text = "";
    for await (const piece of stream) text += piece;
    const answer = await stream.finalResponse();
    expect(answer.content).toBe(text);
    expect(text.split(" ").length).toBeGreaterThan(5);
    const event = await nextEvent(tenant.organizationId);
    expect(event).toMatchObject({
      id: answer.usageId,
      input_tokens: answer.usage.inputTokens,
      output_tokens: answer.usage.outputTokens,
      is_estimated: false,
    });
    expect(answer.cost).toBe(Number(event.cost_usd));
  });

  test("a quota's refusal is typed, and the provider never hears of the call", async () => {
    await setQuota(tenant.organizationId, 0.00001);
    const mark = marker();
    const call = tenant.tally.executeWithTracking(ask(provider, model, `Hello ${mark}`));
    await expect(call).rejects.toThrow(QuotaExceededError);
    await expect(call).rejects.toThrow("Quota exceeded");
    await expect(call).rejects.toMatchObject({ quota: { quotaLimit: 0.00001, reason: "quota" } });
    expect(await billOf(mark, { received: 0 })).toEqual([]);
  });

  test("a provider's refusal is typed, and costs nothing", async () => {
    const call = tenant.tally.executeWithTracking(ask(provider, model, "[[fake status=429]]"));
    await expect(call).rejects.toThrow(ProviderError);
    await expect(call).rejects.toMatchObject({ status: 429, provider, code: "TALLY_PROVIDER" });
    expect(await eventsOf(tenant.organizationId)).toEqual([]);
    expect(await openHolds(tenant.organizationId)).toBe(0);
  });
});

test("a stream that is left is recorded at what was used", async () => {
  const text = "Hello [[fake words=40 chunk_delay=20]]";
  const stream = await tenant.tally.executeWithTracking({
    ...ask("openai", "gpt-4o", text),
    stream: true,
  });
  for await (const _ of stream) break;
  const event = await nextEvent(tenant.organizationId);
  expect(event).toMatchObject({ status: "aborted", is_estimated: true });
  expect(await openHolds(tenant.organizationId)).toBe(0);
});

test("an API key brings its organization", async () => {
  const tally = createTallybase({ url: stack.API_URL, key: tenant.apiKey });
  const request = { ...ask("openai", "gpt-4o", "Hello"), stream: false as const };
  const answer = await tally.executeWithTracking(request);
  expect(answer.cost).toBeGreaterThan(0);
  expect(await eventsOf(tenant.organizationId)).toMatchObject([{ id: answer.usageId }]);
});

test("the functions without a client: a quota is seen, then in the way", async () => {
  configureTallybase({ url: stack.API_URL, key: stack.SECRET_KEY });
  const { organizationId } = tenant;
  expect(await getQuotaStatus(organizationId)).toBeNull();
  await setQuota(organizationId, 0.01);
  const request = ask("openai", "gpt-4o", "Hello");
  const response = await executeWithTracking(request, { organizationId, sessionId: "s" });
  expect(await getQuotaStatus(organizationId)).toMatchObject({
    allowed: true,
    quotaLimit: 0.01,
    quotaType: "daily",
    currentUsage: (response as { cost: number }).cost,
  });
  const dear = { ...request, maxTokens: 10_000 };
  await expect(executeWithTracking(dear, { organizationId })).rejects.toThrow("Quota exceeded");
});
