import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { gatherLines } from "../../supabase/functions/_tally/gather-lines.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("lines are written together, in their order, a moment later", () => {
  const written: string[] = [];
  const { write } = gatherLines((text) => written.push(text));
  for (const line of ["one", "two", "three"]) write(line, false);
  expect(written).toEqual([]);
  vi.runAllTimers();
  write("four", false);
  vi.runAllTimers();
  expect(written).toEqual(["one\ntwo\nthree", "four"]);
});

test("what went wrong is written at once, and so is everything when the process ends", () => {
  const written: string[] = [];
  const { write, flush } = gatherLines((text) => written.push(text));
  write("one", false);
  write("two", true);
  expect(written).toEqual(["one\ntwo"]);
  write("three", false);
  flush();
  vi.runAllTimers();
  expect(written).toEqual(["one\ntwo", "three"]);
});
