import { toFile } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { API_KEY, billed, GATEWAY, openGateway, quietly, used } from "./gateway-support.ts";
import { ORGANIZATION } from "./support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

const line = async (marker: string) => (await provider.when({ ended: 1, contains: marker }))[0];

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
