import { createClient } from "@supabase/supabase-js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type AIModelRequest,
  configureTallybase,
  createTallybase,
  executeWithTracking,
  getQuotaStatus,
  ProviderError,
  QuotaExceededError,
} from "../../packages/client/src/index.ts";
import { type FakeGateway, fakeGateway } from "./fake-gateway.ts";

const url = "http://project.test";
const key = "sb_secret_1";
const organizationId = "5d6b1b1e-6d2c-4f43-9e0f-000000000001";
const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Hello!" },
  { role: "assistant", content: "Hi." },
  { role: "user", content: "Again?" },
];
const models: Record<AIModelRequest["provider"], string> = {
  openai: "gpt-5.4-mini",
  anthropic: "claude-sonnet-4-5",
  google: "gemini-3-flash",
  xai: "grok-4",
};
const providers = Object.keys(models) as AIModelRequest["provider"][];

let gateway: FakeGateway;
beforeEach(() => {
  gateway = fakeGateway();
});

const project = () => createTallybase({ url, key, organizationId, fetch: gateway.fetch });
const ask = (provider: AIModelRequest["provider"], more: Partial<AIModelRequest> = {}) => ({
  provider,
  model: models[provider],
  messages,
  temperature: 0.5,
  maxTokens: 100,
  ...more,
});

describe.each(providers)("a chat with %s", (provider) => {
  test("is answered in the one shape", async () => {
    const answer = await project().executeWithTracking({ ...ask(provider), stream: false });
    expect(answer).toEqual({
      content: "Hello there.",
      usage: { inputTokens: 20, outputTokens: 30, totalTokens: 50 },
      cost: 0.00042,
      model: `${models[provider]}-served`,
      provider,
      usageId: "usage-1",
    });
  });

  test("arrives piece by piece, then whole", async () => {
    const stream = await project().executeWithTracking({ ...ask(provider), stream: true });
    const pieces: string[] = [];
    for await (const piece of stream) pieces.push(piece);
    expect(pieces).toEqual(["Hello ", "there."]);
    expect(await stream.finalResponse()).toEqual({
      content: "Hello there.",
      usage: { inputTokens: 20, outputTokens: 30, totalTokens: 50 },
      cost: 0.00042,
      model: `${models[provider]}-served`,
      provider,
      usageId: "usage-1",
    });
  });

  test("is read to its end by finalResponse alone", async () => {
    const stream = await project().executeWithTracking({ ...ask(provider), stream: true });
    expect((await stream.finalResponse()).content).toBe("Hello there.");
  });
});

describe("what the gateway is told", () => {
  test("OpenAI and xAI: the messages as they are", async () => {
    await project().executeWithTracking(ask("xai"));
    expect(gateway.seen[0]).toMatchObject({
      path: "/functions/v1/gateway/xai/v1/chat/completions",
      body: { model: "grok-4", messages, temperature: 0.5, max_completion_tokens: 100 },
    });
  });

  test("Anthropic: the system's words apart, a limit always", async () => {
    await project().executeWithTracking(ask("anthropic", { maxTokens: undefined }));
    expect(gateway.seen[0]).toMatchObject({
      path: "/functions/v1/gateway/anthropic/v1/messages",
      body: { system: "Be brief.", messages: messages.slice(1), max_tokens: 4096 },
    });
  });

  test("Google: contents and roles of its own", async () => {
    await project().executeWithTracking(ask("google"));
    expect(gateway.seen[0]).toMatchObject({
      path: "/functions/v1/gateway/google/v1beta/models/gemini-3-flash:generateContent",
      body: {
        systemInstruction: { parts: [{ text: "Be brief." }] },
        contents: [
          { role: "user", parts: [{ text: "Hello!" }] },
          { role: "model", parts: [{ text: "Hi." }] },
          { role: "user", parts: [{ text: "Again?" }] },
        ],
        generationConfig: { temperature: 0.5, maxOutputTokens: 100 },
      },
    });
  });

  test("who it is for, in headers of ASCII", async () => {
    await project().executeWithTracking(ask("openai"), {
      userId: "user",
      sessionId: "session",
      workflowId: "flow",
      toolName: "chat",
      requestMetadata: { name: "Zoë" },
      providerKey: "sk-own",
    });
    const headers = gateway.seen[0]?.headers;
    expect(headers?.get("x-tally-organization")).toBe(organizationId);
    expect(headers?.get("x-tally-user")).toBe("user");
    expect(headers?.get("x-tally-session")).toBe("session");
    expect(headers?.get("x-tally-workflow")).toBe("flow");
    expect(headers?.get("x-tally-tool")).toBe("chat");
    expect(headers?.get("x-provider-key")).toBe("sk-own");
    expect(JSON.parse(headers?.get("x-tally-metadata") ?? "")).toEqual({ name: "Zoë" });
    expect(headers?.get("apikey")).toBe(key);
  });

  test("through a supabase-js client, streams included", async () => {
    const supabase = createClient(url, "sb_publishable_1", { global: { fetch: gateway.fetch } });
    const tally = createTallybase(supabase, { organizationId });
    const answer = await tally.executeWithTracking({ ...ask("openai"), stream: false });
    expect(answer).toMatchObject({ content: "Hello there.", cost: 0.00042, usageId: "usage-1" });
    const stream = await tally.executeWithTracking({ ...ask("openai"), stream: true });
    expect((await stream.finalResponse()).content).toBe("Hello there.");
  });
});

