import { waitForUpdate } from "@pydantic/genai-prices";
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addDecimal } from "../../packages/cli/src/prices/decimal.ts";
import { providerName } from "../../packages/cli/src/prices/read-catalogue.ts";
import { DEVIATIONS } from "../prices/support/deviations.ts";
import { type Call, createPricer, shippedBook } from "../prices/support/price-usage.ts";
import { catalogueCost, randomClasses } from "../support/catalogue.ts";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { openLedger } from "./support/open-ledger.ts";
import { cardName, priceInDatabase } from "./support/price-in-database.ts";
import { createCallMaker } from "./support/random-call.ts";

const CALLS_PER_CARD = 10;
const CALLS_PER_MODEL = 16;
const BATCH = 500;

const seed = Number(process.env.TALLY_SEED ?? Math.floor(Math.random() * 2 ** 32));
const book = shippedBook();
const pricer = createPricer(book);
const inputs = new Set(book.classes.filter((row) => row.kind === "input").map((row) => row.class));

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: 1, onnotice: () => undefined });
});

afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** Differences as text, at most a few: a failure shall be readable. */
function report(call: Call, ours: unknown, theirs: unknown): string {
  return `${JSON.stringify(call)}: ${ours} in the database, ${theirs} expected`;
}

describe(`random usage priced in the database (TALLY_SEED=${seed})`, () => {
  const random = seededRandom(seed);
  const makeCall = createCallMaker(book, pricer, random);
  const calls = book.cards.flatMap((card) =>
    Array.from({ length: CALLS_PER_CARD }, () => ({ card, call: makeCall(card) })),
  );
  const expected = calls.map(({ call }) => pricer.priceOf(call));

  test("every card of the book prices its calls, to the last decimal", async () => {
    const prices = await priceInDatabase(
      sql,
      calls.map(({ call }) => call),
      inputs,
    );
    const wrong = calls.flatMap(({ card, call }, place) => {
      const { cost, card: used } = prices[place] ?? {};
      const isRight = cost === expected[place] && used === cardName(card);
      return isRight
        ? []
        : [report(call, `${cost} by ${used}`, `${expected[place]} by ${cardName(card)}`)];
    });
    expect(calls.length).toBeGreaterThan(20_000);
    expect(expected.filter((cost) => cost === null).length).toBeGreaterThan(100);
    expect(wrong.slice(0, 10)).toEqual([]);
  });

  test("recorded in batches they cost the same, and the summary adds up exactly", async () => {
    const organizationId = await openLedger(sql);
    const events = calls.map(({ call: { at, ...call } }, place) => ({
      ...call,
      organization_id: organizationId,
      created_at: at,
      session_id: String(place),
    }));
    for (let start = 0; start < events.length; start += BATCH) {
      const batch = events.slice(start, start + BATCH);
      const [row] = await sql`
        select public.track_usage_batch(${JSON.stringify(batch)}::text::jsonb) as answer`;
      expect(row?.answer).toEqual({ recorded: batch.length, duplicates: 0, rejected: [] });
    }
    const rows = await sql<{ place: number; cost: string | null }[]>`
      select u.session_id::int as place, u.cost_usd::text as cost
      from public.token_usage as u
      where u.organization_id = ${organizationId}`;
    const wrong = rows.flatMap(({ place, cost }) => {
      const call = calls[place]?.call;
      return call && cost !== expected[place] ? [report(call, cost, expected[place])] : [];
    });
    expect(rows.length).toBe(calls.length);
    expect(wrong.slice(0, 10)).toEqual([]);

    const [total] = await sql`
      select trim_scale(sum(s.total_cost_usd))::text as cost
      from public.usage_summary as s
      where s.organization_id = ${organizationId}`;
    expect(total?.cost).toBe(
      expected.reduce<string>((sum, cost) => addDecimal(sum, cost ?? "0"), "0"),
    );
  });

  test("the catalogue's own calculation agrees wherever the book does not deviate", async () => {
    const compared: Call[] = [];
    const theirs: number[] = [];
    for (const provider of (await waitForUpdate()) ?? []) {
      const name = providerName(provider.id);
      for (const model of provider.models) {
        const deviation = DEVIATIONS[`${name}/${model.id}`];
        if (deviation && deviation.only === undefined) continue;
        for (let n = 0; n < CALLS_PER_MODEL; n += 1) {
          const at = new Date(Date.UTC(2025, 0, 1) + Math.floor(random() * 1000 * 86_400) * 1000);
          const card = pricer.cardOf({
            provider: name,
            model: model.id,
            at,
            classes: { input: 1 },
          });
          if (card === null) break;
          const classes = randomClasses(card.rates, random);
          for (const left of deviation?.only ?? []) delete classes[left];
          compared.push({ provider: name, model: model.id, at, classes });
          theirs.push(catalogueCost(provider, model, classes, at));
        }
      }
    }
    const prices = await priceInDatabase(sql, compared, inputs);
    const wrong = compared.flatMap((call, place) => {
      const cost = prices[place]?.cost ?? null;
      const other = theirs[place] ?? Number.NaN;
      const isClose = cost !== null && Math.abs(Number(cost) - other) <= 1e-15 + 1e-9 * other;
      return isClose && cost === pricer.priceOf(call) ? [] : [report(call, cost, other)];
    });
    expect(compared.length).toBeGreaterThan(20_000);
    expect(wrong.slice(0, 10)).toEqual([]);
  });
});
