import Anthropic from "@anthropic-ai/sdk";
import { ApiError, FunctionCallingConfigMode } from "@google/genai";
import { APIError, toFile } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import {
  API_KEY,
  billed,
  blockedBy,
  GATEWAY,
  openGateway,
  quietly,
  refusing,
  withGoogle,
} from "./gateway-support.ts";
import { API_KEY_ID, ORGANIZATION } from "./support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

const line = async (marker: string) => (await provider.when({ ended: 1, contains: marker }))[0];

/** The classes and units of an event, as the bill has them. */
function used(event: Record<string, unknown>): Record<string, number> {
  const classes = Object.entries((event.classes ?? {}) as Record<string, number>);
  const units = event.units === undefined ? [] : [[event.unit_type, event.units]];
  return Object.fromEntries([...classes.filter(([, count]) => count > 0), ...units]);
}

describe("Anthropic", () => {
  const ask = (content: string, more: object = {}) => ({
    model: "claude-sonnet-4-5",
    max_tokens: 300,
    messages: [{ role: "user" as const, content }],
    ...more,
  });

  test("a message is reserved and settled as the provider bills it", async () => {
    const gateway = openGateway(provider);
    const { data, response } = await quietly(() =>
      gateway
        .anthropic()
        .messages.create(
          ask("a-plain [[fake input=900 cached=300 cache_write=200 cache_write_1h=100 output=40]]"),
        )
        .withResponse(),
    );

    const [event] = gateway.settled();
    expect(gateway.reserved()).toMatchObject([
      { provider: "anthropic", max_output_tokens: 300, operation: "messages" },
    ]);
    expect(event).toMatchObject({
      organization_id: ORGANIZATION,
      api_key_id: API_KEY_ID,
      provider: "anthropic",
      model: data.model,
      status: "success",
      is_estimated: false,
    });
    expect(used(event)).toEqual(billed(await line("a-plain")));
    expect(response.headers.get("x-tally-cost-usd")).toBe("0.00001230");
    // The version that the SDK speaks.
    expect((await line("a-plain"))?.headers["anthropic-version"]).toMatch(/^\d{4}-\d\d-\d\d$/);
  });

  test("a stream, tools, and the fast mode", async () => {
    const gateway = openGateway(provider);
    const tool = { name: "look_up", input_schema: { type: "object" as const } };
    const message = await quietly(() =>
      gateway
        .anthropic()
        .messages.stream(
          ask("a-tool [[fake tool_call split=9 gzip]]", { tools: [tool], speed: "fast" }),
        )
        .finalMessage(),
    );

    expect(message.content[0]).toMatchObject({ type: "tool_use", name: "look_up" });
    expect(gateway.reserved()).toMatchObject([{ service_tier: "fast" }]);
    expect(gateway.settled()).toMatchObject([{ status: "success", is_estimated: false }]);
    expect(used(gateway.settled()[0])).toEqual(billed(await line("a-tool")));
  });

  test("a limit is put where there is none, and counting is free", async () => {
    const gateway = openGateway(provider);
    const { max_tokens: _, ...request } = ask("a-limit");
    const counted = await quietly(async () => {
      await gateway.anthropic().messages.create(request as never);
      return gateway.anthropic().messages.countTokens(request);
    });

    expect(counted.input_tokens).toBeGreaterThan(0);
    expect((await line("a-limit"))?.body).toMatchObject({ max_tokens: 4096 });
    expect(gateway.settled()).toHaveLength(1);
    expect(gateway.admissions()[1]).toMatchObject({ is_free: true });
  });

  test("a refusal and a provider's error are the SDK's own errors", async () => {
    const refused = openGateway(provider, { answers: refusing() });
    const failing = openGateway(provider);
    const thrown = (work: Promise<unknown>) =>
      quietly(() => work.catch((error: unknown) => error)) as Promise<
        InstanceType<typeof Anthropic.APIError>
      >;

    const refusal = await thrown(refused.anthropic().messages.create(ask("a-refused")));
    expect(refusal).toBeInstanceOf(Anthropic.APIError);
    expect(refusal.status).toBe(402);
    expect(refusal.error).toMatchObject({
      type: "error",
      error: { type: "billing_error", code: "PT402", quota: blockedBy },
    });
    expect(refusal.message).toContain("2026-11-24");
    expect(provider.requests("a-refused")).toEqual([]);
    const limited = await thrown(
      failing.anthropic().messages.create(ask("a-limited [[fake status=429]]")),
    );
    expect(limited).toBeInstanceOf(Anthropic.RateLimitError);
    expect(failing.released()).toBe(1);
  });
});

