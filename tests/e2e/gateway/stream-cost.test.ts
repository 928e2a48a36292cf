import { streamText } from "ai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTallybase } from "../../../packages/client/src/index.ts";
import {
  createOrganization,
  marker,
  nextEvent,
  type Organization,
  setDailyQuota,
  sql,
  stack,
} from "../functions/arrange.ts";
import { GATEWAY, openClients } from "./arrange.ts";

let organization: Organization;
let clients: ReturnType<typeof openClients>;

beforeAll(async () => {
  organization = await createOrganization();
  await setDailyQuota(organization.id, 10);
  clients = openClients(organization.apiKey, GATEWAY, { "x-tally-stream-cost": "1" });
});
afterAll(() => sql.end());

const prompt = () => `${marker()} [[fake words=6 unicode]]`;
const words = (text: string) => text.split(" ").length;

test("the comment is what the ledger says, in the provider's stream of every kind", async () => {
  const messages = [{ role: "user", content: prompt() }];
  for (const [path, body] of [
    ["openai/v1/chat/completions", { model: "gpt-4o-mini", messages, stream: true }],
    ["openai/v1/responses", { model: "gpt-5-mini", input: prompt(), stream: true }],
    [
      "anthropic/v1/messages",
      { model: "claude-sonnet-4-6", max_tokens: 50, messages, stream: true },
    ],
    ["xai/v1/chat/completions", { model: "grok-4", messages, stream: true }],
    [
      "google/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
      { contents: [{ parts: [{ text: prompt() }] }] },
    ],
  ] as const) {
    const response = await fetch(`${GATEWAY}/${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${organization.apiKey}`,
        "content-type": "application/json",
        "x-tally-stream-cost": "1",
      },
      body: JSON.stringify(body),
    });
    const [, comment = "null"] = /\n\n: tally (.*)\n\n$/.exec(await response.text()) ?? [];
    const told = JSON.parse(comment);
    const [event] = await sql<{ cost: string }[]>`
      select cost_usd::text as cost from public.token_usage
      where organization_id = ${organization.id} and id = ${told.usage_id}`;
    expect(told).toMatchObject({ cost_usd: event?.cost, remaining: expect.any(String) });
  }
});

test("every SDK reads over the comment", async () => {
  const { openai, anthropic, google, xai, vercel } = clients;
  for (const [client, model] of [
    [openai, "gpt-4o-mini"],
    [xai, "grok-4"],
  ] as const) {
    const messages = [{ role: "user" as const, content: prompt() }];
    const texts: string[] = [];
    for await (const chunk of await client.chat.completions.create({
      model,
      messages,
      stream: true,
    })) {
      texts.push(chunk.choices[0]?.delta.content ?? "");
    }
    expect(words(texts.join(""))).toBe(6);
  }
  const types: string[] = [];
  for await (const { type } of await openai.responses.create({
    model: "gpt-5-mini",
    input: prompt(),
    stream: true,
  })) {
    types.push(type);
  }
  expect(types.at(-1)).toBe("response.completed");
  const message = await anthropic.messages
    .stream({
      model: "claude-sonnet-4-6",
      max_tokens: 50,
      messages: [{ role: "user", content: prompt() }],
    })
    .finalMessage();
  expect(message.stop_reason).toBe("end_turn");
  const texts: string[] = [];
  const request = { model: "gemini-2.5-flash", contents: prompt() };
  for await (const { text } of await google.models.generateContentStream(request)) {
    texts.push(text ?? "");
  }
  expect(words(texts.join(""))).toBe(6);
  for (const model of [
    vercel.openai("gpt-4o-mini"),
    vercel.anthropic("claude-sonnet-4-6"),
    vercel.google("gemini-2.5-flash"),
    vercel.xai("grok-4"),
  ]) {
    const streamed = streamText({ model, prompt: prompt() });
    expect(words(await streamed.text)).toBe(6);
    expect(await streamed.finishReason).toBe("stop");
  }
});

test("a client with an API key learns what its stream cost", async () => {
  const other = await createOrganization();
  const tally = createTallybase({
    url: stack.API_URL,
    key: other.apiKey,
    organizationId: other.id,
  });
  const stream = await tally.executeWithTracking({
    provider: "openai",
    model: "gpt-4o-mini",
    messages: [{ role: "user", content: prompt() }],
    stream: true,
  });
  const { cost, content } = await stream.finalResponse();
  expect(words(content)).toBe(6);
  const event = await nextEvent(other.id);
  expect(cost).toBe(Number(event.cost_usd));
  expect(cost).toBeGreaterThan(0);
});
