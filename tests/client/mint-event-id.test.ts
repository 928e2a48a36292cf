import fc from "fast-check";
import { expect, test } from "vitest";
import { mintEventId } from "../../packages/client/src/index.ts";
import { timeOfEventId } from "../../packages/client/src/mint-event-id.ts";

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("an id is a uuid v7 whose first 48 bits are its moment in milliseconds", () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date(0), max: new Date(2 ** 48 - 1), noInvalidDate: true }),
      (at) => {
        const id = mintEventId(at);
        expect(id).toMatch(uuidV7);
        expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(at.getTime());
        expect(timeOfEventId(id)).toEqual(at);
      },
    ),
  );
});

test("ids of one millisecond differ", () => {
  const at = new Date("2026-11-23T09:30:00Z");
  expect(new Set(Array.from({ length: 10_000 }, () => mintEventId(at))).size).toBe(10_000);
});

test.each([new Date(Number.NaN), new Date(-1), new Date(2 ** 48)])("%s has no id", (at) => {
  expect(() => mintEventId(at)).toThrow(RangeError);
});

test.each(["", "not an id", "6e1b4a6e-8a3c-4f0e-9d3b-0c6b7f1d2e3f"])(
  "'%s' holds no moment",
  (id) => {
    expect(timeOfEventId(id)).toBeNull();
  },
);
