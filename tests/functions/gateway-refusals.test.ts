import { APIError } from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { API_KEY, ask, blockedBy, openGateway, quietly, refusing } from "./gateway-support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

test("a refusal is the SDK's ordinary error with status 402, and the provider sees nothing", async () => {
  const gateway = openGateway(provider, { answers: refusing() });

  const error = await quietly(() =>
    gateway
      .openai()
      .chat.completions.create(ask("g-refused"))
      .catch((thrown: unknown) => thrown),
  );

  expect(error).toBeInstanceOf(APIError);
  const { status, code, type, message, headers, error: body } = error as APIError;
  expect({ status, code, type }).toEqual({
    status: 402,
    code: "PT402",
    type: "insufficient_quota",
  });
  expect(message).toContain("0.0000002 of 1 is left");
  expect(message).toContain("2026-11-24T00:00:00+00:00");
  expect(headers?.get("x-tally-remaining")).toBe("0.0000002");
  expect(body).toMatchObject({ quota: blockedBy });
  expect(provider.requests("g-refused")).toEqual([]);
  expect(gateway.settled()).toEqual([]);
});

test("a model without a price is refused with the reason", async () => {
  const gateway = openGateway(provider, { answers: refusing({ reason: "unpriced" }) });

  await expect(
    quietly(() => gateway.openai().chat.completions.create(ask("g-unpriced"))),
  ).rejects.toMatchObject({
    status: 402,
    message: expect.stringContaining("no price for gpt-4o-mini"),
  });
});

for (const [metric, reset_at, hint] of [
  [
    "cost_usd",
    "2026-12-01",
    "Wait until 2026-12-01, ask for less with a lower token limit, or raise the quota.",
  ],
  ["requests", "2026-12-01", "Wait until 2026-12-01 or raise the quota."],
  ["total_tokens", null, "Ask for less with a lower token limit or raise the quota."],
  ["units", null, "Raise the quota."],
]) {
  test(`a refusal by ${metric} names ways out that there are`, async () => {
    const gateway = openGateway(provider, { answers: refusing({ metric, reset_at }) });

    await expect(
      quietly(() => gateway.openai().chat.completions.create(ask("g-way-out"))),
    ).rejects.toMatchObject({ status: 402, error: { hint } });
  });
}

for (const [what, body, param] of [
  ["no model", { messages: [{ role: "user", content: "x" }] }, "model"],
  ["no messages", { model: "gpt-4o" }, "messages"],
  ["a limit of zero", ask("x", { max_tokens: 0 }), "max_tokens"],
  ["a limit in words", ask("x", { max_completion_tokens: "lots" }), "max_completion_tokens"],
  ["half an answer", ask("x", { n: 0.5 }), "n"],
  ["too many answers", ask("x", { n: 1000 }), "n"],
  ["a stream in words", ask("x", { stream: "yes" }), "stream"],
] as const) {
  test(`${what} cannot be priced and is refused`, async () => {
    const gateway = openGateway(provider);

    await expect(
      quietly(() => gateway.openai().chat.completions.create(body as never)),
    ).rejects.toMatchObject({ status: 400, code: "PT400", param });
    expect(gateway.calls("admit_gateway_call")).toEqual([]);
  });
}

test("paths that are not metered do not exist, and what there is is said", async () => {
  const gateway = openGateway(provider);
  const at = async (path: string, method = "POST") => {
    const url = `http://functions.invalid/gateway${path}`;
    const response = await quietly(() =>
      gateway.answer(new Request(url, { method, headers: { authorization: `Bearer ${API_KEY}` } })),
    );
    return { response, body: JSON.parse(await response.text()) };
  };

  for (const path of ["/openai/v1/files", "/openai/v1/chat/completions/x", "/openai"]) {
    const { response, body } = await at(path);
    expect(response.status).toBe(404);
    expect(body.error.hint).toContain("openai/v1/chat/completions");
  }
  expect((await at("/unknown/v1/chat")).body).toMatchObject({ code: "PT404" });
  const get = await at("/openai/v1/chat/completions", "GET");
  expect(get.response.status).toBe(405);
  expect(get.response.headers.get("allow")).toBe("POST");
});
