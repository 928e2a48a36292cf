import Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { billed, blockedBy, openGateway, quietly, refusing, used } from "./gateway-support.ts";
import { API_KEY_ID, ORGANIZATION } from "./support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

const line = async (marker: string) => (await provider.when({ ended: 1, contains: marker }))[0];

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
