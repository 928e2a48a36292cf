import { beforeEach, describe, expect, test, vi } from "vitest";
import {
  createTallybase,
  QuotaExceededError,
  TallybaseError,
  type TallybaseOptions,
  UsageNotRecordedError,
} from "../../packages/client/src/index.ts";
import { type FakeProject, fakeProject, refuse } from "./fake-project.ts";
import { anthropicMessage, openaiCompletion } from "./provider-answers.ts";

const context = { provider: "anthropic", model: "claude-sonnet-4-5", toolName: "chat" };
const estimate = { inputTokens: 200, maxOutputTokens: 100 };

let project: FakeProject;
const client = (options: TallybaseOptions = {}) =>
  createTallybase({
    url: "http://project.test",
    key: "sb_secret_1",
    organizationId: "org-1",
    retries: 1,
    fetch: project.fetch,
    ...options,
  });
const blockedBy = {
  quota_id: "q-1",
  metric: "cost_usd",
  quota_type: "daily",
  quota_limit: 10,
  current_usage: 9.99,
  reserved: 0,
  remaining: 0.01,
  requested: 0.05,
  reset_at: "2026-11-24T00:00:00Z",
  reason: "quota",
};
const refuseAdmission = (quota: object = blockedBy) =>
  project.answer("reserve_usage", () =>
    Response.json({ allowed: false, hold_id: null, expires_at: null, blocked_by: quota }),
  );
const onlyEvent = () => {
  expect([...project.events.values()]).toHaveLength(1);
  return [...project.events.values()][0];
};

beforeEach(() => {
  project = fakeProject();
});

describe("a call that is admitted", () => {
  test("is held at its upper bound, made once, and settled by what its answer says", async () => {
    const run = vi.fn(async () => anthropicMessage);
    const { response, usage, quotaExceeded } = await client().wrapWithTracking(
      { ...context, isByok: true, requestMetadata: { brand: 7 }, expiresIn: 60 },
      run,
      estimate,
    );
    expect(run).toHaveBeenCalledOnce();
    expect(response).toBe(anthropicMessage);
    expect(quotaExceeded).toBe(false);
    expect(usage).toEqual({
      id: onlyEvent()?.id,
      status: "recorded",
      costUsd: 0.00024,
      inputTokens: 120,
      outputTokens: 30,
      totalTokens: 150,
      priceId: 7,
      isEstimated: false,
    });
    expect(project.requests.map(({ path }) => path)).toEqual([
      "/rest/v1/rpc/reserve_usage",
      "/rest/v1/rpc/settle_usage",
    ]);
    expect(project.requests[0]?.body.request).toEqual({
      organization_id: "org-1",
      provider: "anthropic",
      model: "claude-sonnet-4-5",
      tool_name: "chat",
      input_tokens: 200,
      max_output_tokens: 100,
      is_byok: true,
      expires_in: 60,
      idempotency_key: expect.any(String),
    });
    expect(project.requests[1]?.body).toEqual({
      hold_id: "hold-1",
      final: true,
      event: {
        id: expect.any(String),
        created_at: expect.any(String),
        organization_id: "org-1",
        provider: "anthropic",
        model: "claude-sonnet-4-5-20250929",
        tool_name: "chat",
        classes: { input: 20, cache_read: 100, output: 30 },
        service_tier: null,
        input_tokens: 120,
        output_tokens: 30,
        is_byok: true,
        is_estimated: false,
        status: "success",
        duration_ms: expect.any(Number),
        request_metadata: { brand: 7, requested_model: "claude-sonnet-4-5" },
      },
    });
  });

  test("may be estimated in dollars, by a bare number too", async () => {
    await client().wrapWithTracking(context, () => anthropicMessage, 0.05);
    expect(project.requests[0]?.body.request).toMatchObject({ estimated_cost: 0.05 });
  });

  test("without an estimate still asks for more than nothing", async () => {
    await client().wrapWithTracking(context, () => anthropicMessage);
    expect(project.requests[0]?.body.request).toMatchObject({ estimated_cost: 1e-9 });
  });

  test("may return something made from the answer, when it says where the answer is", async () => {
    const { response, usage } = await client().wrapWithTracking(
      { ...context, usageOf: (result: { raw: unknown }) => result.raw },
      async () => ({ text: "Hello", raw: anthropicMessage }),
      estimate,
    );
    expect(response.text).toBe("Hello");
    expect(usage.totalTokens).toBe(150);
  });

  test("whose answer states no usage is recorded at its estimate, and marked", async () => {
    const { usage } = await client().wrapWithTracking(context, () => "Hello", estimate);
    expect(usage).toMatchObject({ inputTokens: 200, outputTokens: 100, isEstimated: true });
    expect(onlyEvent()).toMatchObject({ input_tokens: 200, is_estimated: true });
  });

  test("of which nothing is known is recorded as one request, which no price is invented for", async () => {
    await client().wrapWithTracking(context, () => "Hello");
    expect(onlyEvent()).toMatchObject({ units: 1, unit_type: "request", is_estimated: true });
    expect(onlyEvent()).not.toHaveProperty("cost_usd");
  });

  test("whose answer states no usage is recorded at its estimated cost", async () => {
    await client().wrapWithTracking(context, () => "Hello", 0.05);
    expect(onlyEvent()).toMatchObject({ cost_usd: 0.05, is_estimated: true });
    expect(onlyEvent()).not.toHaveProperty("input_tokens");
  });

  test("whose answer states zero is recorded at zero, not at its estimate", async () => {
    const free = { ...openaiCompletion, usage: { prompt_tokens: 0, completion_tokens: 0 } };
    const { usage } = await client().wrapWithTracking(
      { provider: "openai", model: "gpt-4o" },
      () => free,
      estimate,
    );
    expect(usage).toMatchObject({ totalTokens: 0, isEstimated: false });
  });

  test("that spent tokens on two models is two events and one amount", async () => {
    const message = {
      ...anthropicMessage,
      usage: {
        ...anthropicMessage.usage,
        iterations: [
          { type: "message", input_tokens: 20, output_tokens: 30 },
          { type: "advisor_message", model: "claude-opus-4-5", input_tokens: 5, output_tokens: 10 },
        ],
      },
    };
    const { usage } = await client().wrapWithTracking(context, () => message, estimate);
    expect([...project.events.values()].map(({ model }) => model)).toEqual([
      "claude-opus-4-5",
      "claude-sonnet-4-5-20250929",
    ]);
    expect(project.requests.slice(1).map(({ body }) => body.final)).toEqual([false, true]);
    expect(usage).toMatchObject({ inputTokens: 125, outputTokens: 40, costUsd: 0.000285 });
  });
});