describe("Google", () => {
  const model = "gemini-2.5-flash";

  test("content, streamed content, tools: as the provider bills it", async () => {
    const gateway = openGateway(provider);
    const tools = [{ functionDeclarations: [{ name: "look_up" }] }];
    const [answer, pieces, called] = await quietly(() =>
      withGoogle(gateway, async (google) => {
        const plain = await google.models.generateContent({
          model,
          contents: "g-plain [[fake reasoning=7 cached=2]]",
        });
        const stream = await google.models.generateContentStream({
          model,
          contents: "g-stream [[fake words=9 unicode split=5]]",
          config: { maxOutputTokens: 50 },
        });
        const seen: string[] = [];
        for await (const chunk of stream) seen.push(chunk.text ?? "");
        const tool = await google.models.generateContent({
          model,
          contents: "g-tool [[fake tool_call]]",
          config: {
            tools,
            toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } },
          },
        });
        return [plain, seen, tool] as const;
      }),
    );

    expect(answer.text).toBeTypeOf("string");
    expect(pieces.join("")).toContain("🚀");
    expect(called.functionCalls?.[0]?.name).toBe("look_up");
    expect(gateway.reserved().map((request) => request.max_output_tokens)).toEqual([
      4096, 50, 4096,
    ]);
    for (const [index, marker] of ["g-plain", "g-stream", "g-tool"].entries()) {
      const event = gateway.settled()[index];
      expect(event).toMatchObject({ provider: "google", model, is_estimated: false });
      expect(used(event)).toEqual(billed(await line(marker)));
    }
    expect((await line("g-plain"))?.body).toMatchObject({
      generationConfig: { maxOutputTokens: 4096 },
    });
  });

  test("a stream without events is one JSON array, metered as it passes", async () => {
    const gateway = openGateway(provider);
    const response = await quietly(async () => {
      const answer = await gateway.answer(
        new Request(`${GATEWAY}/google/v1beta/models/${model}:streamGenerateContent`, {
          method: "POST",
          headers: { "x-goog-api-key": `tally_${"k".repeat(43)}` },
          body: JSON.stringify({
            contents: [{ parts: [{ text: "g-array [[fake words=6 unicode split=3]]" }] }],
          }),
        }),
      );
      return { type: answer.headers.get("content-type"), chunks: await answer.json() };
    });

    expect(response.type).toContain("application/json");
    expect(response.chunks).toHaveLength(7);
    expect(gateway.settled()).toMatchObject([{ status: "success", is_estimated: false }]);
    expect(used(gateway.settled()[0])).toEqual(billed(await line("g-array")));
  });

  test("embeddings are estimated, for Google states no usage; counting is free", async () => {
    const gateway = openGateway(provider);
    await quietly(() =>
      withGoogle(gateway, async (google) => {
        await google.models.embedContent({
          model: "gemini-embedding-001",
          contents: ["g-embed one two", "three four"],
        });
        await google.models.countTokens({ model, contents: "g-count" });
      }),
    );

    expect(gateway.reserved()[0]).toMatchObject({ max_output_tokens: 0 });
    expect(gateway.settled()).toMatchObject([
      { model: "gemini-embedding-001", is_estimated: true, output_tokens: 0 },
    ]);
    expect(gateway.settled()[0].input_tokens).toBeGreaterThanOrEqual(5);
    expect(gateway.admissions()[1]).toMatchObject({ is_free: true });
  });

  for (const [what, more] of [
    ["generation_config", { generationConfig: {}, generation_config: { maxOutputTokens: 1 } }],
    ["max_output_tokens", { generationConfig: { maxOutputTokens: 1, max_output_tokens: 9_999 } }],
    ["candidate_count", { generation_config: { candidateCount: 1, candidate_count: 8 } }],
  ] as const) {
    test(`${what} in both spellings has no bound, and is refused`, async () => {
      const gateway = openGateway(provider);
      const request = new Request(
        `${GATEWAY}/google/v1beta/models/gemini-2.5-flash:generateContent`,
        {
          method: "POST",
          headers: { "x-goog-api-key": API_KEY },
          body: JSON.stringify({ contents: [{ parts: [{ text: "two" }] }], ...more }),
        },
      );

      const response = await quietly(() => gateway.answer(request));
      expect(response.status).toBe(400);
      expect(await response.text()).toContain(`${what} must not stand beside`);
      expect(gateway.reserved()).toEqual([]);
    });
  }

  test("other versions of the API take the place of the configured one", async () => {
    const urls: string[] = [];
    const gateway = openGateway(provider, {
      fetch: async (input) => {
        urls.push(String(input));
        return Response.json({ error: {} }, { status: 500 });
      },
    });
    for (const version of ["v1", "v1beta", "v1alpha"]) {
      const url = `${GATEWAY}/google/${version}/models/m:generateContent?key=x`;
      const headers = { "x-goog-api-key": `tally_${"k".repeat(43)}` };
      const body = JSON.stringify({ contents: [{}] });
      await quietly(() => gateway.answer(new Request(url, { method: "POST", headers, body })));
    }

    expect(urls).toEqual(
      ["v1", "v1beta", "v1alpha"].map(
        (version) => `${provider.url}/google/${version}/models/m:generateContent`,
      ),
    );
  });

  test("a refusal is the SDK's own error", async () => {
    const gateway = openGateway(provider, { answers: refusing() });
    const error = await quietly(() =>
      withGoogle(gateway, (google) =>
        google.models
          .generateContent({ model, contents: "g-refused" })
          .catch((thrown: unknown) => thrown),
      ),
    );

    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).status).toBe(402);
    const { error: wire } = JSON.parse((error as ApiError).message);
    expect(wire).toMatchObject({
      code: 402,
      status: "RESOURCE_EXHAUSTED",
      details: [{ reason: "PT402", quota: blockedBy }],
    });
    expect(provider.requests("g-refused")).toEqual([]);
  });
});

