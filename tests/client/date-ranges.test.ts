import { describe, expect, test } from "vitest";
import { lastDays, monthToDate, today, wholeMonth } from "../../packages/client/src/index.ts";

const at = new Date("2026-11-23T20:00:00.000Z");
const iso = ({ startsAt, endsAt }: { startsAt: string | Date; endsAt: string | Date }) =>
  [startsAt, endsAt].map((moment) => new Date(moment).toISOString());

test("lastDays ends now", () => {
  expect(iso(lastDays(7, at))).toEqual(["2026-11-16T20:00:00.000Z", "2026-11-23T20:00:00.000Z"]);
});

describe("days begin at midnight of their place", () => {
  test.each([
    ["UTC", "2026-11-23T00:00:00.000Z"],
    ["Asia/Kolkata", "2026-11-23T18:30:00.000Z"],
    ["America/Los_Angeles", "2026-11-23T08:00:00.000Z"],
    ["Pacific/Kiritimati", "2026-11-23T10:00:00.000Z"],
    ["Asia/Kathmandu", "2026-11-23T18:15:00.000Z"],
  ])("%s", (timezone, startsAt) => {
    expect(iso(today(timezone, at))).toEqual([startsAt, at.toISOString()]);
  });

  test("on the day the clocks go forward and back", () => {
    const noon = (day: string) => new Date(`${day}T12:00:00Z`);
    expect(iso(today("Europe/Berlin", noon("2026-03-29")))[0]).toBe("2026-03-28T23:00:00.000Z");
    expect(iso(today("Europe/Berlin", noon("2026-10-25")))[0]).toBe("2026-10-24T22:00:00.000Z");
  });

  test("where midnight is skipped, with the first moment that exists", () => {
    // Beirut went from 23:59:59 to 01:00 on 27 March 2022.
    const day = today("Asia/Beirut", new Date("2022-03-27T12:00:00Z"));
    expect(iso(day)[0]).toBe("2022-03-26T22:00:00.000Z");
  });
});

test("months", () => {
  expect(iso(monthToDate("UTC", at))).toEqual(["2026-11-01T00:00:00.000Z", at.toISOString()]);
  expect(iso(monthToDate("Asia/Tokyo", new Date("2026-10-31T16:00:00Z")))[0]).toBe(
    "2026-10-31T15:00:00.000Z",
  );
  expect(iso(wholeMonth(2026, 12, "America/New_York"))).toEqual([
    "2026-12-01T05:00:00.000Z",
    "2027-01-01T05:00:00.000Z",
  ]);
  // November begins in summer time and ends in winter time.
  expect(iso(wholeMonth(2026, 11, "America/New_York"))).toEqual([
    "2026-11-01T04:00:00.000Z",
    "2026-12-01T05:00:00.000Z",
  ]);
});