describe("what can go wrong", () => {
  const quota = {
    quota_id: "q",
    reason: "quota",
    metric: "cost_usd",
    quota_type: "daily",
    quota_limit: 1,
    current_usage: 0.99,
    reserved: 0,
    remaining: 0.01,
    requested: 0.05,
    reset_at: "2026-11-24T00:00:00Z",
  };

  test.each([
    ["openai", { error: { message: "No.", code: "PT402", type: "insufficient_quota", quota } }],
    [
      "anthropic",
      { type: "error", error: { type: "billing", message: "No.", code: "PT402", quota } },
    ],
    ["google", { error: { code: 402, message: "No.", reason: "PT402", quota } }],
    ["xai", { error: { code: 402, message: "No.", details: [{ reason: "PT402", quota }] } }],
  ] as const)("a quota's refusal in the shape of %s", async (provider, body) => {
    gateway.answer(() => Response.json(body, { status: 402 }));
    const call = project().executeWithTracking(ask(provider));
    await expect(call).rejects.toThrow(QuotaExceededError);
    await expect(call).rejects.toThrow(/^Quota exceeded/);
    await expect(call).rejects.toMatchObject({
      code: "PT402",
      quota: { quotaLimit: 1, remaining: 0.01, resetAt: "2026-11-24T00:00:00Z" },
    });
  });

  test("a refusal that names no quota is one all the same", async () => {
    gateway.answer(() => Response.json({ error: { code: "PT402" } }, { status: 402 }));
    const call = project().executeWithTracking(ask("openai"));
    await expect(call).rejects.toThrow("Quota exceeded: the call was not made.");
  });

  test("the gateway's own refusals keep their code", async () => {
    const error = { message: "x-tally-user must be a uuid.", code: "PT400", param: "x-tally-user" };
    gateway.answer(() => Response.json({ error }, { status: 400 }));
    const call = project().executeWithTracking(ask("openai"));
    await expect(call).rejects.toMatchObject({
      code: "PT400",
      status: 400,
      detail: "x-tally-user",
    });
  });

  test("a provider's refusal is the provider's", async () => {
    const body = { error: { message: "Overloaded", code: "overloaded" } };
    gateway.answer(() => Response.json(body, { status: 529 }));
    const call = project().executeWithTracking(ask("anthropic"));
    await expect(call).rejects.toThrow(ProviderError);
    await expect(call).rejects.toMatchObject({
      code: "TALLY_PROVIDER",
      status: 529,
      provider: "anthropic",
      message: "anthropic: Overloaded",
      body,
    });
  });

  test("an error in the middle of a stream, after what came before it", async () => {
    const frames = [
      { choices: [{ delta: { content: "Hel" } }] },
      { error: { message: "The server had an error" } },
    ];
    gateway.answer(() => gateway.stream(frames));
    const stream = await project().executeWithTracking({ ...ask("openai"), stream: true });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const piece of stream) seen.push(piece);
    })();
    await expect(reading).rejects.toThrow(ProviderError);
    expect(seen).toEqual(["Hel"]);
  });

  test("no answer is sent once, and says that it may have been made", async () => {
    gateway.answer(() => {
      throw new TypeError("fetch failed");
    });
    const call = project().executeWithTracking(ask("openai"));
    await expect(call).rejects.toMatchObject({ code: "TALLY_NETWORK" });
    expect(gateway.seen).toHaveLength(1);
  });

  test("an answer that does not begin in time", async () => {
    gateway.answer(() => new Promise(() => {}));
    const call = project().executeWithTracking(ask("openai"), { timeoutMs: 20 });
    await expect(call).rejects.toMatchObject({ code: "TALLY_TIMEOUT" });
  });

  test("the caller's signal ends it", async () => {
    const abort = new AbortController();
    gateway.answer(() => {
      abort.abort(new Error("user left"));
      return new Promise(() => {});
    });
    const call = project().executeWithTracking(ask("openai"), { signal: abort.signal });
    await expect(call).rejects.toMatchObject({ code: "TALLY_ABORTED" });
  });

  test("leaving a stream ends the request", async () => {
    const stream = await project().executeWithTracking({ ...ask("openai"), stream: true });
    for await (const _ of stream) break;
    expect(gateway.seen[0]?.signal?.aborted).toBe(true);
  });

  test("a provider that the gateway does not know", async () => {
    const request = { ...ask("openai"), provider: "mistral" } as unknown as AIModelRequest;
    await expect(project().executeWithTracking(request)).rejects.toMatchObject({
      code: "TALLY_UNSUPPORTED",
    });
    expect(gateway.seen).toEqual([]);
  });

  test("a cost that cannot be asked is null, never zero", async () => {
    gateway.costless = true;
    expect(
      (await project().executeWithTracking({ ...ask("openai"), stream: false })).cost,
    ).toBeNull();
  });
});

