import { afterAll, beforeEach, expect, test } from "vitest";
import {
  addMember,
  callFunction,
  createOrganization,
  createUser,
  eventsOf,
  type Organization,
  sql,
  stack,
} from "./arrange.ts";

let organization: Organization;
beforeEach(async () => {
  organization = await createOrganization();
});
afterAll(() => sql.end());

async function track(body: unknown, credential = organization.apiKey) {
  const response = await callFunction("track", credential, body);
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) as Record<string, unknown> };
}

const plain = { provider: "openai", model: "gpt-4o", input_tokens: 1000, output_tokens: 100 };

test("an event is priced and answered as track_usage answers", async () => {
  const { status, body } = await track({ ...plain, tool_name: "summarizer" });

  expect(status).toBe(200);
  expect(body).toEqual({
    id: expect.any(String),
    status: "recorded",
    cost_usd: 0.0035,
    input_tokens: 1000,
    output_tokens: 100,
    total_tokens: 1100,
    price_id: expect.any(Number),
  });
  expect(await eventsOf(organization.id)).toMatchObject([
    { id: body.id, tool_name: "summarizer", cost_usd: "0.0035" },
  ]);
});

test("a replay counts once, another body under the same key is a conflict", async () => {
  const event = { ...plain, idempotency_key: "once" };

  const first = await track(event);
  const second = await track(event);
  const other = await track({ ...event, output_tokens: 101 });

  expect(second.body).toEqual({ ...first.body, status: "duplicate" });
  expect(other).toMatchObject({ status: 409, body: { code: "PT409" } });
  expect(await eventsOf(organization.id)).toHaveLength(1);
});

for (const [provider, response, cost, classes] of [
  [
    "openai",
    {
      model: "gpt-4o",
      usage: {
        prompt_tokens: 2006,
        completion_tokens: 300,
        total_tokens: 2306,
        prompt_tokens_details: { cached_tokens: 1920 },
      },
    },
    "0.005615",
    { input: 86, cache_read: 1920, output: 300 },
  ],
  [
    "anthropic",
    {
      type: "message",
      model: "claude-sonnet-4-5",
      usage: {
        input_tokens: 2095,
        cache_creation_input_tokens: 5000,
        cache_creation: { ephemeral_5m_input_tokens: 3000, ephemeral_1h_input_tokens: 2000 },
        cache_read_input_tokens: 20_000,
        output_tokens: 503,
        server_tool_use: { web_search_requests: 2 },
      },
    },
    "0.06308",
    {
      input: 2095,
      cache_write: 3000,
      cache_write_1h: 2000,
      cache_read: 20_000,
      output: 503,
      web_search: 2,
    },
  ],
  [
    "google",
    {
      modelVersion: "gemini-3-pro-preview",
      usageMetadata: {
        promptTokenCount: 12_000,
        cachedContentTokenCount: 8000,
        toolUsePromptTokenCount: 500,
        candidatesTokenCount: 700,
        thoughtsTokenCount: 1300,
        totalTokenCount: 14_500,
      },
    },
    "0.0346",
    { input: 4500, cache_read: 8000, output: 700, reasoning: 1300 },
  ],
  [
    "xai",
    {
      model: "grok-4.3",
      usage: {
        prompt_tokens: 10_120,
        completion_tokens: 1499,
        total_tokens: 14_428,
        prompt_tokens_details: { cached_tokens: 128 },
        completion_tokens_details: { reasoning_tokens: 2809 },
      },
    },
    "0.0232856",
    { input: 9992, cache_read: 128, output: 1499, reasoning: 2809 },
  ],
] as const) {
  test(`a raw response of ${provider} is split into classes and priced exactly`, async () => {
    expect((await track({ provider, response })).status).toBe(200);

    expect(await eventsOf(organization.id)).toMatchObject([{ cost_usd: cost, classes }]);
  });
}

test("the model that answered is priced, the one asked for is kept", async () => {
  await track({
    provider: "openai",
    model: "gpt-4o",
    response: {
      model: "gpt-4o-mini",
      usage: { prompt_tokens: 1_000_000, completion_tokens: 0, total_tokens: 1_000_000 },
    },
  });

  expect(await eventsOf(organization.id)).toMatchObject([
    { model: "gpt-4o-mini", cost_usd: "0.15", request_metadata: { requested_model: "gpt-4o" } },
  ]);
});

test("money keeps every digit on its way out", async () => {
  const { text } = await track(
    { ...plain, organization_id: organization.id, cost_usd: "0.100000000000000000000001" },
    stack.SECRET_KEY,
  );

  expect(text).toContain('"cost_usd": 0.100000000000000000000001');
});

test("a model without a price is recorded without a cost, never as free", async () => {
  const { status, body } = await track({ ...plain, model: "a-model-without-a-price" });

  expect(status).toBe(200);
  expect(body.cost_usd).toBeNull();
});

test("in a batch good events land and bad ones are named by their place", async () => {
  const { body } = await track({
    events: [
      plain,
      { ...plain, oops: 1 },
      { ...plain, output_tokens: 2 },
      { ...plain, status: "?" },
    ],
  });

  expect(body).toMatchObject({
    recorded: 2,
    duplicates: 0,
    rejected: [
      { index: 1, code: "PT400", message: expect.stringContaining("oops") },
      { index: 3, code: "PT400", message: expect.stringContaining("status") },
    ],
  });
  expect(await eventsOf(organization.id)).toHaveLength(2);
});

test("the transcript of a stream is recorded like the call itself", async () => {
  const transcript = [
    {
      model: "gpt-4o-mini",
      choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }],
    },
    {
      model: "gpt-4o-mini",
      choices: [],
      usage: { prompt_tokens: 1_000_000, completion_tokens: 0, total_tokens: 1_000_000 },
    },
  ].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
  const headers = { "content-type": "text/event-stream", "x-tally-provider": "openai" };

  const response = await callFunction(
    "track",
    organization.apiKey,
    `${transcript.join("")}data: [DONE]\n\n`,
    {
      headers,
    },
  );

  expect(await response.json()).toMatchObject({ status: "recorded", cost_usd: 0.15 });
  expect(await eventsOf(organization.id)).toMatchObject([
    { cost_usd: "0.15", is_estimated: false },
  ]);
});

test("members record where their organization allows it, in their own name", async () => {
  const user = await createUser();
  await addMember(organization.id, user.id);
  const event = { ...plain, organization_id: organization.id };

  const refused = await track(event, user.token);
  await sql`
    update public.organizations set allow_client_tracking = true where id = ${organization.id}`;
  const allowed = await track(event, user.token);

  expect(refused).toMatchObject({ status: 403, body: { code: "PT403" } });
  expect(allowed.status).toBe(200);
  expect(await eventsOf(organization.id)).toMatchObject([{ user_id: user.id }]);
});
