import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  createTallybase,
  mintEventId,
  type TallybaseOptions,
  UsageNotRecordedError,
} from "../../packages/client/src/index.ts";
import { type FakeProject, type Fault, fakeProject, refuse } from "./fake-project.ts";

const connection = { url: "http://project.test", key: "sb_secret_1", organizationId: "org-1" };
const event = { provider: "openai", model: "gpt-5.4", inputTokens: 100, outputTokens: 50 };

let project: FakeProject;
const client = (options: TallybaseOptions = {}) =>
  createTallybase({ ...connection, ...options, fetch: project.fetch });

/** Lets the pauses between attempts pass at once. */
async function hurry<T>(work: Promise<T>): Promise<T> {
  await vi.runAllTimersAsync();
  return work;
}

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-11-23T09:30:00.123Z") });
  project = fakeProject();
});
afterEach(() => void vi.useRealTimers());

describe("one event", () => {
  test("is sent once with its id, its moment and the organization", async () => {
    const { data, error } = await client().track(event);
    expect(error).toBeNull();
    expect(data).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: "recorded",
      costUsd: 0.0003,
      inputTokens: 100,
      outputTokens: 50,
      totalTokens: 150,
      priceId: 7,
    });
    expect(project.requests).toHaveLength(1);
    expect(project.requests[0]?.body).toEqual({
      event: {
        id: data?.id,
        created_at: "2026-11-23T09:30:00.123Z",
        organization_id: "org-1",
        provider: "openai",
        model: "gpt-5.4",
        input_tokens: 100,
        output_tokens: 50,
      },
    });
  });

  test("keeps the caller's own objects as they are", async () => {
    const classes = { cache_read: 3 };
    const requestMetadata = { brandId: { adId: 1 }, snake_case: true };
    await client().track({ ...event, classes, requestMetadata });
    expect(project.requests[0]?.body.event).toMatchObject({
      classes,
      request_metadata: requestMetadata,
    });
  });

  test("that names a moment gets an id with that moment", async () => {
    await client().track({ ...event, createdAt: new Date("2026-11-01T00:00:00.007Z") });
    const sent = project.requests[0]?.body.event as { id: string; created_at: string };
    expect(sent.created_at).toBe("2026-11-01T00:00:00.007Z");
    expect(sent.id.slice(0, 13)).toBe(
      mintEventId(new Date("2026-11-01T00:00:00.007Z")).slice(0, 13),
    );
  });

  test("that has an id gets the moment inside it", async () => {
    const id = mintEventId(new Date("2026-11-02T03:04:05.678Z"));
    await client().track({ ...event, id });
    expect(project.requests[0]?.body.event).toMatchObject({
      id,
      created_at: "2026-11-02T03:04:05.678Z",
    });
  });

  test("with a key of its own is left to the database to name", async () => {
    await client().track({ ...event, idempotencyKey: "job-1" });
    expect(project.requests[0]?.body.event).not.toHaveProperty("id");
    expect(project.requests[0]?.body.event).not.toHaveProperty("created_at");
  });

  test("with a moment that is none is sent as it is, for the database to refuse", async () => {
    await client().track({ ...event, createdAt: "yesterday" });
    expect(project.requests[0]?.body.event).toMatchObject({ created_at: "yesterday" });
  });
});