describe("the functions without a client", () => {
  afterEach(() => void vi.unstubAllGlobals());

  test("executeWithTracking(request, context) of the configured project", async () => {
    configureTallybase({ url, key, fetch: gateway.fetch });
    const context = { userId: "user-1", organizationId, sessionId: "session-1" };
    const response = await executeWithTracking(
      { provider: "openai", model: "gpt-4", messages, temperature: 0.7, maxTokens: 1000 },
      context,
    );
    expect(response.cost).toBe(0.00042);
    expect(response.usage.totalTokens).toBe(50);
    expect(gateway.seen[0]?.headers.get("x-tally-session")).toBe("session-1");
  });

  test("executeWithTracking(url, key, request, context)", async () => {
    vi.stubGlobal("fetch", gateway.fetch);
    const request = { provider: "openai", model: "gpt-4", messages } as const;
    const response = await executeWithTracking(url, key, request, { organizationId });
    expect(response.content).toBe("Hello there.");
  });

  test("getQuotaStatus is the fullest budget, or null", async () => {
    configureTallybase({ url, key, fetch: gateway.fetch });
    const row = {
      quota_limit: 10,
      current_usage: 9.5,
      remaining: 0.5,
      quota_type: "monthly",
      metric: "cost_usd",
      reset_at: null,
      enforcement: "hard",
    };
    gateway.quotas = [{ ...row, metric: "requests", current_usage: 99 }, row];
    expect(await getQuotaStatus(organizationId)).toEqual({
      allowed: true,
      quotaLimit: 10,
      currentUsage: 9.5,
      remaining: 0.5,
      quotaType: "monthly",
      metric: "cost_usd",
      resetAt: null,
    });
    gateway.quotas = [{ ...row, remaining: 0 }];
    expect((await getQuotaStatus(organizationId))?.allowed).toBe(false);
    gateway.quotas = [];
    expect(await getQuotaStatus(organizationId)).toBeNull();
  });
});
