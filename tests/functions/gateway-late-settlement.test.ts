import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { ask, openGateway, quietly } from "./gateway-support.ts";
import { databaseError, type Sent } from "./support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

/** A ledger in which somebody else has ended every hold. */
function endedHolds(code: string) {
  const late: boolean[] = [];
  const settle = ({ parameters }: Sent) => {
    const { id } = JSON.parse(String(parameters[1]));
    const { is_late = false } = JSON.parse(String(parameters[2]));
    late.push(is_late);
    if (!is_late) throw databaseError(code, "This hold has ended.");
    return { id, cost_usd: "0.5", remaining: "1" };
  };
  return { late, gateway: openGateway(provider, { answers: { settle_gateway_call: settle } }) };
}

test.each(["PT410", "PT409"])(
  "a call whose hold has ended meanwhile (%s) is recorded by itself",
  async (code) => {
    const { late, gateway } = endedHolds(code);

    const { response } = await quietly(() =>
      gateway
        .openai()
        .chat.completions.create(ask(`g-ended-${code}`))
        .withResponse(),
    );

    expect(late).toEqual([false, true]);
    expect(response.headers.get("x-tally-cost-usd")).toBe("0.5");
    const [first, second] = gateway.settled();
    expect(second).toEqual(first);
  },
);

test("with a key of the caller: by its key first, then by itself", async () => {
  const { late, gateway } = endedHolds("PT409");
  const openai = gateway.openai({ "idempotency-key": "once" });

  await quietly(() => openai.chat.completions.create(ask("g-ended-key")));

  expect(late).toEqual([false, false, true]);
  expect(gateway.settled().map(({ idempotency_key }) => idempotency_key)).toEqual([
    "once",
    null,
    null,
  ]);
});

test("what the tidy-up has recorded is only logged", async () => {
  const gateway = openGateway(provider, {
    answers: {
      settle_gateway_call: () => {
        throw databaseError("PT409", "The tidy-up has settled this call.");
      },
    },
  });

  const { response } = await quietly(() =>
    gateway.openai().chat.completions.create(ask("g-tidied")).withResponse(),
  );

  expect(gateway.settled()).toHaveLength(2);
  expect(response.headers.has("x-tally-cost-usd")).toBe(false);
});
