import { APIError } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { billed, openGateway, quietly, refusing, used } from "./gateway-support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

const line = async (marker: string) => (await provider.when({ ended: 1, contains: marker }))[0];

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