describe("a call that a quota refuses", () => {
  test("is not made, and the error says which quota and by how much", async () => {
    refuseAdmission();
    const run = vi.fn();
    const refusal = await client()
      .wrapWithTracking(context, run, 0.05)
      .catch((error: unknown) => error);
    expect(run).not.toHaveBeenCalled();
    expect(refusal).toBeInstanceOf(QuotaExceededError);
    expect(refusal).toMatchObject({
      code: "PT402",
      status: 402,
      quota: { quotaId: "q-1", remaining: 0.01, resetAt: "2026-11-24T00:00:00Z" },
    });
    expect((refusal as Error).message).toBe(
      "Quota exceeded: the daily limit is 10 (cost_usd), 0.01 is left and the call needs up to " +
        "0.05; it resets at 2026-11-24T00:00:00Z.",
    );
    expect(project.requests).toHaveLength(1);
  });

  test("tells its handler first", async () => {
    refuseAdmission();
    const onQuotaExceeded = vi.fn();
    const call = client().wrapWithTracking({ ...context, onQuotaExceeded }, vi.fn(), 0.05);
    await expect(call).rejects.toThrow("Quota exceeded");
    expect(onQuotaExceeded).toHaveBeenCalledExactlyOnceWith(expect.any(QuotaExceededError));
  });

  test("is refused with failOpen as well: an answer is an answer", async () => {
    refuseAdmission();
    const run = vi.fn();
    const call = client({ failOpen: true }).wrapWithTracking(context, run, 0.05);
    await expect(call).rejects.toThrow(QuotaExceededError);
    expect(run).not.toHaveBeenCalled();
  });

  test("for want of a price says so", async () => {
    refuseAdmission({ ...blockedBy, reason: "unpriced" });
    await expect(client().wrapWithTracking(context, vi.fn(), estimate)).rejects.toThrow(
      "Quota exceeded: the call has no price",
    );
  });
});

describe("when admission cannot be asked", () => {
  test("the call is not made", async () => {
    project.failWith("503", "503");
    const run = vi.fn();
    const call = client().wrapWithTracking(context, run, estimate);
    await expect(call).rejects.toMatchObject({ code: "PT503", status: 503 });
    expect(run).not.toHaveBeenCalled();
  });

  test.each(["client", "call"])(
    "failOpen of the %s makes it, recorded without a hold",
    async (of) => {
      project.failWith("refused", "429");
      const tally = client({ failOpen: of === "client" });
      const asked = of === "call" ? { ...context, failOpen: true } : context;
      const { usage } = await tally.wrapWithTracking(asked, () => anthropicMessage, estimate);
      expect(usage.status).toBe("recorded");
      expect(project.requests.at(-1)?.path).toBe("/rest/v1/rpc/track_usage");
    },
  );

  test("a mistake in the call is no outage: failOpen does not hide it", async () => {
    project.answer("reserve_usage", () => refuse(403, "PT403", "Not your organization."));
    const call = client({ failOpen: true }).wrapWithTracking(context, vi.fn(), estimate);
    await expect(call).rejects.toMatchObject({ code: "PT403" });
  });

  test("the wait is bounded", async () => {
    project.failWith("never answers", "never answers");
    const run = vi.fn();
    const call = client({ timeoutMs: 30 }).wrapWithTracking(context, run, estimate);
    await expect(call).rejects.toMatchObject({ code: "TALLY_TIMEOUT" });
    expect(run).not.toHaveBeenCalled();
  });

  test("the caller's abort ends it with the caller's reason", async () => {
    project.failWith("never answers");
    const signal = AbortSignal.abort(new Error("user left"));
    const run = vi.fn();
    await expect(client().wrapWithTracking({ ...context, signal }, run)).rejects.toThrow(
      "user left",
    );
    const later = new AbortController();
    const call = client().wrapWithTracking({ ...context, signal: later.signal }, run);
    later.abort(new Error("user left later"));
    await expect(call).rejects.toThrow("user left later");
    expect(run).not.toHaveBeenCalled();
  });

  test("a hold that arrives after the caller has left is given back", async () => {
    const abort = new AbortController();
    project.answer("reserve_usage", () => {
      abort.abort(new Error("user left"));
      return Response.json({
        allowed: true,
        hold_id: "hold-9",
        expires_at: null,
        blocked_by: null,
      });
    });
    const run = vi.fn();
    const call = client().wrapWithTracking({ ...context, signal: abort.signal }, run);
    await expect(call).rejects.toThrow("user left");
    await vi.waitFor(() => expect(project.holds.get("hold-9")).toBe("released"));
    expect(run).not.toHaveBeenCalled();
  });
});

