import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Result, TallybaseError } from "../../packages/client/src/index.ts";
import type { RealtimeLike } from "../../packages/react/src/index.ts";
import { SharedCache } from "../../packages/react/src/shared-cache.ts";

/** A page for each test: the last one's components may still listen to theirs. */
const page = () => Object.assign(new EventTarget(), { visibilityState: "visible" });
let document: ReturnType<typeof page>;
let answer: () => Promise<Result<number>>;
let asked: number;
const question = {
  key: "q",
  organizationId: "org-1",
  ask: () => {
    asked++;
    return answer();
  },
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  document = page();
  vi.stubGlobal("document", document);
  asked = 0;
  answer = async () => ({ data: asked, error: null });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const open = (realtime: RealtimeLike | null = null) =>
  new SharedCache({ pollIntervalMs: 10_000, realtime });

describe("one question", () => {
  test("is asked once for a thousand listeners, and answers all of them", async () => {
    const cache = open();
    const listener = vi.fn();
    for (let count = 0; count < 1_000; count++) cache.subscribe(question, () => listener());
    expect(cache.read(question)).toEqual({ data: null, error: null, isLoading: true });
    await pass(0);
    expect(asked).toBe(1);
    expect(listener).toHaveBeenCalledTimes(1_000);
    expect(cache.read(question)).toEqual({ data: 1, error: null, isLoading: false });
  });

  test("is asked again and again while somebody listens, and not after", async () => {
    const cache = open();
    const stop = cache.subscribe(question, () => {});
    await pass(35_000);
    expect(asked).toBe(4);
    stop();
    await pass(100_000);
    expect(asked).toBe(4);
  });

  test("keeps the last answer when it fails, and asks less often", async () => {
    const cache = open();
    cache.subscribe(question, () => {});
    await pass(0);
    const error = new TallybaseError("Down.", { code: "TALLY_NETWORK", status: 0 });
    answer = async () => ({ data: null, error });
    await pass(10_000);
    expect(cache.read(question)).toEqual({ data: 1, error, isLoading: false });
    await pass(19_000);
    expect(asked).toBe(2);
    await pass(1_000);
    expect(asked).toBe(3);
    await pass(3_600_000);
    expect(asked).toBeLessThan(3 + 3_600 / 150);
  });

  test("is asked at once by who comes after a first question was given up", async () => {
    const cache = open();
    cache.subscribe(question, () => {})();
    cache.subscribe(question, () => {});
    await pass(0);
    expect(asked).toBe(2);
    expect(cache.read(question).data).toBe(2);
  });

  test("is not asked while the page is hidden, and soon after it is seen again", async () => {
    const cache = open();
    cache.subscribe(question, () => {});
    await pass(0);
    document.visibilityState = "hidden";
    await pass(100_000);
    expect(asked).toBe(2);
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    await pass(0);
    expect(asked).toBe(3);
  });

  test("asked while it is being asked, is asked once more after that", async () => {
    const cache = open();
    cache.subscribe(question, () => {});
    for (let count = 0; count < 50; count++) void cache.refetch(question);
    await pass(1_500);
    expect(asked).toBe(2);
  });
});

describe("with Realtime", () => {
  function realtime() {
    const listeners = new Set<() => void>();
    let tell: (status: string) => void = () => {};
    const topics: string[] = [];
    const setAuth = vi.fn();
    const removeChannel = vi.fn();
    const supabase: RealtimeLike = {
      realtime: { setAuth },
      channel: (topic, { config }) => {
        topics.push(`${topic} ${config.private}`);
        return {
          on: (_, { event }, listener) => event === "quota" && listeners.add(listener),
          subscribe: (listener) => {
            tell = listener;
          },
        };
      },
      removeChannel,
    };
    const hint = () => {
      for (const listener of listeners) listener();
    };
    return {
      supabase,
      topics,
      setAuth,
      removeChannel,
      hint,
      tell: (status: string) => tell(status),
    };
  }

  test("joins the organization's private channel once, with the user's token", async () => {
    const { supabase, topics, setAuth, removeChannel } = realtime();
    const cache = open(supabase);
    const stops = [
      cache.subscribe(question, () => {}),
      cache.subscribe({ ...question, key: "other" }, () => {}),
    ];
    await pass(0);
    expect(topics).toEqual(["tallybase:organization:org-1 true"]);
    expect(setAuth).toHaveBeenCalledOnce();
    for (const stop of stops) stop();
    expect(removeChannel).toHaveBeenCalledOnce();
  });

  test("a hundred hints are one question, within a second", async () => {
    const { supabase, hint, tell } = realtime();
    const cache = open(supabase);
    cache.subscribe(question, () => {});
    await pass(0);
    tell("SUBSCRIBED");
    await pass(1_000);
    const before = asked;
    for (let count = 0; count < 100; count++) hint();
    await pass(1_000);
    expect(asked).toBe(before + 1);
  });

  test("polls hardly while hints arrive, and as usual when they stop", async () => {
    const { supabase, tell } = realtime();
    const cache = open(supabase);
    cache.subscribe(question, () => {});
    await pass(0);
    tell("SUBSCRIBED");
    await pass(1_000);
    const before = asked;
    await pass(100_000);
    expect(asked).toBe(before);
    tell("CHANNEL_ERROR");
    await pass(1_000);
    expect(asked).toBe(before + 1);
    await pass(30_000);
    expect(asked).toBeGreaterThanOrEqual(before + 3);
  });

  test("that cannot be joined is no reason not to poll", async () => {
    const { supabase, setAuth } = realtime();
    setAuth.mockRejectedValue(new Error("no token"));
    open(supabase).subscribe(question, () => {});
    await pass(25_000);
    expect(asked).toBeGreaterThanOrEqual(3);
  });
});
