import { createClient } from "@supabase/supabase-js";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { createTallybase, mintEventId } from "../../packages/client/src/index.ts";
import { type FakeProject, fakeProject, refuse } from "./fake-project.ts";

const url = "http://project.test";
const event = { provider: "openai", model: "gpt-5.4", inputTokens: 1, outputTokens: 1 };

let project: FakeProject;
beforeEach(() => {
  project = fakeProject();
});

describe("a URL and a key", () => {
  const headersOf = async (connection: {
    key: string;
    accessToken?: string | (() => Promise<string | null>);
  }) => {
    await createTallybase({ url, fetch: project.fetch, ...connection }).track(event);
    return project.requests[0]?.headers;
  };

  test("the secret key goes into apikey alone: the API gateway takes no other place for it", async () => {
    const headers = await headersOf({ key: "sb_secret_1" });
    expect(headers?.get("apikey")).toBe("sb_secret_1");
    expect(headers?.get("authorization")).toBeNull();
  });

  test("a user's token goes beside the publishable key", async () => {
    const headers = await headersOf({ key: "sb_publishable_1", accessToken: "jwt" });
    expect(headers?.get("apikey")).toBe("sb_publishable_1");
    expect(headers?.get("authorization")).toBe("Bearer jwt");
  });

  test("a token may be asked for at each call", async () => {
    const headers = await headersOf({ key: "sb_publishable_1", accessToken: async () => "fresh" });
    expect(headers?.get("authorization")).toBe("Bearer fresh");
  });

  test("a legacy key, itself a JWT, goes into both", async () => {
    const headers = await headersOf({ key: "eyJhbGciOi.x.y" });
    expect(headers?.get("apikey")).toBe("eyJhbGciOi.x.y");
    expect(headers?.get("authorization")).toBe("Bearer eyJhbGciOi.x.y");
  });

  test("a slash at the end of the URL is one too many", async () => {
    await createTallybase({ url: `${url}/`, key: "sb_secret_1", fetch: project.fetch }).track(
      event,
    );
    expect(project.requests[0]?.path).toBe("/rest/v1/rpc/track_usage");
  });
});

describe("an API key", () => {
  const client = () => createTallybase({ url, key: "tally_abc", fetch: project.fetch });

  test("records through the edge function", async () => {
    expect((await client().track(event)).data?.status).toBe("recorded");
    expect(project.requests[0]?.path).toBe("/functions/v1/track");
    expect(project.requests[0]?.headers.get("authorization")).toBe("Bearer tally_abc");
    expect(project.requests[0]?.body).toMatchObject({ provider: "openai", input_tokens: 1 });
  });

  test("records batches through the edge function", async () => {
    project.answer("track", ({ events }) =>
      Response.json({ recorded: (events as object[]).length, duplicates: 0, rejected: [] }),
    );
    expect((await client().trackBatch([event, event])).data?.recorded).toBe(2);
  });

  test("cannot hold: says so, without a request", async () => {
    const { error } = await client().reserve({ ...event, estimatedCost: 1 });
    expect(error).toMatchObject({
      code: "TALLY_UNSUPPORTED",
      message: "An API key (tally_…) cannot call reserve_usage.",
    });
    const run = vi.fn();
    await expect(client().wrapWithTracking({ ...event, failOpen: true }, run)).rejects.toThrow(
      error?.message,
    );
    expect(run).not.toHaveBeenCalled();
    expect(project.requests).toHaveLength(0);
  });
});

describe("a supabase-js client", () => {
  const client = () =>
    createTallybase(createClient(url, "sb_secret_1", { global: { fetch: project.fetch } }), {
      organizationId: "org-1",
    });

  test("is used as it is", async () => {
    const { data } = await client().track(event);
    expect(data?.status).toBe("recorded");
    expect(project.requests[0]?.path).toBe("/rest/v1/rpc/track_usage");
    expect(project.requests[0]?.body.event).toMatchObject({ organization_id: "org-1" });
  });

  test("its errors keep code, status, detail and hint", async () => {
    project.answer("check_quota", () =>
      Response.json(
        { code: "PT403", message: "No.", details: "org", hint: "Ask." },
        { status: 403 },
      ),
    );
    const { error } = await client().checkQuota({ ...event, estimatedCost: 1 });
    expect(error).toMatchObject({ code: "PT403", status: 403, detail: "org", hint: "Ask." });
  });

  test("no answer is retried and recorded once", async () => {
    project.failWith("reset after commit");
    const { data } = await client().track(event);
    expect(data?.status).toBe("duplicate");
    expect(project.events.size).toBe(1);
  });
});