describe("a call that fails", () => {
  test("gives its hold back and throws its own error", async () => {
    const failure = new Error("overloaded");
    const call = client().wrapWithTracking(context, () => Promise.reject(failure), estimate);
    await expect(call).rejects.toBe(failure);
    expect(project.holds.get("hold-1")).toBe("released");
    expect(project.events.size).toBe(0);
  });

  test("by throwing at once is no different", async () => {
    const call = client().wrapWithTracking(context, () => {
      throw new Error("no key");
    });
    await expect(call).rejects.toThrow("no key");
    expect(project.holds.get("hold-1")).toBe("released");
  });

  test("with an error that carries usage is settled by it", async () => {
    const failure = Object.assign(new Error("no valid object"), {
      usage: { inputTokens: 40, outputTokens: 2, totalTokens: 42 },
    });
    const call = client().wrapWithTracking(context, () => Promise.reject(failure), estimate);
    await expect(call).rejects.toBe(failure);
    expect(onlyEvent()).toMatchObject({ status: "failed", input_tokens: 40, output_tokens: 2 });
    expect(project.holds.get("hold-1")).toBe("settled");
  });

  test("keeps its own error when its usage is lost as well, which is then logged", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    project.answer("settle_usage", () => refuse(400, "PT400", "no"));
    const failure = Object.assign(new Error("no valid object"), { usage: anthropicMessage.usage });
    const call = client().wrapWithTracking(context, () => Promise.reject(failure), estimate);
    await expect(call).rejects.toBe(failure);
    expect(logged).toHaveBeenCalledExactlyOnceWith(expect.any(UsageNotRecordedError));
    logged.mockRestore();
  });

  test("with an error body instead of an exception used nothing", async () => {
    const body = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    const { response, usage } = await client().wrapWithTracking(context, () => body, estimate);
    expect(response).toBe(body);
    expect(usage).toMatchObject({ id: null, status: "released", costUsd: 0 });
    expect(project.holds.get("hold-1")).toBe("released");
  });
});

describe("when the usage cannot be written", () => {
  test("a lost answer to the settlement is repeated under the same id", async () => {
    project.failWith(null, "reset after commit");
    const { usage } = await client().wrapWithTracking(context, () => anthropicMessage, estimate);
    expect(usage.status).toBe("duplicate");
    expect(project.events.size).toBe(1);
  });

  test("the error carries the response, the event and the hold", async () => {
    project.failWith(null, "refused", "refused");
    const lost = await client()
      .wrapWithTracking(context, () => anthropicMessage, estimate)
      .catch((error: unknown) => error as UsageNotRecordedError);
    expect(lost).toBeInstanceOf(UsageNotRecordedError);
    expect(lost).toBeInstanceOf(TallybaseError);
    expect(lost).toMatchObject({
      response: anthropicMessage,
      holdId: "hold-1",
      events: [{ inputTokens: 120, outputTokens: 30, organizationId: "org-1" }],
    });
  });

  test("with onLost the response is returned, and the event is handed over to be tracked later", async () => {
    project.failWith(null, "refused", "refused");
    const lost: UsageNotRecordedError[] = [];
    const tally = client({ onLost: (error) => void lost.push(error) });
    const { response, usage } = await tally.wrapWithTracking(
      context,
      () => anthropicMessage,
      estimate,
    );
    expect(response).toBe(anthropicMessage);
    expect(usage).toMatchObject({ status: "lost", costUsd: null, totalTokens: 150 });
    expect(lost).toHaveLength(1);
    await tally.track(lost[0]?.events[0] ?? context);
    expect(onlyEvent()?.id).toBe(usage.id);
  });
});

test("a thousand calls at once are a thousand events, each once", async () => {
  const tally = client();
  const run = async () => anthropicMessage;
  const calls = Array.from({ length: 1_000 }, () => tally.wrapWithTracking(context, run, estimate));
  await Promise.all(calls);
  expect(project.events.size).toBe(1_000);
  expect([...project.holds.values()].every((state) => state === "settled")).toBe(true);
});
