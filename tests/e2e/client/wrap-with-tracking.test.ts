import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { createTallybase, QuotaExceededError } from "../../../packages/client/src/index.ts";
import {
  askAnthropic,
  billOf,
  brokenNetwork,
  createTenant,
  eventsOf,
  marker,
  openai,
  openHolds,
  setQuota,
  sql,
  stack,
  streamedQuestion,
  type Tenant,
} from "./arrange.ts";

const anthropic = { provider: "anthropic", model: "claude-sonnet-4-5" };
const gpt = { provider: "openai", model: "gpt-4o" };
const estimate = { inputTokens: 50, maxOutputTokens: 50 };

let tenant: Tenant;
beforeEach(async () => {
  tenant = await createTenant();
});
afterAll(() => sql.end());

test("a call is recorded at what the provider billed", async () => {
  const mark = marker();
  const { response, usage } = await tenant.tally.wrapWithTracking(
    { ...anthropic, toolName: "chat", requestMetadata: { brand: 7 } },
    () => askAnthropic(mark),
    estimate,
  );
  const { input_tokens, output_tokens } = response.usage;
  expect(usage).toMatchObject({ inputTokens: input_tokens, outputTokens: output_tokens });
  expect(usage.costUsd).toBeCloseTo((3 * input_tokens + 15 * output_tokens) / 1e6, 12);
  expect(await eventsOf(tenant.organizationId)).toMatchObject([
    {
      id: usage.id,
      tool_name: "chat",
      status: "success",
      is_estimated: false,
      classes: { input: input_tokens, output: output_tokens },
      request_metadata: { brand: 7 },
    },
  ]);
  expect(await openHolds(tenant.organizationId)).toBe(0);
});

test("a call over quota is refused before the provider hears of it", async () => {
  await setQuota(tenant.organizationId, 0.0001);
  const mark = marker();
  const call = tenant.tally.wrapWithTracking(anthropic, () => askAnthropic(mark), estimate);
  await expect(call).rejects.toThrow(QuotaExceededError);
  await expect(call).rejects.toThrow(/^Quota exceeded/);
  await expect(call).rejects.toMatchObject({ status: 402, quota: { quotaLimit: 0.0001 } });
  expect(await billOf(mark, { received: 0 })).toEqual([]);
  expect(await eventsOf(tenant.organizationId)).toEqual([]);
});

test("of 50 calls at once a quota of 10 lets exactly 10 through", async () => {
  await setQuota(tenant.organizationId, 10, "requests");
  const mark = marker();
  const calls = Array.from({ length: 50 }, () =>
    tenant.tally.wrapWithTracking(anthropic, () => askAnthropic(mark), estimate),
  );
  const outcomes = await Promise.allSettled(calls);
  const refusals = outcomes.filter(({ status }) => status === "rejected");
  expect(refusals).toHaveLength(40);
  for (const refusal of refusals) {
    expect(refusal).toMatchObject({ reason: { name: "QuotaExceededError" } });
  }
  expect(await billOf(mark, { ended: 10 })).toHaveLength(10);
  expect(await eventsOf(tenant.organizationId)).toHaveLength(10);
});

test("a call that fails gives its hold back", async () => {
  const question = {
    model: "gpt-4o",
    messages: [{ role: "user" as const, content: "[[fake status=503]]" }],
  };
  const call = tenant.tally.wrapWithTracking(
    gpt,
    () => openai().chat.completions.create(question),
    estimate,
  );
  await expect(call).rejects.toMatchObject({ status: 503 });
  expect(await eventsOf(tenant.organizationId)).toEqual([]);
  expect(await openHolds(tenant.organizationId)).toBe(0);
});

test("answers of the ledger that are lost on the way count once", async () => {
  const tally = createTallybase({
    url: stack.API_URL,
    key: stack.SECRET_KEY,
    organizationId: tenant.organizationId,
    fetch: brokenNetwork("reset after commit", null, "500 after commit", "reset after commit"),
  });
  const { usage } = await tally.wrapWithTracking(anthropic, () => askAnthropic(marker()), estimate);
  expect(usage.status).toBe("duplicate");
  expect(await eventsOf(tenant.organizationId)).toMatchObject([{ id: usage.id }]);
  expect(await openHolds(tenant.organizationId)).toBe(0);
});

describe("a stream of the openai SDK", () => {
  test("that is read to its end is recorded as billed", async () => {
    const question = streamedQuestion();
    const { response, usage } = await tenant.tally.wrapWithTracking(
      gpt,
      () => openai().chat.completions.create(question),
      estimate,
    );
    let words = 0;
    for await (const chunk of response) if (chunk.choices[0]?.delta.content) words++;
    expect(words).toBe(20);
    const [bill] = await billOf(String(question.messages[0]?.content));
    expect(await usage).toMatchObject({
      inputTokens: bill?.classes?.input,
      outputTokens: bill?.classes?.output,
      isEstimated: false,
    });
  });

  test("that is left is closed at the provider and recorded at what was seen", async () => {
    const question = streamedQuestion("chunk_delay=20");
    const { response, usage } = await tenant.tally.wrapWithTracking(
      gpt,
      () => openai().chat.completions.create(question),
      estimate,
    );
    let seen = 0;
    for await (const _ of response) if (++seen === 5) break;
    expect(await usage).toMatchObject({ status: "recorded", isEstimated: true, inputTokens: 50 });
    expect(await eventsOf(tenant.organizationId)).toMatchObject([
      { status: "aborted", is_estimated: true },
    ]);
    const [bill] = await billOf(String(question.messages[0]?.content));
    expect(bill?.outcome).not.toBe("complete");
    expect(await openHolds(tenant.organizationId)).toBe(0);
  });

  test("that breaks is recorded at what was seen, and throws its own error", async () => {
    const question = streamedQuestion("break_after=5");
    const { response } = await tenant.tally.wrapWithTracking(
      gpt,
      () => openai().chat.completions.create(question),
      estimate,
    );
    const reading = (async () => {
      for await (const _ of response);
    })();
    await expect(reading).rejects.toThrow();
    expect(await eventsOf(tenant.organizationId)).toMatchObject([
      { status: "failed", is_estimated: true },
    ]);
  });
});

test("a fetch response that streams Anthropic events is recorded as billed", async () => {
  const mark = marker();
  const { response, usage } = await tenant.tally.wrapWithTracking(
    anthropic,
    () =>
      fetch(`${stack.FAKE_PROVIDER_URL}/anthropic/v1/messages`, {
        method: "POST",
        headers: { "x-api-key": "any", "anthropic-version": "2023-06-01" },
        body: JSON.stringify({
          model: "claude-sonnet-4-5",
          max_tokens: 40,
          stream: true,
          messages: [{ role: "user", content: `Hello ${mark} [[fake split=7]]` }],
        }),
      }),
    estimate,
  );
  expect(await response.text()).toContain("message_stop");
  const [bill] = await billOf(mark);
  expect(await usage).toMatchObject({
    outputTokens: bill?.classes?.output,
    isEstimated: false,
    status: "recorded",
  });
});
