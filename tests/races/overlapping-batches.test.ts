import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";
import { type Connection, openConnection } from "./callers/connection.ts";
import { mintId } from "./callers/mint-id.ts";
import { createRandom, type RandomSource, readSeed } from "./callers/random-source.ts";
import { openOrganization } from "./open-organization.ts";

const SENDERS = 32;
const ROUNDS = 8;
const EVENTS = 120;

let database: TestDatabase;
let senders: Connection[];

beforeAll(async () => {
  database = await createDatabase();
  const losses = { count: 0 };
  senders = Array.from({ length: SENDERS }, () => openConnection(database.url, losses));
});

afterAll(async () => {
  await Promise.all(senders.map((sender) => sender.close()));
  await database.drop();
});

interface BatchAnswer {
  recorded: number;
  duplicates: number;
  rejected: unknown[];
}

/** Some of the events, each at least once in a while, in an order of its own. */
function shuffleSome<T>(events: readonly T[], random: RandomSource): T[] {
  return events
    .filter(() => random.chance(0.8))
    .map((event) => ({ event, place: random.fraction() }))
    .sort((a, b) => a.place - b.place)
    .map(({ event }) => event);
}

test("batches that overlap in any order record each event once", async () => {
  const random = createRandom(readSeed());
  const [first] = senders as [Connection, ...Connection[]];
  const { organizationId, event } = await openOrganization(first.sql, { requests: 1e9 });

  for (let round = 0; round < ROUNDS; round += 1) {
    // Named by id, by key, by both; of models that nobody has heard of yet.
    const events = Array.from({ length: EVENTS }, (_, index) =>
      JSON.parse(
        event({
          ...(index % 3 !== 0 && { id: mintId() }),
          ...(index % 3 !== 1 && { idempotency_key: `round ${round} event ${index}` }),
          model: index % 4 === 0 ? `unheard-of-${round}-${random.between(0, 20)}` : "echo",
          input_tokens: index,
          output_tokens: round,
        }),
      ),
    );
    const answers = await Promise.all(
      senders.map(({ ask }) =>
        ask<BatchAnswer>(
          "public.track_usage_batch($1::text::jsonb)",
          JSON.stringify(shuffleSome(events, random)),
        ),
      ),
    );
    expect(answers.flatMap(({ rejected }) => rejected)).toEqual([]);
    expect(answers.reduce((sum, { recorded }) => sum + recorded, 0)).toBe(EVENTS);
  }

  const [row] = await first.sql`
    select count(*)::int as events from public.token_usage where organization_id = ${organizationId}`;
  expect(row?.events).toBe(ROUNDS * EVENTS);
  expect(await first.sql`select * from public.verify_ledger()`).toEqual([]);
  const [{ deadlocks } = {}] = await first.sql`
    select deadlocks::int from pg_stat_database where datname = current_database()`;
  expect(deadlocks).toBe(0);
});
