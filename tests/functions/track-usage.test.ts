import { expect, test } from "vitest";
import { handleRequests } from "../../supabase/functions/_tally/handle-request.ts";
import { trackUsage } from "../../supabase/functions/_tally/track-usage.ts";
import {
  API_KEY_ID,
  ENVIRONMENT,
  fakeDatabase,
  keyRow,
  logsOf,
  ORGANIZATION,
  tokenOf,
  USER_ID,
} from "./support.ts";

const API_KEY = { authorization: `Bearer tally_${"k".repeat(43)}` };
const ANSWER = '{"id": "x", "cost_usd": 0.1000000000000000000001}';

function setUp() {
  const database = fakeDatabase({
    verify_api_key: keyRow,
    track_usage_batch: ({ parameters }) => ({
      // Answers like the database: refuses whatever has no model, by its place in what it was given.
      answer: JSON.stringify({
        recorded: 1,
        duplicates: 0,
        rejected: (JSON.parse(String(parameters[0])) as { model?: string }[]).flatMap(
          ({ model }, index) =>
            model ? [] : [{ index, code: "PT400", field: "model", message: "model is missing." }],
        ),
      }),
    }),
    track_usage: () => ({ answer: ANSWER }),
  });
  const answer = handleRequests(
    { name: "track", scope: "track", handle: trackUsage },
    {
      variable: (name) => ENVIRONMENT[name],
      database,
      fetch: async () => Response.json({ id: USER_ID }),
    },
  );
  const post = async (body: unknown, headers: Record<string, string> = API_KEY) => {
    let response = new Response();
    await logsOf(async () => {
      response = await answer(
        new Request("http://functions.invalid/track", {
          method: "POST",
          headers,
          body: JSON.stringify(body),
        }),
      );
    });
    return response;
  };
  const written = () => {
    const last = database.sent.at(-1);
    return last?.statement.includes("track_usage") ? JSON.parse(String(last.parameters[0])) : null;
  };
  return { post, written, database };
}

const plain = { provider: "openai", model: "gpt-4o", input_tokens: 10, output_tokens: 5 };
const response = {
  model: "gpt-4o-2024-08-06",
  service_tier: "default",
  usage: {
    prompt_tokens: 2006,
    completion_tokens: 300,
    total_tokens: 2306,
    prompt_tokens_details: { cached_tokens: 1920 },
  },
};

test("an API key's event belongs to its organization; the answer keeps every digit of the money", async () => {
  const { post, written } = setUp();

  const answer = await post(plain);

  expect(await answer.text()).toBe(ANSWER);
  expect(written()).toEqual({ ...plain, organization_id: ORGANIZATION, api_key_id: API_KEY_ID });
});

test("a provider's response becomes classes, under the model that answered", async () => {
  const { post, written } = setUp();

  await post({
    provider: "openai",
    model: "gpt-4o",
    response,
    request_metadata: { ticket: 7 },
  });

  expect(written()).toMatchObject({
    model: "gpt-4o-2024-08-06",
    service_tier: "standard",
    classes: { input: 86, cache_read: 1920, output: 300 },
    input_tokens: 2006,
    output_tokens: 300,
    request_metadata: { ticket: 7, requested_model: "gpt-4o" },
  });
  expect(written()).not.toHaveProperty("response");
});

test("odd numbers are recorded with what was odd about them", async () => {
  const { post, written } = setUp();
  const usage = { ...response.usage, prompt_tokens_details: { cached_tokens: 9999 } };

  await post({ provider: "openai", model: "gpt-4o", usage });

  expect(written().request_metadata.anomalies).toEqual([expect.stringContaining("negative_rest")]);
});

for (const [what, event, field] of [
  ["a misspelt field", { ...plain, input_token: 3 }, "input_token"],
  ["a fraction of a token", { ...plain, input_tokens: 1.5 }, "input_tokens"],
  ["a negative count", { ...plain, output_tokens: -1 }, "output_tokens"],
  ["a count beyond all numbers", { ...plain, input_tokens: 1e300 }, "input_tokens"],
  ["a negative class", { ...plain, classes: { input: -1 } }, "classes.input"],
  ["a text for a number", { ...plain, duration_ms: "5" }, "duration_ms"],
  ["no provider", { model: "gpt-4o", input_tokens: 1 }, "provider"],
  ["an organization that is no uuid", { ...plain, organization_id: "acme" }, "organization_id"],
  ["usage twice", { provider: "openai", response, usage: response.usage }, "usage"],
  ["usage and counts", { ...plain, response }, "input_tokens"],
  ["a response without usage", { provider: "openai", response: { model: "gpt-4o" } }, "response"],
] as const) {
  test(`${what} is an error that names ${field}, and nothing is written`, async () => {
    const { post, written } = setUp();

    const answer = await post(event);

    expect(answer.status).toBe(400);
    const error = (await answer.json()) as { message: string };
    expect(error).toMatchObject({ code: "PT400", details: field, hint: expect.any(String) });
    expect(error.message).toContain(field);
    expect(written()).toBeNull();
  });
}

