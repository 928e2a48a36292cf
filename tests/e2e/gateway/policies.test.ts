import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import {
  billOf,
  createOrganization,
  eventsOf,
  marker,
  nextEvent,
  type Organization,
  openHolds,
  sql,
} from "../functions/arrange.ts";
import { openClients, priceOfBill } from "./arrange.ts";

let organization: Organization;
let clients: ReturnType<typeof openClients>;

beforeEach(async () => {
  organization = await createOrganization();
  clients = openClients(organization.apiKey);
});
afterEach(async () => {
  expect(await openHolds(organization.id)).toBe(0);
});
afterAll(() => sql.end());

async function setPolicy(policy: object): Promise<void> {
  await sql`select public.set_gateway_policy(${organization.id}, ${sql.json(policy as never)})`;
}

function ask(content: string, model = "gpt-4o-mini") {
  return { model, messages: [{ role: "user" as const, content }] };
}

test("models beside the list are refused in each provider's shape, before anything is sent", async () => {
  await setPolicy({ allowed_models: ["openai/gpt-4o*"] });
  const mark = marker();

  await clients.openai.chat.completions.create(ask(mark));
  const messages = [{ role: "user" as const, content: mark }];
  const refused = await Promise.allSettled([
    clients.openai.chat.completions.create(ask(mark, "gpt-5")),
    clients.anthropic.messages.create({ model: "claude-sonnet-4-6", max_tokens: 5, messages }),
    clients.google.models.generateContent({ model: "gemini-2.5-flash", contents: mark }),
  ]);
  for (const call of refused) {
    expect(call).toMatchObject({ status: "rejected", reason: { status: 403 } });
  }

  expect(await billOf(mark)).toHaveLength(1);
  // Asking which models there are is no call of one.
  expect((await clients.openai.models.list()).data.length).toBeGreaterThan(0);
});

test("a rate is kept, and says when to come back", async () => {
  await setPolicy({ requests_per_minute: 5 });
  const mark = marker();
  const calls = Array.from({ length: 8 }, () => clients.openai.chat.completions.create(ask(mark)));

  const results = await Promise.allSettled(calls);

  const refused = results.filter((result) => result.status === "rejected");
  expect(refused).toHaveLength(3);
  for (const { reason } of refused) {
    expect(reason).toMatchObject({ status: 429, code: "PT429" });
    const seconds = Number(reason.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(12);
  }
  expect(await billOf(mark, { ended: 5 })).toHaveLength(5);
});

test("one call has a price that it may not exceed", async () => {
  await setPolicy({ max_call_cost: 0.001 });
  const { completions } = clients.openai.chat;

  await completions.create({ ...ask("small"), max_completion_tokens: 100 });
  await expect(
    completions.create({ ...ask("large"), max_completion_tokens: 10_000 }),
  ).rejects.toMatchObject({
    status: 402,
    message: expect.stringContaining("one call may cost 0.001 at most"),
    error: { quota: { reason: "call" } },
  });
  expect(await eventsOf(organization.id)).toHaveLength(1);
});

test("a provider that fails is asked again, and only the answer is metered", async () => {
  await setPolicy({ max_retries: 2 });
  const mark = marker();

  await expect(
    clients.openai.chat.completions.create(ask(`${mark} [[fake status=503 retry_after=0]]`)),
  ).rejects.toMatchObject({ status: 503 });
  expect(await billOf(mark, { ended: 3 })).toHaveLength(3);
  expect(await eventsOf(organization.id)).toEqual([]);
});

test("another model answers in its place, at its own price", async () => {
  await setPolicy({
    max_retries: 1,
    fallback_models: { "no-such-model": "gpt-4o-mini", "gpt-5": "gpt-4o-mini" },
  });
  const mark = marker();
  // The fake provider fails where the request asks for it, so the model that fails is one it lacks.
  await expect(
    clients.openai.chat.completions.create(ask(mark, "no-such-model")),
  ).rejects.toMatchObject({ status: 404 });
  expect(await billOf(mark)).toHaveLength(1);

  const second = marker();
  const wish = `${second} [[fake fail_model=gpt-5]]`;
  const completion = await clients.openai.chat.completions.create(ask(wish, "gpt-5"));

  const lines = await billOf(second, { ended: 3 });
  expect(lines.map(({ model, status }) => [model, status])).toEqual([
    ["gpt-5", 503],
    ["gpt-5", 503],
    ["gpt-4o-mini", 200],
  ]);
  expect(completion.model).toBe("gpt-4o-mini");
  const event = await nextEvent(organization.id);
  expect(event).toMatchObject({
    model: "gpt-4o-mini",
    request_metadata: { fallback_from: "gpt-5", attempts: 3 },
  });
  expect(event.cost_usd).toBe(await priceOfBill(lines.slice(2)));
});
