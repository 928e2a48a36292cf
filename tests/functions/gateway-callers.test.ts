import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { ask, openGateway, quietly } from "./gateway-support.ts";
import { databaseError, ORGANIZATION, tokenOf, USER_ID } from "./support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

test("attribution comes from headers", async () => {
  const gateway = openGateway(provider);
  const headers = {
    "x-tally-user": USER_ID,
    "x-tally-tool": "summarizer",
    "x-tally-operation": "summarize",
    "x-tally-session": "s-1",
    "x-tally-workflow": "w-1",
    "x-tally-execution": ORGANIZATION,
    "x-tally-metadata": '{"ticket":7}',
  };

  await quietly(() => gateway.openai(headers).chat.completions.create(ask("g-named")));

  const attribution = {
    user_id: USER_ID,
    tool_name: "summarizer",
    operation: "summarize",
    session_id: "s-1",
    workflow_id: "w-1",
    execution_id: ORGANIZATION,
  };
  expect(gateway.reserved()[0]).toMatchObject(attribution);
  expect(gateway.settled()).toMatchObject([{ ...attribution, request_metadata: { ticket: 7 } }]);
});

for (const [header, value, status] of [
  ["x-tally-organization", USER_ID, 403],
  ["x-tally-organization", "acme", 400],
  ["x-tally-user", "me", 400],
  ["x-tally-execution", "run", 400],
  ["x-tally-tool", "t".repeat(257), 400],
  ["x-tally-metadata", "[1]", 400],
  ["x-tally-metadata", "{", 400],
  ["x-tally-metadata", JSON.stringify({ x: "y".repeat(4096) }), 400],
  // The ledger could not keep these: the call would be made and never recorded.
  ["x-tally-metadata", '{"nul":"\\u0000"}', 400],
  ["x-tally-metadata", '{"key\\u0000":1}', 400],
  ["x-tally-metadata", '{"half":["\\ud800"]}', 400],
  ["x-tally-metadata", `{"long":[${Array(20).fill("1e300")}]}`, 400],
  ["idempotency-key", "k".repeat(256), 400],
] as const) {
  test(`${header}: ${value.slice(0, 12)} is refused before anything happens`, async () => {
    const gateway = openGateway(provider);

    await expect(
      quietly(() => gateway.openai({ [header]: value }).chat.completions.create(ask("g-header"))),
    ).rejects.toMatchObject({ status, param: header });
    expect(gateway.calls("admit_gateway_call")).toEqual([]);
    expect(provider.requests("g-header")).toEqual([]);
  });
}

test("what headers say in UTF-8 is kept as it was meant, and Latin-1 too", async () => {
  const gateway = openGateway(provider);
  const bytes = (text: string) => Buffer.from(text).toString("latin1");
  const headers = {
    "x-tally-tool": bytes("Übersetzer 翻訳"),
    "x-tally-session": "Z\u00fcrich",
    "x-tally-metadata": bytes('{"city":"Zürich","pair":"😀","escaped":"\\\\u0000","small":1e-7}'),
  };

  await quietly(() => gateway.openai(headers).chat.completions.create(ask("g-utf8")));

  expect(gateway.reserved()).toMatchObject([
    { tool_name: "Übersetzer 翻訳", session_id: "Zürich" },
  ]);
  expect(gateway.settled()).toMatchObject([
    { request_metadata: { city: "Zürich", pair: "😀", escaped: "\\u0000", small: 1e-7 } },
  ]);
});

test("a caller's own provider key is used and flagged; without any key there is no call", async () => {
  const keys: (string | null)[] = [];
  const send: typeof fetch = (input, init) => {
    keys.push(new Headers(init?.headers).get("authorization"));
    return fetch(input, init);
  };
  const gateway = openGateway(provider, { fetch: send });
  const keyless = openGateway(provider, {
    env: { OPENAI_API_KEY: undefined },
    answers: { admit_gateway_call: () => ({ answer: { allowed: false, refused_by: "key" } }) },
  });

  await expect(
    quietly(() => keyless.openai().chat.completions.create(ask("g-keyless"))),
  ).rejects.toMatchObject({ status: 503 });
  await quietly(async () => {
    await gateway.openai().chat.completions.create(ask("g-operator"));
    const own = gateway.openai({ "x-provider-key": "sk-own" });
    await own.chat.completions.create(ask("g-own"));
  });

  expect(keyless.admissions()[0]).not.toHaveProperty("has_operator_key");
  expect(gateway.admissions()[0]).toMatchObject({ has_operator_key: true });
  expect(keys).toEqual(["Bearer operator-openai", "Bearer sk-own"]);
  expect(gateway.settled()).toMatchObject([{ is_byok: false }, { is_byok: true }]);
});

test("a member acts for the organization that the header names, nobody else does", async () => {
  const token = tokenOf({
    sub: USER_ID,
    role: "authenticated",
    exp: Math.floor(Date.now() / 1000) + 60,
  });
  const named = { "x-tally-organization": ORGANIZATION };
  const member = openGateway(provider);
  const stranger = openGateway(provider, {
    answers: {
      admit_gateway_call: () => {
        throw databaseError("PT403", "You are not a member of this organization.");
      },
    },
  });

  await quietly(() => member.openai(named, token).chat.completions.create(ask("g-member")));
  expect(member.admissions()[0]).toMatchObject({ member_id: USER_ID });
  expect(member.settled()).toMatchObject([{ organization_id: ORGANIZATION, user_id: USER_ID }]);
  expect(member.settled()[0]).not.toHaveProperty("api_key_id");
  await expect(
    quietly(() => stranger.openai(named, token).chat.completions.create(ask("g-stranger"))),
  ).rejects.toMatchObject({ status: 403 });
  await expect(
    quietly(() => member.openai({}, token).chat.completions.create(ask("g-unnamed"))),
  ).rejects.toMatchObject({ status: 400, param: "x-tally-organization" });
  await expect(
    quietly(() =>
      member
        .openai({ ...named, "x-tally-user": ORGANIZATION }, token)
        .chat.completions.create(ask("g-forged")),
    ),
  ).rejects.toMatchObject({ status: 403, param: "x-tally-user" });
});