describe("when the network fails", () => {
  const faults: Fault[] = [
    "refused",
    "reset after commit",
    "500 before commit",
    "500 after commit",
    "503",
    "429",
    "never answers",
    "a proxy's page",
  ];
  test.each(faults)("'%s' twice is retried under one id and recorded once", async (fault) => {
    project.failWith(fault, fault);
    const { data } = await hurry(client().track(event));
    expect(data?.status).toBe(/after commit/.test(fault) ? "duplicate" : "recorded");
    expect(project.requests).toHaveLength(3);
    expect(project.events.size).toBe(1);
  });

  test("for good, the event comes back with its id, and tracking it again counts it once", async () => {
    project.failWith("500 after commit", "refused", "refused", "never answers");
    const onLost = vi.fn();
    const { error } = await hurry(client({ onLost }).track(event));
    expect(error).toBeInstanceOf(UsageNotRecordedError);
    expect(error).toMatchObject({ code: "TALLY_TIMEOUT", status: 0, holdId: null });
    expect(onLost).toHaveBeenCalledExactlyOnceWith(error);

    const [lost] = error?.events ?? [];
    expect(lost).toMatchObject({ ...event, createdAt: "2026-11-23T09:30:00.123Z" });
    const again = await client().track(lost ?? event);
    expect(again.data?.status).toBe("duplicate");
    expect(project.events.size).toBe(1);
  });

  test("the wait is bounded: each attempt by timeoutMs, and as many as were asked for", async () => {
    project.failWith("never answers", "never answers", "never answers");
    const started = Date.now();
    const { error } = await hurry(client({ timeoutMs: 1_000, retries: 2 }).track(event));
    expect(error?.code).toBe("TALLY_TIMEOUT");
    expect(project.requests).toHaveLength(3);
    expect(Date.now() - started).toBeLessThan(3 * 1_000 + 200 + 400 + 1);
  });

  test("an aborted call ends at once and gives the event back", async () => {
    project.failWith("never answers");
    const abort = new AbortController();
    const tracking = client().track(event, { signal: abort.signal });
    await vi.advanceTimersByTimeAsync(100);
    abort.abort();
    const { error } = await tracking;
    expect(error).toMatchObject({ code: "TALLY_ABORTED", events: [{ provider: "openai" }] });
    expect(project.requests).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("an abort during a pause ends the pause", async () => {
    project.failWith("refused");
    const abort = new AbortController();
    const tracking = client().track(event, { signal: abort.signal });
    await vi.advanceTimersByTimeAsync(50);
    abort.abort();
    expect((await tracking).error?.code).toBe("TALLY_ABORTED");
    expect(project.requests).toHaveLength(1);
  });
});

test("a definite refusal is not repeated, and names its code", async () => {
  project.answer("track_usage", () => refuse(409, "PT409", "This id names another event."));
  const { error } = await client().track(event);
  expect(project.requests).toHaveLength(1);
  expect(error).toMatchObject({ code: "PT409", status: 409, events: [{ model: "gpt-5.4" }] });
  expect(error?.message).toContain("This id names another event.");
});

describe("a batch", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ ...event, inputTokens: index }));

  test("goes 500 at a time, and rejected events keep their index in the whole array", async () => {
    const events = many(1_201);
    for (const bad of [0, 499, 500, 1_200]) events[bad] = { ...event, provider: "" };
    const { data } = await client().trackBatch(events);
    expect(project.requests.map(({ body }) => (body.events as object[]).length)).toEqual([
      500, 500, 201,
    ]);
    expect(data?.recorded).toBe(1_197);
    expect(data?.duplicates).toBe(0);
    expect(data?.rejected.map(({ index }) => index)).toEqual([0, 499, 500, 1_200]);
  });

  test("of none asks nothing", async () => {
    expect((await client().trackBatch([])).data).toEqual({
      recorded: 0,
      duplicates: 0,
      rejected: [],
    });
    expect(project.requests).toHaveLength(0);
  });

  test("that loses its connection is repeated under the same ids", async () => {
    project.failWith("500 after commit", null);
    const { data } = await hurry(client().trackBatch(many(3)));
    expect(data).toEqual({ recorded: 0, duplicates: 3, rejected: [] });
    expect(project.events.size).toBe(3);
  });

  test("that cannot go on hands back what was not confirmed and says what was", async () => {
    project.failWith(null, "refused", "refused", "refused", "refused");
    const { error } = await hurry(client().trackBatch(many(1_100)));
    expect(error?.partial).toEqual({ recorded: 500, duplicates: 0, rejected: [] });
    expect(error?.events).toHaveLength(600);
    expect(error?.events[0]).toMatchObject({ inputTokens: 500 });

    const again = await client().trackBatch(error?.events ?? []);
    expect(again.data?.recorded).toBe(600);
    expect(project.events.size).toBe(1_100);
  });
});
