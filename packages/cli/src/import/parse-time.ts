const TIME =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)? ?(?:(Z|UTC)|([+-])(\d\d)(?::?(\d\d))?)$/i;

/**
 * Reads a time with a zone, in ISO 8601 or as Postgres writes it, to the millisecond and as Postgres
 * reads it: the id of an event and its `created_at` must name the same one.
 *
 * @returns milliseconds since 1970, or null when the text is no such time or lies before 1970
 */
export function parseTime(text: string): number | null {
  const match = TIME.exec(text);
  if (!match) return null;
  const [year, month, day, hour, minute] = match.slice(1, 6).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const second = Number(match[6] ?? 0);
  const offsetHours = Number(match[10] ?? 0);
  const offsetMinutes = Number(match[11] ?? 0);
  const isInRange =
    hour < 24 && minute < 60 && second < 60 && offsetHours < 16 && offsetMinutes < 60;
  const midnight = new Date(Date.UTC(year, month - 1, day));
  if (!isInRange || midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) {
    return null;
  }
  // Postgres rounds to microseconds first; the ledger then drops what is below a millisecond.
  const fraction = Math.floor(Math.round(Number(`0.${match[7] ?? 0}`) * 1e6) / 1000);
  const offset = (match[9] === "-" ? -1 : 1) * (offsetHours * 60 + offsetMinutes);
  const time = midnight.getTime() + ((hour * 60 + minute - offset) * 60 + second) * 1000 + fraction;
  return time >= 0 ? time : null;
}
