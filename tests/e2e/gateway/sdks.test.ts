import { APICallError, embed, generateText, jsonSchema, streamText, tool } from "ai";
import { toFile } from "openai";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  billOf,
  createOrganization,
  eventsOf,
  marker,
  nextEvent,
  type Organization,
  openHolds,
  setDailyQuota,
  sql,
} from "../functions/arrange.ts";
import { GATEWAY, openClients, priceOfBill, recordedCost } from "./arrange.ts";

let organization: Organization;
let clients: ReturnType<typeof openClients>;

beforeEach(async () => {
  organization = await createOrganization();
  clients = openClients(organization.apiKey);
});
afterEach(async () => {
  expect(await openHolds(organization.id)).toBe(0);
  expect(await sql`select * from public.verify_ledger(${organization.id})`).toEqual([]);
});
afterAll(() => sql.end());

/** The calls of a marker are over, and recorded at what the provider bills for them. */
async function expectBilled(mark: string, calls = 1): Promise<void> {
  const lines = await billOf(mark, { ended: calls });
  expect(lines).toHaveLength(calls);
  await nextEvent(organization.id, calls);
  expect(await recordedCost(organization.id, "success")).toBe(await priceOfBill(lines));
}

describe("each provider's own SDK, whole and streamed, at the provider's price", () => {
  const wishes = "[[fake input=700 cached=200 words=17 unicode split=13]]";

  test("openai: chat and responses", async () => {
    const mark = marker();
    const messages = [{ role: "user" as const, content: `${mark} ${wishes}` }];
    const { openai } = clients;
    await openai.chat.completions.create({ model: "gpt-4o-mini", messages });
    for await (const _ of await openai.chat.completions.create({
      model: "gpt-4o-mini",
      messages,
      stream: true,
    }));
    await openai.responses.create({ model: "gpt-5", input: `${mark} ${wishes}` });
    for await (const _ of await openai.responses.create({
      model: "gpt-5",
      input: `${mark} ${wishes}`,
      stream: true,
    }));
    await expectBilled(mark, 4);
  });

  test("anthropic", async () => {
    const mark = marker();
    const request = {
      model: "claude-sonnet-4-6",
      max_tokens: 200,
      messages: [{ role: "user" as const, content: `${mark} ${wishes}` }],
    };
    await clients.anthropic.messages.create(request);
    await clients.anthropic.messages.stream(request).finalMessage();
    await expectBilled(mark, 2);
  });

  test("google", async () => {
    const mark = marker();
    const request = { model: "gemini-2.5-flash", contents: `${mark} ${wishes}` };
    await clients.google.models.generateContent(request);
    for await (const _ of await clients.google.models.generateContentStream(request));
    await expectBilled(mark, 2);
  });

  test("xai", async () => {
    const mark = marker();
    const messages = [{ role: "user" as const, content: `${mark} ${wishes}` }];
    await clients.xai.chat.completions.create({ model: "grok-4", messages });
    for await (const _ of await clients.xai.chat.completions.create({
      model: "grok-4",
      messages,
      stream: true,
    }));
    await expectBilled(mark, 2);
  });

  test("what is not text: embeddings, images, speech, transcripts", async () => {
    const mark = marker();
    const { openai, xai } = clients;
    await openai.embeddings.create({ model: "text-embedding-3-small", input: [mark, "more"] });
    await openai.images.generate({ model: "gpt-image-1", prompt: mark, quality: "low" });
    await openai.images.generate({ model: "dall-e-3", prompt: mark });
    await xai.images.generate({ model: "grok-imagine-image", prompt: mark, n: 2 });
    await openai.audio.speech.create({ model: "tts-1", voice: "alloy", input: mark });
    const file = await toFile(Buffer.alloc(100_000, 1), "talk.mp3", { type: "audio/mpeg" });
    await openai.audio.transcriptions.create({ model: "whisper-1", file, prompt: mark });
    await openai.audio.transcriptions.create({ model: "gpt-4o-transcribe", file, prompt: mark });
    await expectBilled(mark, 7);
  });
});

describe("the Vercel AI SDK", () => {
  for (const [name, model] of [
    ["openai", "gpt-4o-mini"],
    ["anthropic", "claude-sonnet-4-6"],
    ["google", "gemini-2.5-flash"],
    ["xai", "grok-4"],
  ] as const) {
    test(`${name}: text, a stream, a tool`, async () => {
      const mark = marker();
      const used = clients.vercel[name](model);
      const lookUp = tool({
        description: "Looks something up",
        inputSchema: jsonSchema<object>({ type: "object", properties: {} }),
        execute: async () => "found",
      });
      const plain = await generateText({ model: used, prompt: `${mark} [[fake words=5]]` });
      expect(plain.text.split(" ")).toHaveLength(5);
      const streamed = streamText({ model: used, prompt: `${mark} [[fake words=6]]` });
      expect((await streamed.text).split(" ")).toHaveLength(6);
      if (name !== "openai" && name !== "xai") {
        const called = await generateText({
          model: used,
          prompt: `${mark} [[fake tool_call]]`,
          tools: { look_up: lookUp },
        });
        expect(called.toolCalls[0]?.toolName).toBe("look_up");
      }
      await expectBilled(mark, name === "openai" || name === "xai" ? 2 : 3);
    });
  }

  test("embeddings, and a tool by chat completions", async () => {
    const mark = marker();
    const { openai } = clients.vercel;
    await embed({ model: openai.embeddingModel("text-embedding-3-small"), value: mark });
    const called = await generateText({
      model: openai.chat("gpt-4o-mini"),
      prompt: `${mark} [[fake tool_call]]`,
      tools: { look_up: tool({ inputSchema: jsonSchema<object>({ type: "object" }) }) },
    });
    expect(called.toolCalls[0]?.toolName).toBe("look_up");
    await expectBilled(mark, 2);
  });

  test("a refusal is its ordinary error, and is not retried", async () => {
    await setDailyQuota(organization.id, 0.000001);
    const mark = marker();
    for (const [name, model] of [
      ["openai", "gpt-4o-mini"],
      ["anthropic", "claude-sonnet-4-6"],
      ["google", "gemini-2.5-flash"],
      ["xai", "grok-4"],
    ] as const) {
      const error = await generateText({ model: clients.vercel[name](model), prompt: mark }).catch(
        (thrown: unknown) => thrown,
      );
      expect(APICallError.isInstance(error), name).toBe(true);
      expect(error).toMatchObject({ statusCode: 402, isRetryable: false });
      expect((error as Error).message).toContain("daily cost_usd quota");
    }
    expect(await billOf(mark, { ended: 0 })).toEqual([]);
  });
});

