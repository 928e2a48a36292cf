import { expect, test } from "vitest";
import type { ReserveRequest } from "../../supabase/functions/_tally/gateway/ledger.ts";
import { shareTrips } from "../../supabase/functions/_tally/gateway/share-trips.ts";
import { databaseError, fakeDatabase, ORGANIZATION } from "./support.ts";

const request = (more: object = {}): ReserveRequest => ({
  organization_id: ORGANIZATION,
  provider: "openai",
  model: "gpt-4o-mini",
  service_tier: null,
  expires_in: 600,
  ...more,
});

/** A database that admits and settles whatever a trip carries. */
const openDatabase = () =>
  fakeDatabase({
    admit_gateway_call: ({ parameters }) =>
      several(parameters).map(() => ({ answer: { allowed: true, retries: 0 } })),
    settle_gateway_call: ({ parameters }) =>
      several(parameters).map(() => ({ id: "", cost_usd: null, remaining: null, error: null })),
  });

const several = (parameters: unknown[]): unknown[] =>
  parameters.length === 1 ? JSON.parse(String(parameters[0])) : [parameters];

/** How many calls each trip carried. */
const tripsOf = ({ sent }: { sent: { parameters: unknown[] }[] }) =>
  sent.map(({ parameters }) => several(parameters).length);

test("calls of one scope are admitted together, in their order", async () => {
  const database = openDatabase();
  const trips = shareTrips(database);
  await Promise.all(
    [1, 2, 3].map((tokens) => trips.admit(request({ input_tokens: tokens }), { api_key: "k" })),
  );
  expect(tripsOf(database)).toEqual([1, 2]);
  expect(several(database.sent[1]?.parameters ?? [])).toMatchObject([
    [{ input_tokens: 2 }, { api_key: "k" }],
    [{ input_tokens: 3 }, { api_key: "k" }],
  ]);
});

test.each([
  ["of another organization", request({ organization_id: "another" }), { api_key: "k" }],
  ["of another user", request({ user_id: "another" }), { api_key: "k" }],
  ["of another model", request({ model: "gpt-5" }), { api_key: "k" }],
  ["for another tool", request({ tool_name: "search" }), { api_key: "k" }],
  ["with another key", request(), { api_key: "another" }],
  ["with a key of the caller", request(), { api_key: "k", idempotency_key: "once" }],
])("a call %s is admitted by itself", async (_, other, call) => {
  const database = openDatabase();
  const trips = shareTrips(database);
  await Promise.all([
    trips.admit(request(), { api_key: "k" }),
    trips.admit(other, call),
    trips.admit(request(), { api_key: "k" }),
  ]);
  expect(tripsOf(database)).toEqual([1, 1, 1]);
});

test("calls of one organization are settled together, those with a key of the caller alone", async () => {
  const database = openDatabase();
  const trips = shareTrips(database);
  const event = { organization_id: ORGANIZATION };
  await Promise.all([
    ...["a", "b", "c"].map((id) => trips.settle("hold", { ...event, id }, {})),
    trips.settle("hold", { ...event, id: "d", idempotency_key: "once" }, {}),
    trips.settle("hold", { organization_id: "another", id: "e" }, {}),
  ]);
  expect(tripsOf(database)).toEqual([1, 1, 1, 2]);
  expect(several(database.sent[3]?.parameters ?? [])).toMatchObject([
    ["hold", { id: "b" }, {}],
    ["hold", { id: "c" }, {}],
  ]);
});

test("what is wrong with one call is the error of that call alone", async () => {
  const error = { code: "PT400", message: "No.", detail: "input_tokens", hint: "Another." };
  const database = fakeDatabase({
    admit_gateway_calls: () => [{ answer: { error } }, { answer: { allowed: true, retries: 0 } }],
    admit_gateway_call: () => ({ answer: { allowed: true, retries: 0 } }),
    settle_gateway_calls: () => [
      { id: "b", cost_usd: "1", remaining: null, error: null },
      { id: null, cost_usd: null, remaining: null, error },
    ],
    settle_gateway_call: () => ({ id: "a", cost_usd: null, remaining: null }),
  });
  const trips = shareTrips(database);
  const admitted = await Promise.allSettled(
    [1, 2, 3].map(() => trips.admit(request(), { api_key: "k" })),
  );
  expect(admitted).toMatchObject([
    { value: { allowed: true } },
    { reason: { code: "PT400", message: "No.", detail: "input_tokens", hint: "Another." } },
    { value: { allowed: true } },
  ]);
  const settled = await Promise.allSettled(
    ["a", "b", "c"].map((id) => trips.settle("hold", { organization_id: ORGANIZATION, id }, {})),
  );
  expect(settled).toMatchObject([
    { value: { id: "a" } },
    { value: { id: "b", cost_usd: "1", remaining: null } },
    { reason: { code: "PT400" } },
  ]);
  expect(tripsOf(database)).toEqual([1, 2, 1, 2]);
});

test.each([
  ["PT403", [1, 2, 1, 1]],
  ["40P01", [1, 2, 1, 1]],
  ["08006", [1, 2]],
  ["CONNECTION_CLOSED", [1, 2]],
])("after %s a shared admission goes again only where nothing was held", async (code, trips) => {
  let count = 0;
  const database = fakeDatabase({
    admit_gateway_call: ({ parameters }) => {
      if (++count === 2) throw databaseError(code, "no");
      return several(parameters).map(() => ({ answer: { allowed: true, retries: 0 } }));
    },
  });
  const { admit } = shareTrips(database);
  await Promise.allSettled([1, 2, 3].map(() => admit(request(), { api_key: "k" })));
  expect(tripsOf(database)).toEqual(trips);
});
