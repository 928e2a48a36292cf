const TIME =
  /^(\d{4}-\d\d-\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)? ?(?:Z|UTC|([+-])(\d\d)(?::?(\d\d))?)$/i;

/**
 * Reads a time with a zone, in ISO 8601 or as Postgres writes it, to the millisecond and as Postgres
 * reads it: the id of an event and its `created_at` must name the same one.
 *
 * @returns milliseconds since 1970, or null when the text is no such time or lies before 1970
 */
export function parseTime(text: string): number | null {
  const match = TIME.exec(text);
  if (!match) return null;
  const [, day = "", hours, minutes, seconds, decimals, sign, zoneHours, zoneMinutes] = match;
  const midnight = midnightOf(day);
  const hour = Number(hours);
  const minute = Number(minutes);
  const second = Number(seconds ?? 0);
  const offsetHours = Number(zoneHours ?? 0);
  const offsetMinutes = Number(zoneMinutes ?? 0);
  const isInRange =
    hour < 24 && minute < 60 && second < 60 && offsetHours < 16 && offsetMinutes < 60;
  if (!isInRange || midnight === null) return null;
  // Postgres rounds to microseconds first; the ledger then drops what is below a millisecond.
  const fraction = decimals ? Math.floor(Math.round(Number(`0.${decimals}`) * 1e6) / 1000) : 0;
  const offset = (sign === "-" ? -1 : 1) * (offsetHours * 60 + offsetMinutes);
  const time = midnight + ((hour * 60 + minute - offset) * 60 + second) * 1000 + fraction;
  return time >= 0 ? time : null;
}

/** A file has few days and many events. */
const midnights = new Map<string, number | null>();

/** The beginning of a day in UTC; null when there is no such day. */
function midnightOf(day: string): number | null {
  const known = midnights.get(day);
  if (known !== undefined) return known;
  const midnight = Date.UTC(
    Number(day.slice(0, 4)),
    Number(day.slice(5, 7)) - 1,
    Number(day.slice(8)),
  );
  const isDay = new Date(midnight).toISOString().slice(0, 10) === day;
  midnights.set(day, isDay ? midnight : null);
  return isDay ? midnight : null;
}
