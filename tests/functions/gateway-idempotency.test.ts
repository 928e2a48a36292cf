import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { ask, openGateway, quietly } from "./gateway-support.ts";
import { databaseError, type Sent } from "./support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

test("a key that already names an answered call is refused, and not retried by the SDK", async () => {
  const gateway = openGateway(provider, {
    answers: {
      admit_gateway_call: () => {
        throw databaseError("PT409", "A call with this key was answered.", {
          detail: "usage earlier",
        });
      },
    },
  });
  const openai = gateway.openai({ "idempotency-key": "once" });
  openai.maxRetries = 2;

  await expect(quietly(() => openai.chat.completions.create(ask("g-again")))).rejects.toMatchObject(
    { status: 409, param: "usage earlier" },
  );
  expect(gateway.calls("admit_gateway_call")).toHaveLength(1);
  expect(gateway.admissions()[0]).toMatchObject({ idempotency_key: "once" });
  expect(provider.requests("g-again")).toEqual([]);
});

test("a key is used up by an answer in full only", async () => {
  const gateway = openGateway(provider);
  const openai = gateway.openai({ "idempotency-key": "once" });

  await quietly(async () => {
    await openai.chat.completions.create(ask("g-half [[fake break_after=1]]")).catch(() => {});
    await openai.chat.completions.create(ask("g-full"));
  });

  expect(gateway.settled()).toMatchObject([
    { status: "failed", idempotency_key: null },
    { status: "success", idempotency_key: "once" },
  ]);
});

test("two calls that ran under one key are both recorded", async () => {
  for (const first of [
    () => ({ id: "the other call's event", cost_usd: "1" }),
    () => {
      throw databaseError("PT409", "This key names another event.");
    },
  ]) {
    const settle = ({ parameters }: Sent) => {
      const { id, idempotency_key } = JSON.parse(String(parameters[1]));
      return idempotency_key ? first() : { id, cost_usd: "0.5" };
    };
    const gateway = openGateway(provider, { answers: { settle_gateway_call: settle } });

    const { response } = await quietly(() =>
      gateway
        .openai({ "idempotency-key": "shared" })
        .chat.completions.create(ask("g-shared"))
        .withResponse(),
    );

    expect(gateway.settled().map(({ idempotency_key }) => idempotency_key)).toEqual([
      "shared",
      null,
    ]);
    expect(response.headers.get("x-tally-cost-usd")).toBe("0.5");
  }
});
