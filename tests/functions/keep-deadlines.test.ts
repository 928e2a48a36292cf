import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Deadlines } from "../../supabase/functions/_tally/keep-deadlines.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("each deadline runs out by itself, unless it is met", () => {
  const deadlines = new Deadlines(100);
  const late: string[] = [];
  deadlines.set(() => late.push("first"));
  vi.advanceTimersByTime(60);
  deadlines.set(() => late.push("second"));
  const isMet = deadlines.set(() => late.push("met"));
  vi.advanceTimersByTime(39);
  expect(late).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(late).toEqual(["first"]);
  isMet();
  vi.advanceTimersByTime(60);
  expect(late).toEqual(["first", "second"]);
});

test("one timer serves all, and none is left when nothing is waited for", () => {
  const deadlines = new Deadlines(100);
  for (let count = 0; count < 50; count++) deadlines.set(() => {})();
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(100);
  expect(vi.getTimerCount()).toBe(0);
});