for (const [what, more] of [
  ["for another organization", { organization_id: USER_ID }],
  ["in the name of another key", { api_key_id: USER_ID }],
  ["with a cost of its own", { cost_usd: 0 }],
] as const) {
  test(`an API key does not write ${what}`, async () => {
    const { post, written } = setUp();

    expect((await post({ ...plain, ...more })).status).toBe(403);
    expect(written()).toBeNull();
  });
}

test("the service says for whom and, where it knows better, what it cost", async () => {
  const { post, written, database } = setUp();
  const event = { ...plain, organization_id: ORGANIZATION, cost_usd: "0.123456789012345678" };

  await post(event, { apikey: "sb_secret_unit" });

  expect(written()).toEqual(event);
  expect(database.sent.at(-1)).not.toHaveProperty("claims");
});

test("a user's event is written as that user, so that the database decides", async () => {
  const { post, database } = setUp();
  const token = tokenOf({
    sub: USER_ID,
    role: "authenticated",
    exp: Math.floor(Date.now() / 1000) + 60,
  });

  await post({ ...plain, organization_id: ORGANIZATION }, { authorization: `Bearer ${token}` });

  expect(database.sent.at(-1)?.claims).toMatchObject({ sub: USER_ID, role: "authenticated" });
});

test("in a batch the good events land and the bad ones are named by their own place", async () => {
  const { post, written } = setUp();
  const { model: _model, ...modelless } = plain;

  const answer = await post({ events: [{ ...plain, oops: 1 }, plain, modelless, 7] });

  expect(written()).toHaveLength(2);
  expect(await answer.json()).toEqual({
    recorded: 1,
    duplicates: 0,
    rejected: [
      { index: 0, code: "PT400", field: "oops", message: "oops is not a known field." },
      { index: 2, code: "PT400", field: "model", message: "model is missing." },
      { index: 3, code: "PT400", field: null, message: "An event must be a JSON object." },
    ],
  });
});

test("what Postgres cannot keep is named in a batch, and does not spoil it", async () => {
  const { post, written } = setUp();
  const unfit = [
    { ...plain, tool_name: "a\0b" },
    { ...plain, request_metadata: { deep: ["\ud800"] } },
    { provider: "openai", response: { ...response, model: "gpt\0" } },
    { ...plain, request_metadata: { "key\0": 1 } },
  ];
  const fine = { ...plain, tool_name: "😀", request_metadata: { text: "\\u0000" } };

  const answer = await post({ events: [...unfit, fine] });

  expect(written()).toMatchObject([fine]);
  expect((await answer.json()).rejected).toMatchObject([
    { index: 0, code: "PT400", field: "tool_name" },
    { index: 1, code: "PT400", field: "request_metadata" },
    { index: 2, code: "PT400", field: "model" },
    { index: 3, code: "PT400", field: "request_metadata" },
  ]);
});

test("an API key's own organization and id may be written in capitals", async () => {
  const { post, written } = setUp();
  const named = {
    organization_id: ORGANIZATION.toUpperCase(),
    api_key_id: API_KEY_ID.toUpperCase(),
  };

  expect((await post({ ...plain, ...named })).status).toBe(200);
  expect(written()).toMatchObject({ organization_id: ORGANIZATION, api_key_id: API_KEY_ID });
});

test("a batch is a list under events and nothing beside it", async () => {
  const { post } = setUp();

  expect(await (await post({ events: {} })).json()).toMatchObject({ details: "events" });
  expect(await (await post({ events: [], dry_run: true })).json()).toMatchObject({
    details: "dry_run",
  });
});

test("tokens that one call spent on a second model are an event of their own, in the same transaction", async () => {
  const { post, written, database } = setUp();
  const advised = {
    type: "message",
    model: "claude-sonnet-4-5",
    usage: {
      input_tokens: 100,
      output_tokens: 20,
      iterations: [
        { type: "message", input_tokens: 100, output_tokens: 20 },
        { type: "advisor_message", model: "claude-opus-4-6", input_tokens: 50, output_tokens: 5 },
      ],
    },
  };

  await post({ provider: "anthropic", response: advised, idempotency_key: "call-1" });

  expect(written()).toMatchObject([
    { model: "claude-sonnet-4-5", idempotency_key: "call-1" },
    { model: "claude-opus-4-6", idempotency_key: "call-1/1", input_tokens: 50 },
  ]);
  expect(database.sent.filter(({ statement }) => statement.includes("track_usage"))).toHaveLength(
    1,
  );
});
