import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  checkQuota,
  estimateCost,
  QuotaExceededError,
  trackUsage,
  UsageNotRecordedError,
  wrapWithTracking,
} from "../../packages/client/src/index.ts";
import { type FakeProject, fakeProject, refuse } from "./fake-project.ts";
import { anthropicMessage, openaiCompletion } from "./provider-answers.ts";

const url = "http://project.test";
const key = "sb_secret_1";
const options = {
  userId: "user-1",
  organizationId: "org-1",
  sessionId: "session-1",
  provider: "openai",
  model: "gpt-4",
};

let project: FakeProject;
beforeEach(() => {
  project = fakeProject();
  vi.stubGlobal("fetch", project.fetch);
});
afterEach(() => void vi.unstubAllGlobals());

describe("trackUsage", () => {
  test("records a raw response and tells what it came to", async () => {
    const response = { usage: { prompt_tokens: 100, completion_tokens: 50 } };
    const result = await trackUsage(url, key, options, response);
    expect(result).toEqual({
      inputTokens: 100,
      outputTokens: 50,
      totalTokens: 150,
      costUsd: 0.0003,
      logId: [...project.events.keys()][0],
    });
    expect(project.requests[0]?.body.event).toMatchObject({
      organization_id: "org-1",
      user_id: "user-1",
      session_id: "session-1",
      provider: "openai",
      model: "gpt-4",
      classes: { input: 100, output: 50 },
    });
  });

  test("records the model that answered", async () => {
    await trackUsage(url, key, options, openaiCompletion);
    expect(project.requests[0]?.body.event).toMatchObject({
      model: "gpt-4o-2024-08-06",
      request_metadata: { requested_model: "gpt-4" },
    });
  });

  test("throws the event that it could not write", async () => {
    project.answer("track_usage", () => refuse(400, "PT400", "input_tokens is missing."));
    const tracking = trackUsage(url, key, options, { text: "no usage" });
    await expect(tracking).rejects.toThrow(UsageNotRecordedError);
    await expect(tracking).rejects.toMatchObject({ code: "PT400", events: [{ model: "gpt-4" }] });
  });
});

describe("checkQuota", () => {
  const ask = () => checkQuota(url, key, "org-1", "openai", "gpt-4", 0.01);

  test("tells the tightest quota", async () => {
    const row = {
      allowed: false,
      quota_limit: 1,
      current_usage: 0.995,
      reserved: 0,
      remaining: 0.005,
      quota_type: "daily",
      metric: "cost_usd",
    };
    project.answer("check_quota", () => Response.json([row]));
    expect(await ask()).toEqual({
      allowed: false,
      quotaLimit: 1,
      currentUsage: 0.995,
      remaining: 0.005,
      quotaType: "daily",
    });
  });

  test("is null when no quota applies", async () => {
    const none = { quota_limit: null, current_usage: null, remaining: null, quota_type: null };
    project.answer("check_quota", () => Response.json([{ allowed: true, ...none }]));
    expect(await ask()).toBeNull();
  });

  test("throws when it cannot be asked: no answer is not a yes", async () => {
    project.answer("check_quota", () => refuse(403, "PT403", "Not your organization."));
    await expect(ask()).rejects.toMatchObject({ code: "PT403" });
  });
});

test("estimateCost asks the edge function for the upper bound", async () => {
  project.answer("estimate", () => Response.json({ cost_usd: 0.01, cost_usd_upper: 0.02 }));
  const messages = [{ role: "user", content: "Hello!" }];
  expect(await estimateCost(url, key, "openai", "gpt-4", messages)).toBe(0.02);
  expect(project.requests[0]?.path).toBe("/functions/v1/estimate");
  expect(project.requests[0]?.body).toEqual({
    provider: "openai",
    model: "gpt-4",
    messages,
    max_output_tokens: 1000,
  });
});

describe("wrapWithTracking", () => {
  test("returns the response with quotaExceeded false", async () => {
    const result = await wrapWithTracking(url, key, options, async () => anthropicMessage, 0.05);
    expect(result.quotaExceeded).toBe(false);
    expect(result.response).toBe(anthropicMessage);
    expect(project.requests[0]?.body.request).toMatchObject({
      estimated_cost: 0.05,
      session_id: "session-1",
    });
  });

  test("returns a refusal instead of throwing it, and makes no call", async () => {
    const blocked_by = { metric: "cost_usd", quota_type: "daily", quota_limit: 1, remaining: 0 };
    project.answer("reserve_usage", () => Response.json({ allowed: false, blocked_by }));
    const run = vi.fn();
    const result = await wrapWithTracking(url, key, options, run, 0.05);
    expect(result).toMatchObject({ quotaExceeded: true, response: null, usage: null });
    expect(result.quotaExceeded && result.error).toBeInstanceOf(QuotaExceededError);
    expect(run).not.toHaveBeenCalled();
  });

  test("throws what the call throws", async () => {
    const call = wrapWithTracking(url, key, options, () => Promise.reject(new Error("no")), 0.05);
    await expect(call).rejects.toThrow("no");
  });
});
