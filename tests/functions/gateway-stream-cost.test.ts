import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { API_KEY, ask, GATEWAY, openGateway, quietly, readStream } from "./gateway-support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

const ASKS = { "x-tally-stream-cost": "1" };
const TOLD = { cost_usd: "0.00001230", remaining: "4.5" };

/** A streamed call without an SDK: what it receives to the last byte. */
async function receive(
  gateway: ReturnType<typeof openGateway>,
  text: string,
  headers: Record<string, string> = {},
) {
  const response = await gateway.fetch(`${GATEWAY}/openai/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ ...ask(text), stream: true }),
  });
  return { response, text: await response.text() };
}

const commentOf = (text: string) => JSON.parse(/^: tally (.*)$/m.exec(text)?.[1] ?? "null");

test("a stream tells its cost after its last frame to whoever asks for it", async () => {
  const gateway = openGateway(provider);
  const { response, text } = await quietly(() => receive(gateway, "g-told", ASKS));

  expect(text).toMatch(/data: \[DONE\]\n+: tally \{.*\}\n\n$/);
  expect(commentOf(text)).toEqual({
    usage_id: response.headers.get("x-tally-usage-id"),
    ...TOLD,
  });
  expect(provider.requests("g-told")[0]?.headers).not.toHaveProperty("x-tally-stream-cost");
});

test("nobody else is told", async () => {
  const gateway = openGateway(provider);
  const { text } = await quietly(() => receive(gateway, "g-untold"));
  expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
});

test("without a price the cost is null; nothing is said of what is not recorded", async () => {
  const answers = (settle: () => object) => ({
    answers: {
      settle_gateway_call: ({ parameters }: { parameters: unknown[] }) => ({
        id: JSON.parse(String(parameters[1])).id,
        remaining: null,
        ...settle(),
      }),
    },
  });
  const unpriced = openGateway(
    provider,
    answers(() => ({ cost_usd: null })),
  );
  const { text } = await quietly(() => receive(unpriced, "g-unpriced", ASKS));
  expect(commentOf(text)).toEqual({ usage_id: expect.any(String), cost_usd: null });

  const failing = openGateway(
    provider,
    answers(() => {
      throw new Error("no event");
    }),
  );
  const unrecorded = await quietly(() => receive(failing, "g-unrecorded", ASKS));
  expect(unrecorded.text.endsWith("data: [DONE]\n\n")).toBe(true);
});

test("a stream that breaks off tells nothing", async () => {
  const gateway = openGateway(provider);
  const broken = quietly(() => receive(gateway, "g-broken [[fake break_after=1]]", ASKS));
  await expect(broken).rejects.toThrow();
});

test("the SDKs read over it", async () => {
  const gateway = openGateway(provider);
  await quietly(async () => {
    const chunks = await readStream(gateway.openai(ASKS), ask("g-sdk [[fake words=3]]"));
    expect(
      chunks
        .map(({ choices }) => choices[0]?.delta.content ?? "")
        .join("")
        .split(" "),
    ).toHaveLength(3);
    const message = await gateway
      .anthropic(ASKS)
      .messages.stream({
        model: "claude-sonnet-4-6",
        max_tokens: 20,
        messages: [{ role: "user", content: "g-sdk [[fake words=3]]" }],
      })
      .finalMessage();
    expect(message.stop_reason).toBe("end_turn");
  });
});