describe("a question about quotas", () => {
  const client = () =>
    createTallybase({ url, key: "sb_secret_1", organizationId: "org-1", fetch: project.fetch });

  test("checkQuota answers the one row in camelCase", async () => {
    project.answer("check_quota", () =>
      Response.json([{ allowed: false, quota_limit: 10, current_usage: 9.5, reset_at: null }]),
    );
    const request = { provider: "openai", model: "gpt-5.4", estimatedCost: 1, estimatedTokens: 5 };
    expect((await client().checkQuota(request)).data).toEqual({
      allowed: false,
      quotaLimit: 10,
      currentUsage: 9.5,
      resetAt: null,
    });
    expect(project.requests[0]?.body).toEqual({
      organization_id: "org-1",
      provider: "openai",
      model: "gpt-5.4",
      estimated_cost: 1,
      estimated_tokens: 5,
    });
  });

  test("quotaStatus answers every row, for another organization too", async () => {
    project.answer("quota_status", () => Response.json([{ percent_used: 50 }, { level: "ok" }]));
    const { data } = await client().quotaStatus({ organizationId: "org-2" });
    expect(data).toEqual([{ percentUsed: 50 }, { level: "ok" }]);
    expect(project.requests[0]?.body).toEqual({ organization_id: "org-2" });
  });

  test("estimateCost sends classes as they are and a moment as ISO text", async () => {
    project.answer("estimate_cost", () => Response.json([{ cost_usd: 0.5, price_id: 3 }]));
    const { data } = await client().estimateCost({
      provider: "openai",
      model: "gpt-5.4",
      inputTokens: 2,
      outputTokens: 1,
      classes: { cache_read: 2 },
      at: new Date("2026-10-01T00:00:00Z"),
    });
    expect(data).toEqual({ costUsd: 0.5, priceId: 3 });
    expect(project.requests[0]?.body).toMatchObject({
      classes: { cache_read: 2 },
      at: "2026-10-01T00:00:00.000Z",
    });
  });

  test("an unknown model is an error of the answer, not an exception", async () => {
    project.answer("estimate_cost", () => refuse(422, "PT422", "There is no price for x."));
    const request = { provider: "openai", model: "x", inputTokens: 1, outputTokens: 1 };
    expect(await client().estimateCost(request)).toMatchObject({
      data: null,
      error: { code: "PT422", status: 422 },
    });
  });
});

describe("a hold", () => {
  const client = () =>
    createTallybase({ url, key: "sb_secret_1", organizationId: "org-1", fetch: project.fetch });
  const request = { provider: "openai", model: "gpt-5.4", estimatedCost: 0.5 };

  test("asked for twice because the answer was lost is one hold", async () => {
    project.failWith("reset after commit");
    const { data } = await client().reserve(request);
    expect(data).toMatchObject({ allowed: true, holdId: "hold-1", blockedBy: null });
    expect(project.count("reserve_usage")).toBe(2);
    expect(project.holds.size).toBe(1);
  });

  test("is settled by hold_id, event and final", async () => {
    await client().settle("hold-1", event, { final: false });
    expect(project.requests[0]?.body).toMatchObject({
      hold_id: "hold-1",
      final: false,
      event: { organization_id: "org-1", input_tokens: 1 },
    });
  });

  test("settled twice is answered like the first time: the database compares the rest", async () => {
    project.answer("settle_usage", ({ event: sent }) =>
      "id" in (sent as object)
        ? refuse(409, "PT409", "This id already names another event.")
        : Response.json({ id: "event-1", status: "duplicate" }),
    );
    expect((await client().settle("hold-1", event)).data).toMatchObject({ status: "duplicate" });

    const id = mintEventId();
    const named = await client().settle("hold-1", { ...event, id });
    expect(named.error).toMatchObject({ code: "PT409", events: [{ id }] });
  });

  test("is extended, and a retried top-up keeps its key", async () => {
    project.failWith("refused");
    const topUp = await client().extend("hold-1", 60, { estimatedCost: 1 });
    expect(topUp.data?.allowed).toBe(true);
    const [first, second] = project.requests.map(({ body }) => body);
    expect(first).toEqual({
      hold_id: "hold-1",
      seconds: 60,
      extra: { estimated_cost: 1, idempotency_key: expect.any(String) },
    });
    expect(second).toEqual(first);

    project.failWith("refused");
    expect((await client().extend("hold-1", 60)).data?.allowed).toBe(true);
    expect(project.requests.at(-1)?.body).toEqual({ hold_id: "hold-1", seconds: 60 });
  });

  test("is released", async () => {
    expect((await client().release("hold-1")).data).toEqual({
      holdId: "hold-1",
      state: "released",
    });
  });
});
