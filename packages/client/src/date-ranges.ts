import type { DateRange } from "./reports-types.ts";

const dayMs = 86_400_000;

/**
 * The last so many times 24 hours.
 *
 * @param at - Where they end. Default: now.
 *
 * @example
 * ```ts
 * const { data } = await tally.reports.timeseries({ ...lastDays(7), bucket: "day" });
 * ```
 */
export function lastDays(days: number, at: Date = new Date()): DateRange {
  return { startsAt: new Date(at.getTime() - days * dayMs), endsAt: at };
}

/**
 * From midnight of a time zone until now.
 *
 * @param timezone - An IANA name. Default: UTC.
 *
 * @example
 * ```ts
 * const { data } = await tally.reports.totals(today("Asia/Kolkata"));
 * ```
 */
export function today(timezone = "UTC", at: Date = new Date()): DateRange {
  const { year, month, day } = partsIn(timezone, at);
  return { startsAt: startOf(timezone, year, month, day), endsAt: at };
}

/**
 * From the first of the month in a time zone until now.
 *
 * @param timezone - An IANA name. Default: UTC.
 *
 * @example
 * ```ts
 * const { data } = await tally.reports.totals(monthToDate("Europe/Berlin"));
 * ```
 */
export function monthToDate(timezone = "UTC", at: Date = new Date()): DateRange {
  const { year, month } = partsIn(timezone, at);
  return { startsAt: startOf(timezone, year, month, 1), endsAt: at };
}

/**
 * A whole month in a time zone.
 *
 * @param month - 1 for January.
 * @param timezone - An IANA name. Default: UTC.
 *
 * @example
 * ```ts
 * const { data } = await tally.reports.breakdown({ ...wholeMonth(2026, 11), dimension: "model" });
 * ```
 */
export function wholeMonth(year: number, month: number, timezone = "UTC"): DateRange {
  return {
    startsAt: startOf(timezone, year, month, 1),
    endsAt: startOf(timezone, year, month + 1, 1),
  };
}

/** What a clock on the wall shows. */
function partsIn(timezone: string, at: Date) {
  const format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
    timeZone: timezone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const parts = Object.fromEntries(
    format.formatToParts(at).map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
  return { year, month, day, hour, minute, second };
}

/** The first moment of a day in a time zone. A month of 13 is the next year's first. */
function startOf(timezone: string, year: number, month: number, day: number): Date {
  const wall = Date.UTC(year, month - 1, day);
  const offsetAt = (moment: number) => {
    const shown = partsIn(timezone, new Date(moment));
    const { hour, minute, second } = shown;
    return Date.UTC(shown.year, shown.month - 1, shown.day, hour, minute, second) - moment;
  };
  // The offset may change between the guess and the day that is meant, so it is taken once more.
  const guess = wall - offsetAt(wall);
  const moment = wall - offsetAt(guess);
  // Where the clocks skip midnight, the day begins with the change.
  return new Date(offsetAt(moment) === wall - moment ? moment : Math.max(moment, guess));
}
