import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  createTallybase,
  type QueueOptions,
  type StorageLike,
  type UsageEvent,
  type UsageNotRecordedError,
  webStorageStore,
} from "../../packages/client/src/index.ts";
import { type FakeProject, fakeProject, refuse } from "./fake-project.ts";

const event: UsageEvent = {
  provider: "openai",
  model: "gpt-5.4",
  inputTokens: 10,
  outputTokens: 5,
};

let project: FakeProject;
let lost: UsageNotRecordedError[];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  project = fakeProject();
  lost = [];
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function open(options: QueueOptions = {}, retries = 0) {
  return createTallybase({
    url: "http://project.test",
    key: "sb_secret_1",
    organizationId: "org-1",
    fetch: project.fetch,
    retries,
    queue: { onLost: (error) => void lost.push(error), ...options },
  }).queue;
}

/** The sizes of the batches that arrived. */
const batches = () =>
  project.requests
    .filter(({ path }) => path.endsWith("track_usage_batch"))
    .map(({ body }) => (body.events as object[]).length);

describe("when it sends", () => {
  test("as soon as there are enough", async () => {
    const queue = open({ size: 3 });
    queue.add(event);
    queue.add(event);
    await vi.advanceTimersByTimeAsync(0);
    expect(batches()).toEqual([]);
    queue.add(event);
    await vi.advanceTimersByTimeAsync(0);
    expect(batches()).toEqual([3]);
    expect(queue.length).toBe(0);
    expect(project.events.size).toBe(3);
  });

  test("when the oldest has waited long enough", async () => {
    open().add(event);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(batches()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(batches()).toEqual([1]);
  });

  test("when there are enough bytes, and never more than that at once", async () => {
    const queue = open({ maxBatchBytes: 1_000 });
    const big = { ...event, requestMetadata: { note: "x".repeat(400) } };
    for (let count = 0; count < 5; count++) queue.add(big);
    await vi.advanceTimersByTimeAsync(0);
    expect(Math.max(...batches())).toBe(1);
    expect(project.events.size).toBe(5);
  });

  test("an event bigger than a request goes alone", async () => {
    const queue = open({ maxBatchBytes: 100 });
    queue.add({ ...event, requestMetadata: { note: "x".repeat(400) } });
    expect(await queue.flush()).toMatchObject({ recorded: 1, waiting: 0 });
  });

  test("on demand, in parts, until nothing is left", async () => {
    const queue = open({ size: 4 });
    for (let count = 0; count < 10; count++) queue.add(event);
    expect(await queue.flush()).toEqual({ recorded: 10, duplicates: 0, lost: 0, waiting: 0 });
    expect(batches()).toEqual([4, 4, 2]);
  });

  test("at its end, once", async () => {
    const queue = open();
    queue.add(event);
    expect((await queue.close()).recorded).toBe(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(batches()).toEqual([1]);
  });

  test("at the end of its block", async () => {
    {
      await using queue = open();
      queue.add(event);
    }
    expect(project.events.size).toBe(1);
  });

  test("before the process ends", async () => {
    const before = process.listeners("beforeExit");
    open().add(event);
    const [added] = process.listeners("beforeExit").filter((one) => !before.includes(one));
    added?.(0);
    await vi.advanceTimersByTimeAsync(0);
    expect(project.events.size).toBe(1);
  });
});

describe("when the process ends and the project cannot be reached", () => {
  test("it tries once and hands back what it could not send", async () => {
    const before = process.listeners("beforeExit");
    project.answer("track_usage_batch", () => refuse(503, "PT503", "Later."));
    const queue = open();
    queue.add(event);
    const [added] = process.listeners("beforeExit").filter((one) => !before.includes(one));
    added?.(0);
    await vi.advanceTimersByTimeAsync(0);
    added?.(0);
    await vi.advanceTimersByTimeAsync(0);
    expect(project.count("track_usage_batch")).toBe(1);
    expect(lost).toMatchObject([{ code: "TALLY_NETWORK", events: [event] }]);
    expect(queue.length).toBe(0);
  });

  test("nobody listens while nothing waits", async () => {
    const before = process.listeners("beforeExit");
    const queue = open();
    expect(process.listeners("beforeExit")).toEqual(before);
    queue.add(event);
    await queue.flush();
    expect(process.listeners("beforeExit")).toEqual(before);
  });
});

describe("while the project cannot be reached", () => {
  test("it keeps everything, waits longer each time, and counts everything once", async () => {
    const queue = open();
    project.failWith("refused", "500 after commit", "503", "reset after commit", "429");
    queue.add(event);
    queue.add(event);
    expect(await queue.flush()).toMatchObject({ recorded: 0, waiting: 2 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(project.count("track_usage_batch")).toBe(2);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(queue.length).toBe(0);
    expect(project.events.size).toBe(2);
    expect(lost).toEqual([]);
  });

  test("an hour later all is there", async () => {
    const queue = open();
    project.answer("track_usage_batch", () => {
      throw new TypeError("fetch failed");
    });
    for (let minute = 0; minute < 60; minute++) {
      queue.add(event);
      await vi.advanceTimersByTimeAsync(60_000);
    }
    expect(queue.length).toBe(60);
    project.restore("track_usage_batch");
    await vi.advanceTimersByTimeAsync(600_000);
    expect(queue.length).toBe(0);
    expect(project.events.size).toBe(60);
  });

  test("an answer that is lost is found to be a duplicate", async () => {
    const queue = open();
    project.failWith("reset after commit");
    queue.add(event);
    expect(await queue.flush()).toMatchObject({ recorded: 0, waiting: 1 });
    expect(await queue.flush()).toMatchObject({ recorded: 0, duplicates: 1, waiting: 0 });
    expect(project.events.size).toBe(1);
  });

  test("full: the new one is handed back", async () => {
    project.answer("track_usage_batch", () => refuse(503, "PT503", "Later."));
    const queue = open({ maxEvents: 2, size: 100 });
    for (const outputTokens of [1, 2, 3]) queue.add({ ...event, outputTokens });
    expect(queue.length).toBe(2);
    await vi.advanceTimersByTimeAsync(0);
    expect(lost).toMatchObject([{ code: "TALLY_OVERFLOW", events: [{ outputTokens: 3 }] }]);
    expect(lost[0]?.events[0]?.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("full: the oldest is handed back, if you prefer", async () => {
    project.answer("track_usage_batch", () => refuse(503, "PT503", "Later."));
    const queue = open({ maxEvents: 2, overflow: "drop-oldest" });
    for (const outputTokens of [1, 2, 3]) queue.add({ ...event, outputTokens });
    await vi.advanceTimersByTimeAsync(0);
    expect(queue.length).toBe(2);
    expect(lost).toMatchObject([{ code: "TALLY_OVERFLOW", events: [{ outputTokens: 1 }] }]);
  });
});

describe("what will never be recorded is handed back", () => {
  test("the bad ones of a batch; the good ones land", async () => {
    const queue = open();
    queue.add({ ...event, outputTokens: 1 });
    queue.add({ ...event, provider: "", outputTokens: 2 });
    queue.add({ ...event, outputTokens: 3 });
    expect(await queue.flush()).toEqual({ recorded: 2, duplicates: 0, lost: 1, waiting: 0 });
    expect(lost).toMatchObject([{ code: "PT400", status: 400, events: [{ outputTokens: 2 }] }]);
  });

  test("what JSON cannot write, without a word to its caller", async () => {
    const queue = open();
    queue.add({ ...event, requestMetadata: { count: 10n } });
    await vi.advanceTimersByTimeAsync(0);
    expect(lost).toMatchObject([{ code: "PT400", events: [{ model: "gpt-5.4" }] }]);
    expect(queue.length).toBe(0);
  });

  test("a batch that is refused whole", async () => {
    project.answer("track_usage_batch", () => refuse(403, "PT403", "Not your organization."));
    const queue = open();
    queue.add(event);
    expect(await queue.flush()).toMatchObject({ lost: 1, waiting: 0 });
    expect(lost).toMatchObject([{ code: "PT403", events: [event] }]);
  });

  test("to the client's own handler when the queue has none", async () => {
    project.answer("track_usage_batch", () => refuse(403, "PT403", "No."));
    const onLost = vi.fn();
    const tally = createTallybase({ url: "http://p.test", key: "k", fetch: project.fetch, onLost });
    tally.queue.add(event);
    await tally.queue.flush();
    expect(onLost).toHaveBeenCalledOnce();
  });

  test("a handler that throws does not stop the queue", async () => {
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    const queue = open({
      onLost: () => {
        throw new Error("handler");
      },
    });
    queue.add({ ...event, provider: "" });
    queue.add(event);
    expect(await queue.flush()).toMatchObject({ recorded: 1, lost: 1 });
    expect(told).toHaveBeenCalled();
  });
});

describe("kept in storage", () => {
  test("until it is recorded", async () => {
    const storage = fakeStorage();
    const queue = open({ store: webStorageStore(storage) });
    queue.add(event);
    expect(storage.length).toBe(1);
    await queue.flush();
    expect(storage.length).toBe(0);
  });

  test("over a crash: the next process sends it, once", async () => {
    const storage = fakeStorage();
    storage.setItem("somebody else's", "entry");
    storage.setItem("tallybase:broken", "{");
    project.failWith("reset after commit");
    const crashed = open({ store: webStorageStore(storage) });
    crashed.add(event);
    await crashed.flush();
    const next = open({ store: webStorageStore(storage) });
    expect(await next.flush()).toMatchObject({ duplicates: 1, waiting: 0 });
    expect(project.events.size).toBe(1);
    expect(storage.getItem("somebody else's")).toBe("entry");
  });

  test("storage that fails costs no event", async () => {
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    const storage = {
      ...fakeStorage(),
      setItem: () => {
        throw new Error("quota");
      },
    };
    const queue = open({ store: webStorageStore(storage) });
    queue.add(event);
    expect(await queue.flush()).toMatchObject({ recorded: 1 });
    expect(told).toHaveBeenCalled();
  });
});

describe("in a page", () => {
  const page = () => {
    const scope = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
    vi.stubGlobal("document", document);
    vi.stubGlobal("addEventListener", scope.addEventListener.bind(scope));
    vi.stubGlobal("removeEventListener", scope.removeEventListener.bind(scope));
    return { scope, document };
  };

  test("that is hidden it sends at once", async () => {
    const { document } = page();
    const queue = open();
    queue.add(event);
    document.visibilityState = "hidden";
    document.dispatchEvent(new Event("visibilitychange"));
    await vi.advanceTimersByTimeAsync(0);
    expect(project.events.size).toBe(1);
    await queue.close();
  });

  test("that is left it sends by a request that outlives the page, in the same moment", () => {
    const { scope } = page();
    const fetched = vi.fn(project.fetch);
    const tally = createTallybase({ url: "http://p.test", key: "k", fetch: fetched, retries: 0 });
    tally.queue.add(event);
    scope.dispatchEvent(new Event("pagehide"));
    expect(fetched).toHaveBeenCalledOnce();
    expect(fetched.mock.calls[0]?.[1]).toMatchObject({ keepalive: true });
  });

  test("that lives on, what was sent on leaving counts once", async () => {
    const { scope } = page();
    const queue = open();
    queue.add(event);
    scope.dispatchEvent(new Event("pagehide"));
    expect(await queue.flush()).toMatchObject({ duplicates: 1, waiting: 0 });
    expect(project.events.size).toBe(1);
    await queue.close();
  });

  test("that is online again it does not wait any longer", async () => {
    const { scope } = page();
    project.failWith("refused");
    const queue = open();
    queue.add(event);
    await queue.flush();
    scope.dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(0);
    expect(project.events.size).toBe(1);
    await queue.close();
  });
});

function fakeStorage(): StorageLike {
  const entries = new Map<string, string>();
  return {
    get length() {
      return entries.size;
    },
    key: (index) => [...entries.keys()][index] ?? null,
    getItem: (name) => entries.get(name) ?? null,
    setItem: (name, value) => void entries.set(name, value),
    removeItem: (name) => void entries.delete(name),
  };
}
