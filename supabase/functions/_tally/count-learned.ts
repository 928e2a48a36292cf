import { type Database, onlyRow } from "./database.ts";

/** Factors move slowly: a fold of new samples changes the hundredth of a percentile. */
const REMEMBER_MS = 60_000;
/** Ids come from callers, so what is remembered of them is bounded. */
const MOST = 1_000;

/** The factors learned from settled calls, read from the database once a minute for a model. */
export class LearnedFactors {
  readonly #known = new Map<string, { factor: number | null; until: number }>();

  /**
   * The factor for a model; null where none is learned yet.
   *
   * @param now milliseconds since 1970
   */
  async read(
    database: Database,
    provider: string,
    model: string,
    now: number,
  ): Promise<number | null> {
    const key = JSON.stringify([provider, model]);
    const known = this.#known.get(key);
    if (known !== undefined && known.until > now) return known.factor;
    const rows = await database.query<{ factor: number | null }>(
      "select tally.token_factor($1, $2)::float8 as factor",
      [provider, model],
    );
    const { factor } = onlyRow(rows);
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(key, { factor, until: now + REMEMBER_MS });
    return factor;
  }
}