describe("xAI", () => {
  test("chat, streamed with the usage that it always sends, and responses", async () => {
    const gateway = openGateway(provider);
    const messages = [{ role: "user" as const, content: "x-chat [[fake reasoning=11 words=5]]" }];
    const chunks = await quietly(async () => {
      const seen = [];
      const stream = await gateway
        .xai()
        .chat.completions.create({ model: "grok-4", messages, stream: true });
      for await (const chunk of stream) seen.push(chunk);
      await gateway.xai().responses.create({ model: "grok-4", input: "x-responses" });
      return seen;
    });

    expect(chunks.at(-1)?.usage?.total_tokens).toBeGreaterThan(0);
    expect((await line("x-chat"))?.body).not.toHaveProperty("stream_options");
    for (const [index, marker] of ["x-chat", "x-responses"].entries()) {
      const event = gateway.settled()[index];
      expect(event).toMatchObject({ provider: "xai", model: "grok-4", is_estimated: false });
      expect(used(event)).toEqual(billed(await line(marker)));
    }
  });

  test("images by the piece", async () => {
    const gateway = openGateway(provider);
    await quietly(() =>
      gateway.xai().images.generate({ model: "grok-imagine-image", prompt: "x-image", n: 3 }),
    );

    expect(gateway.reserved()).toMatchObject([{ units: 3, unit_type: "image" }]);
    expect(gateway.reserved()[0]).not.toHaveProperty("input_tokens");
    expect(used(gateway.settled()[0])).toEqual(billed(await line("x-image")));
  });

  for (const [model, more, unit_type] of [
    ["grok-imagine-image-quality", { resolution: "2k" }, "image_standard_2k"],
    ["grok-imagine-image-2.0", { resolution: "1.5k" }, "image_low_1_5k"],
    ["grok-imagine-image-2.0", { quality: "medium" }, "image_medium_1k"],
    ["grok-imagine-image-2.0", {}, "image"],
  ] as const) {
    test(`an image of ${model} ${JSON.stringify(more)} has the price of ${unit_type}`, async () => {
      const gateway = openGateway(provider);
      await quietly(() =>
        gateway.xai().images.generate({ model, prompt: "x-sized", ...more } as never),
      );

      expect(gateway.reserved()).toMatchObject([{ units: 1, unit_type }]);
      expect(gateway.settled()).toMatchObject([{ units: 1, unit_type }]);
    });
  }

  test("a refusal carries its words where the SDK looks for them", async () => {
    const gateway = openGateway(provider, { answers: refusing() });
    const messages = [{ role: "user" as const, content: "x-refused" }];
    const error = await quietly(() =>
      gateway
        .xai()
        .chat.completions.create({ model: "grok-4", messages })
        .catch((thrown: unknown) => thrown),
    );

    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({
      status: 402,
      message: expect.stringContaining("0.0000002 of 1"),
    });
  });
});