describe("a caller who leaves", () => {
  const pieces = 6;
  for (const seen of Array.from({ length: pieces }, (_, index) => index)) {
    test(`after ${seen} of ${pieces} pieces pays each provider for what was made`, async () => {
      const mark = marker();
      const wish = `${mark} [[fake words=${pieces} hang_after=${seen}]]`;
      const controllers = Array.from({ length: 4 }, () => new AbortController());
      const [first, second, third, fourth] = controllers as [
        AbortController,
        AbortController,
        AbortController,
        AbortController,
      ];
      const messages = [{ role: "user" as const, content: wish }];
      const streams = await Promise.all([
        clients.openai.responses.create(
          { model: "gpt-5", input: wish, stream: true },
          { signal: first.signal },
        ),
        clients.anthropic.messages.create(
          { model: "claude-sonnet-4-6", max_tokens: 50, messages, stream: true },
          { signal: second.signal },
        ),
        // Google's SDK reads the first piece before it answers.
        fetch(`${GATEWAY}/google/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse`, {
          method: "POST",
          headers: { "x-goog-api-key": organization.apiKey, "content-type": "application/json" },
          body: JSON.stringify({ contents: [{ role: "user", parts: [{ text: wish }] }] }),
          signal: third.signal,
        }),
        clients.xai.chat.completions.create(
          { model: "grok-4", messages, stream: true },
          { signal: fourth.signal },
        ),
      ]);
      expect(streams).toHaveLength(4);
      await billOf(mark, { received: 4 });
      for (const controller of controllers) controller.abort();

      const lines = await billOf(mark, { ended: 4 });
      expect(lines.map(({ outcome }) => outcome)).toEqual(Array(4).fill("aborted"));
      await nextEvent(organization.id, 4);
      for (const event of await eventsOf(organization.id)) {
        const line = lines.find(({ model }) => model === event.model);
        expect(event).toMatchObject({ status: "aborted", is_estimated: true });
        // What had left the provider when we left is counted; it may have been on its way to us.
        expect(event.output_tokens).toBeLessThanOrEqual(pieces);
        expect(event.input_tokens).toBeGreaterThanOrEqual(line?.classes?.input ?? Infinity);
        expect(event.cost_usd).not.toBeNull();
      }
    });
  }
});

describe("what providers do", () => {
  test("slow chunks, huge chunks, gzip, a missing usage chunk", async () => {
    const mark = marker();
    const ask = (wish: string, stream: boolean) => ({
      model: "gpt-4o-mini",
      messages: [{ role: "user" as const, content: `${mark} [[fake ${wish}]]` }],
      max_completion_tokens: 20_000,
      stream,
    });
    const { completions } = clients.openai.chat;
    await completions.create(ask("words=5000 gzip", false));
    for await (const _ of (await completions.create(
      ask("words=8000 split=65536", true),
    )) as AsyncIterable<unknown>);
    for await (const _ of (await completions.create(
      ask("words=5 chunk_delay=40", true),
    )) as AsyncIterable<unknown>);
    await expectBilled(mark, 3);

    for await (const _ of (await completions.create(
      ask("words=9 omit_usage", true),
    )) as AsyncIterable<unknown>);
    const event = await nextEvent(organization.id, 4);
    expect(event).toMatchObject({ status: "success", is_estimated: true, output_tokens: 9 });
  });

  for (const status of [400, 401, 404, 429, 500, 529]) {
    test(`${status} passes untouched through every SDK, and costs nothing`, async () => {
      const wish = `[[fake status=${status} retry_after=1]]`;
      const messages = [{ role: "user" as const, content: wish }];
      const thrown = (work: Promise<unknown>) => work.then(() => null).catch((error) => error);
      const errors = await Promise.all([
        thrown(clients.openai.chat.completions.create({ model: "gpt-4o-mini", messages })),
        thrown(
          clients.anthropic.messages.create({
            model: "claude-sonnet-4-6",
            max_tokens: 9,
            messages,
          }),
        ),
        thrown(
          clients.google.models.generateContent({ model: "gemini-2.5-flash", contents: wish }),
        ),
        thrown(clients.xai.chat.completions.create({ model: "grok-4", messages })),
      ]);
      for (const error of errors) {
        expect(error).toMatchObject({ status });
        expect(error.message).toContain("as asked");
      }
      expect(await eventsOf(organization.id)).toEqual([]);
    });
  }
});
