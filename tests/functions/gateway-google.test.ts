import { ApiError, FunctionCallingConfigMode } from "@google/genai";
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
  used,
  withGoogle,
} from "./gateway-support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

const line = async (marker: string) => (await provider.when({ ended: 1, contains: marker }))[0];

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