describe("OpenAI beside chat", () => {
  test("responses: whole, streamed, cut at their limit", async () => {
    const gateway = openGateway(provider);
    await quietly(async () => {
      const openai = gateway.openai();
      await openai.responses.create({ model: "gpt-5", input: "r-plain [[fake reasoning=30]]" });
      const stream = await openai.responses.create({
        model: "gpt-5",
        input: "r-stream [[fake words=40 web_search=2]]",
        max_output_tokens: 20,
        stream: true,
      });
      const types = [];
      for await (const event of stream) types.push(event.type);
      expect(types.at(-1)).toBe("response.incomplete");
    });

    expect(gateway.reserved().map((request) => request.max_output_tokens)).toEqual([4096, 20]);
    for (const [index, marker] of ["r-plain", "r-stream"].entries()) {
      expect(gateway.settled()[index]).toMatchObject({ status: "success", is_estimated: false });
      expect(used(gateway.settled()[index])).toEqual(billed(await line(marker)));
    }
  });

  test("a conversation that the provider keeps is bounded by what a model can read", async () => {
    const gateway = openGateway(provider, { env: { TALLY_STORED_CONTEXT_TOKENS: "5000" } });
    await quietly(() =>
      gateway
        .openai()
        .responses.create({ model: "gpt-5", input: "r-kept", previous_response_id: "resp_1" }),
    );

    expect(gateway.reserved()[0].input_tokens).toBeGreaterThan(5000);
    expect(gateway.settledMore()[0]).not.toHaveProperty("counted_tokens");
  });

  test("what is fetched later could not be metered", async () => {
    const gateway = openGateway(provider);
    const request = { model: "gpt-5", input: "r-later", background: true };

    await expect(quietly(() => gateway.openai().responses.create(request))).rejects.toMatchObject({
      status: 400,
      param: "background",
    });
    expect(provider.requests("r-later")).toEqual([]);
  });

  test("a response that used another model's tokens is two events of one transaction", async () => {
    const usage = { input_tokens: 10, output_tokens: 5, total_tokens: 15 };
    const tool = { type: "image_generation", model: "gpt-image-1" };
    const gateway = openGateway(provider, {
      fetch: async () =>
        Response.json({
          object: "response",
          model: "gpt-5",
          output: [],
          usage,
          tools: [tool],
          tool_usage: { image_gen: { input_tokens: 3, output_tokens: 272, total_tokens: 275 } },
        }),
    });
    await quietly(() => gateway.openai().responses.create({ model: "gpt-5", input: "draw" }));

    const [event] = gateway.settled();
    const [{ others }] = gateway.settledMore();
    expect(event).toMatchObject({ model: "gpt-5", output_tokens: 5 });
    expect(others).toMatchObject([
      { model: "gpt-image-1", output_tokens: 272, organization_id: ORGANIZATION },
    ]);
    expect(others[0].id).not.toBe(event.id);
  });

  test("embeddings cost what they read", async () => {
    const gateway = openGateway(provider);
    await quietly(() =>
      gateway
        .openai()
        .embeddings.create({ model: "text-embedding-3-small", input: ["e-one two", "three"] }),
    );

    expect(gateway.reserved()).toMatchObject([{ max_output_tokens: 0, operation: "embeddings" }]);
    expect(used(gateway.settled()[0])).toEqual(billed(await line("e-one")));
  });

  test("images by tokens, streamed and whole, and by the piece at the price of their size", async () => {
    const gateway = openGateway(provider);
    await quietly(async () => {
      const { images } = gateway.openai();
      await images.generate({ model: "gpt-image-1", prompt: "i-tokens", n: 2, quality: "low" });
      const stream = await images.generate({
        model: "gpt-image-1",
        prompt: "i-stream",
        stream: true,
        partial_images: 1,
      });
      for await (const _ of stream);
      await images.generate({
        model: "dall-e-3",
        prompt: "i-piece",
        size: "1792x1024",
        quality: "hd",
      });
    });

    const [tokens, stream, piece] = gateway.reserved();
    expect(tokens.max_output_tokens).toBe(2 * 408);
    expect(stream.max_output_tokens).toBe(6240 + 100);
    expect(gateway.admissions()[0].classes).toBe("output_image");
    expect(piece).toMatchObject({ units: 1, unit_type: "image_hd_1792x1024" });
    expect(used(gateway.settled()[0])).toEqual(billed(await line("i-tokens")));
    expect(used(gateway.settled()[1])).toEqual(billed(await line("i-stream")));
    expect(gateway.settled()[2]).toMatchObject({ units: 1, unit_type: "image_hd_1792x1024" });
  });

  for (const [more, unit_type] of [
    [{ size: "1792x1024", quality: "auto" }, "image_standard_1792x1024"],
    [{ quality: "auto" }, "image"],
    [{ size: "auto", quality: "auto" }, "image"],
  ] as const) {
    test(`what is left to the API of ${JSON.stringify(more)} is its default`, async () => {
      const gateway = openGateway(provider);
      await quietly(() =>
        gateway.openai().images.generate({ model: "dall-e-3", prompt: "i-auto", ...more }),
      );

      expect(gateway.reserved()).toMatchObject([{ units: 1, unit_type }]);
      expect(gateway.settled()).toMatchObject([{ units: 1, unit_type }]);
    });
  }

  test("an image to edit arrives whole, and its tokens are held and billed", async () => {
    const gateway = openGateway(provider);
    const image = await toFile(Buffer.alloc(50_000, 13), "picture.png", { type: "image/png" });
    await quietly(() =>
      gateway.openai().images.edit({ model: "gpt-image-1", image, prompt: "i-edit" }),
    );

    expect((await line("i-edit"))?.body).toMatchObject({
      image: { filename: "picture.png", size: 50_000 },
    });
    expect(gateway.reserved()[0].input_tokens).toBeGreaterThan(6_500);
    expect(used(gateway.settled()[0])).toEqual(billed(await line("i-edit")));
  });

  test("speech: by characters, by tokens as an estimate, and exactly where it says so", async () => {
    const gateway = openGateway(provider);
    const sizes = await quietly(async () => {
      const { speech } = gateway.openai().audio;
      const voice = "alloy" as const;
      const sizeOf = async (input: string, model: string) =>
        (await (await speech.create({ model, voice, input })).arrayBuffer()).byteLength;
      const sizes = [
        await sizeOf("s-characters ü🚀", "tts-1"),
        await sizeOf("s-tokens", "gpt-4o-mini-tts"),
      ];
      const events = await speech.create({
        model: "gpt-4o-mini-tts",
        voice,
        input: "s-events",
        stream_format: "sse",
      });
      await events.text();
      return sizes;
    });

    expect(sizes).toEqual([15 * 400, 8 * 400]);
    expect(gateway.reserved()[0]).toMatchObject({ units: 15, unit_type: "character" });
    const [characters, estimate, exact] = gateway.settled();
    expect(characters).toMatchObject({ units: 15, is_estimated: false, status: "success" });
    expect(estimate).toMatchObject({ is_estimated: true, status: "success" });
    expect(used(estimate).output_audio).toBe(12);
    expect(exact).toMatchObject({ is_estimated: false });
    expect(used(exact)).toEqual(billed(await line("s-events")));
  });

  test("a recording is held by its size and billed by what the provider heard", async () => {
    const gateway = openGateway(provider);
    const file = await toFile(Buffer.alloc(48_000, 1), "talk.mp3", { type: "audio/mpeg" });
    const texts = await quietly(async () => {
      const { transcriptions } = gateway.openai().audio;
      const whisper = await transcriptions.create({ model: "whisper-1", file, prompt: "t-one" });
      const stream = await transcriptions.create({
        model: "gpt-4o-transcribe",
        file,
        prompt: "t-two",
        stream: true,
      });
      const types = [];
      for await (const event of stream) types.push(event.type);
      const plain = await transcriptions.create({
        model: "whisper-1",
        file,
        response_format: "text",
        prompt: "t-three",
      });
      return [whisper.text, types.at(-1), plain];
    });

    expect(texts[1]).toBe("transcript.text.done");
    expect(String(texts[2])).toBeTypeOf("string");
    expect(gateway.reserved()[0]).toMatchObject({ units: 48, unit_type: "second" });
    expect(gateway.reserved()[1].input_tokens).toBeGreaterThan(480);
    expect(used(gateway.settled()[0])).toEqual(billed(await line("t-one")));
    expect(used(gateway.settled()[1])).toEqual(billed(await line("t-two")));
    // Plain text says nothing: 48,000 bytes are three seconds at 128 kbit/s.
    expect(gateway.settled()[2]).toMatchObject({ units: 3, is_estimated: true });
  });

  test("a form that is none is refused, as is JSON where a form belongs", async () => {
    const gateway = openGateway(provider);
    const send = async (contentType: string, body: string) => {
      const response = await quietly(() =>
        gateway.answer(
          new Request(`${GATEWAY}/openai/v1/audio/transcriptions`, {
            method: "POST",
            headers: {
              authorization: `Bearer tally_${"k".repeat(43)}`,
              "content-type": contentType,
            },
            body,
          }),
        ),
      );
      const { error } = (await response.json()) as { error: { param: unknown } };
      return [response.status, error.param];
    };

    expect(await send("multipart/form-data; boundary=x", "--x\r\nnothing")).toEqual([
      400,
      "content-type",
    ]);
    expect(await send("multipart/form-data", "--x--")).toEqual([400, "content-type"]);
    expect(await send("application/json", "{}")).toEqual([400, "content-type"]);
    const empty =
      '--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--x--\r\n';
    expect(await send("multipart/form-data; boundary=x", empty)).toEqual([400, "file"]);
  });

  test("lists of models are free; other paths only where the operator allows them", async () => {
    const open = openGateway(provider, {
      env: { TALLY_GATEWAY_FREE_PATHS: "openai GET /files*, openai POST /moderations" },
      fetch: async (input, init) =>
        String(input).includes("/models") ? fetch(input, init) : Response.json({ ok: true }),
    });
    const closed = openGateway(provider);
    const models = await quietly(() => open.openai().models.list());

    expect(models.data.map(({ id }) => id)).toContain("gpt-5");
    expect(open.admissions()).toMatchObject([{ is_free: true }]);
    expect(open.settled()).toEqual([]);
    await quietly(() => open.openai().files.retrieve("file-1"));
    await quietly(() => open.openai().moderations.create({ input: "words" }));
    await expect(quietly(() => closed.openai().files.retrieve("file-1"))).rejects.toMatchObject({
      status: 404,
    });
    const url = `${GATEWAY}/openai/v1/files/..%2fresponses`;
    const request = new Request(url, { headers: { authorization: `Bearer tally_x` } });
    expect((await quietly(() => open.answer(request))).status).toBe(404);
  });

  test("a model in a path may hold a slash, but leads nowhere else", async () => {
    const sent: string[] = [];
    const gateway = openGateway(provider, {
      fetch: async (input) => {
        sent.push(String(input));
        return Response.json({});
      },
    });
    const statuses: number[] = [];
    for (const model of ["meta%2Fllama", "..%2Ffiles", "x%2f%252e%252e%252ffiles", "x%5c..%5cy"]) {
      const request = new Request(`${GATEWAY}/openai/v1/models/${model}`, {
        headers: { authorization: `Bearer ${API_KEY}` },
      });
      statuses.push((await quietly(() => gateway.answer(request))).status);
    }

    expect(statuses).toEqual([200, 400, 400, 400]);
    expect(sent).toEqual([`${provider.url}/openai/v1/models/meta%2Fllama`]);
  });
});
