import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PieceGatherer } from "../../supabase/functions/_tally/gateway/gather-pieces.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

function open() {
  const sent: string[] = [];
  const gatherer = new PieceGatherer((bytes) => sent.push(new TextDecoder().decode(bytes)));
  const come = (text: string) => {
    gatherer.add(new TextEncoder().encode(text));
    return gatherer.pass();
  };
  return { sent, gatherer, come };
}

test("a piece after a pause leaves at once, those that follow closely leave together a moment later", () => {
  const { sent, come } = open();
  expect([come("a"), come("b"), come("c")]).toEqual([true, false, false]);
  expect(sent).toEqual(["a"]);
  vi.advanceTimersByTime(1);
  expect(sent).toEqual(["a", "bc"]);
  vi.advanceTimersByTime(1);
  expect(come("d")).toBe(true);
  expect(sent).toEqual(["a", "bc", "d"]);
});

test("much leaves at once", () => {
  const { sent, come } = open();
  come("a");
  expect(come("b".repeat(20_000))).toBe(true);
  expect(sent.map(({ length }) => length)).toEqual([1, 20_000]);
});

test("what was flushed or is not wanted any more does not leave later", () => {
  const { sent, gatherer, come } = open();
  come("a");
  come("b");
  gatherer.flush();
  come("c");
  gatherer.stop();
  vi.advanceTimersByTime(10);
  expect(sent).toEqual(["a", "b"]);
  expect(vi.getTimerCount()).toBe(0);
});
