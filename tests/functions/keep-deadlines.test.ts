import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Deadlines, Patience } from "../../supabase/functions/_tally/keep-deadlines.ts";

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

test("what is late may set the next deadline, with one timer still", () => {
  const patience = new Patience();
  let rounds = 0;
  const again = () => {
    rounds++;
    patience.set(100, again);
  };
  patience.set(100, again);
  vi.advanceTimersByTime(50);
  const late: string[] = [];
  patience.set(100, () => late.push("second"));
  vi.advanceTimersByTime(99);
  expect([rounds, late]).toEqual([1, []]);
  vi.advanceTimersByTime(1);
  expect(late).toEqual(["second"]);
  vi.advanceTimersByTime(850);
  expect(rounds).toBe(10);
  expect(vi.getTimerCount()).toBe(1);
});

test("deadlines of another length run out by their own", () => {
  const patience = new Patience();
  const late: string[] = [];
  patience.set(100, () => late.push("far"));
  patience.set(10, () => late.push("near"));
  vi.advanceTimersByTime(10);
  expect(late).toEqual(["near"]);
  vi.advanceTimersByTime(90);
  expect(late).toEqual(["near", "far"]);
});
