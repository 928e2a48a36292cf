import type OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { API_KEY, ask, GATEWAY, openGateway, quietly, readStream } from "./gateway-support.ts";
import { API_KEY_ID, ORGANIZATION } from "./support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

test("an ordinary call is reserved at its upper bound and settled at what it used", async () => {
  const gateway = openGateway(provider);

  const { data, response } = await quietly(() =>
    gateway
      .openai()
      .chat.completions.create(
        ask("g-plain [[fake answer_model=gpt-4o-mini-2024-07-18]]", { max_tokens: 100, n: 2 }),
      )
      .withResponse(),
  );

  expect(data.choices[0]?.message.content).toBeTypeOf("string");
  expect(gateway.reserved()[0]).toMatchObject({
    organization_id: ORGANIZATION,
    api_key_id: API_KEY_ID,
    provider: "openai",
    model: "gpt-4o-mini",
    max_output_tokens: 200,
    operation: "chat.completions",
  });
  const [event] = gateway.settled();
  expect(event).toMatchObject({
    organization_id: ORGANIZATION,
    api_key_id: API_KEY_ID,
    model: "gpt-4o-mini-2024-07-18",
    request_metadata: { requested_model: "gpt-4o-mini" },
    input_tokens: data.usage?.prompt_tokens,
    output_tokens: data.usage?.completion_tokens,
    status: "success",
    is_estimated: false,
    is_byok: false,
  });
  expect(response.headers.get("x-tally-cost-usd")).toBe("0.00001230");
  expect(response.headers.get("x-tally-usage-id")).toBe(event.id);
  expect(response.headers.get("x-tally-remaining")).toBe("4.5");
  expect(gateway.released()).toBe(0);
});

test("a settled call teaches how the model counts, and what was learned sizes the next hold", async () => {
  const text = "word ".repeat(150);
  const untaught = openGateway(provider);
  await quietly(() => untaught.openai().chat.completions.create(ask(`g-teach ${text}`)));
  const [noted] = untaught.settledMore();
  const taught = openGateway(provider, { answers: { token_factor: () => ({ factor: 1.8 }) } });
  await quietly(() => taught.openai().chat.completions.create(ask(`g-taught ${text}`)));

  const [event] = untaught.settled();
  expect(noted).toMatchObject({ counted_model: "gpt-4o-mini", counted_tokens: expect.any(Number) });
  expect(noted.counted_tokens).toBeGreaterThan(150);
  expect(event.input_tokens).toBeGreaterThan(150);
  expect(taught.reserved()[0].input_tokens).toBeGreaterThan(
    1.5 * untaught.reserved()[0].input_tokens,
  );
});

test("what the policy adds is all that the provider sees beside the caller's own words", async () => {
  const gateway = openGateway(provider, { env: { TALLY_DEFAULT_MAX_OUTPUT_TOKENS: "77" } });
  const request = ask("g-added", { stream: true, stream_options: { include_obfuscation: false } });

  await quietly(async () => {
    const openai = gateway.openai({ "x-tally-tool": "chat", "x-custom": "private" });
    await readStream(openai, request);
  });

  const [line] = await provider.when({ ended: 1, contains: "g-added" });
  expect(line?.body).toEqual({
    ...request,
    max_completion_tokens: 77,
    stream_options: { include_obfuscation: false, include_usage: true },
  });
  expect(Object.keys(line?.headers ?? {})).not.toContain("x-custom");
  expect(JSON.stringify(line?.headers)).not.toContain("tally");
  expect(gateway.reserved()[0].max_output_tokens).toBe(77);
});

test("a stream reaches a caller who did not ask for usage as if we were not there", async () => {
  const gateway = openGateway(provider);
  const options = "[[fake words=12 unicode split=7]]";

  const chunks = await quietly(() => readStream(gateway.openai(), ask(`g-stream ${options}`)));

  expect(JSON.stringify(chunks)).not.toContain("prompt_tokens");
  const [line] = await provider.when({ ended: 1, contains: "g-stream" });
  const [event] = gateway.settled();
  expect(event).toMatchObject({ status: "success", is_estimated: false });
  expect(event.output_tokens).toBe(line?.classes?.output);
});

test("a caller who asked for usage gets it", async () => {
  const gateway = openGateway(provider);
  const request = ask("g-asked", { stream: true, stream_options: { include_usage: true } });

  const chunks = await quietly(() => readStream(gateway.openai(), request));

  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
});

test("what is dearer than text is bounded as such", async () => {
  const gateway = openGateway(provider);
  const audio = { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } };
  const request = {
    model: "gpt-audio",
    modalities: ["text", "audio"],
    messages: [{ role: "user", content: [audio, { type: "text", text: "g-audio" }] }],
  } as OpenAI.ChatCompletionCreateParamsNonStreaming;

  await quietly(() => gateway.openai().chat.completions.create(request));

  expect(gateway.admissions()[0]).toMatchObject({ classes: "input_audio,output_audio" });
});

test("the limit put into a request is never above the model's own", async () => {
  const gateway = openGateway(provider, { env: { TALLY_DEFAULT_MAX_OUTPUT_TOKENS: "50000" } });

  await quietly(() => gateway.openai().chat.completions.create(ask("g-limit")));

  expect(gateway.reserved()[0].max_output_tokens).toBe(16_384);
});

test("large numbers and formatting in a request survive what is added to it", async () => {
  let received = "";
  const gateway = openGateway(provider, {
    fetch: async (_input, init) => {
      received = new TextDecoder().decode(init?.body as Uint8Array);
      return Response.json({ error: {} }, { status: 500 });
    },
  });
  const body =
    '{ "seed": 9007199254740993, "model":"m",\n"messages":[{"role":"user","content":"x"}]}';

  await quietly(() =>
    gateway.answer(
      new Request(`${GATEWAY}/openai/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${API_KEY}` },
        body,
      }),
    ),
  );

  expect(received).toBe(`{"max_completion_tokens":4096,${body.slice(1)}`);
});
