import { describe, expect, test } from "vitest";
import type { Actor } from "../../supabase/functions/_tally/authorize-request.ts";
import { LearnedFactors } from "../../supabase/functions/_tally/count-learned.ts";
import { outputLimit } from "../../supabase/functions/_tally/count-output.ts";
import { createTextCounter } from "../../supabase/functions/_tally/count-text.ts";
import type { Database, Parameter } from "../../supabase/functions/_tally/database.ts";
import { estimateUsage, writeEstimate } from "../../supabase/functions/_tally/estimate-usage.ts";

const ORGANIZATION = "0b8f9a51-53c4-4f5c-8a17-1f1c9f6f2a01";
const OTHER = "0b8f9a51-53c4-4f5c-8a17-1f1c9f6f2a02";
const service: Actor = { kind: "service" };
const apiKey: Actor = { kind: "api_key", apiKeyId: OTHER, organizationId: ORGANIZATION };
const user: Actor = { kind: "user", userId: OTHER, claims: { sub: OTHER } };
const countText = createTextCounter();

interface Sent {
  as: "owner" | "user";
  statement: string;
  parameters: Parameter[];
}

/** A database that answers the statements of an estimate and keeps what it was asked. */
function fakeDatabase(answers: { likely?: string; upper?: string | null; factor?: number } = {}) {
  const sent: Sent[] = [];
  const answer = <Row>(as: Sent["as"], statement: string, parameters: Parameter[]) => {
    sent.push({ as, statement, parameters });
    const { likely = "0.1", upper = "0.2", factor = null } = answers;
    const quota = parameters[5] === null ? null : '{"allowed":true,"remaining":9.90}';
    if (statement.includes("token_factor")) return [{ factor }] as Row[];
    return [{ likely, upper, quota }] as Row[];
  };
  const database: Database = {
    query: <Row>(statement: string, parameters: Parameter[]) =>
      Promise.resolve(answer<Row>("owner", statement, parameters)),
    queryAs: <Row>(_: unknown, statement: string, parameters: Parameter[]) =>
      Promise.resolve(answer<Row>("user", statement, parameters)),
  };
  return { database, sent };
}

function estimate(
  body: unknown,
  {
    actor = service,
    fake = fakeDatabase(),
  }: { actor?: Actor; fake?: ReturnType<typeof fakeDatabase> } = {},
) {
  return estimateUsage(body, {
    actor,
    database: fake.database,
    countText,
    readFactor: (provider, model) => new LearnedFactors().read(fake.database, provider, model, 0),
    defaultMaxOutputTokens: 4_096,
  });
}

const KNOWN = { provider: "openai", model: "gpt-4o", input_tokens: 1_000, max_output_tokens: 100 };
const ASKED = {
  provider: "anthropic",
  model: "claude-opus-4-7",
  messages: [{ role: "user", content: "hello" }],
  max_output_tokens: 100,
};

describe("an estimate", () => {
  test("of a known number of tokens counts nothing and reads no factor", async () => {
    const fake = fakeDatabase();
    const answer = await estimateUsage(KNOWN, {
      actor: service,
      database: fake.database,
      countText: () => Promise.reject(new Error("nothing to count")),
      readFactor: () => Promise.reject(new Error("no factor to read")),
      defaultMaxOutputTokens: 4_096,
    });
    expect(answer).toEqual({
      input_tokens: 1_000,
      input_tokens_upper: 1_000,
      max_output_tokens: 100,
      cost_usd: "0.1",
      cost_usd_upper: "0.2",
      tokenizer: "given",
      is_exact: true,
      notes: [],
      quota: null,
    });
    expect(fake.sent.map(({ statement }) => statement).join()).not.toContain("token_factor");
  });

  test("prices the likely count at plain rates and the bound at the dearest", async () => {
    const fake = fakeDatabase({ factor: 3 });
    const { input_tokens, input_tokens_upper } = await estimate(ASKED, { fake });
    expect(input_tokens_upper).toBeGreaterThan(input_tokens);
    const [, costs] = fake.sent;
    expect(costs?.parameters).toEqual([
      "anthropic",
      "claude-opus-4-7",
      ...[input_tokens, 100, null, null],
      ...[input_tokens_upper, 100, "", null],
    ]);
  });

  test("prices sound apart", async () => {
    const fake = fakeDatabase();
    const data = "A".repeat(64_000);
    await estimate(
      {
        ...KNOWN,
        input_tokens: undefined,
        messages: [{ role: "user", content: [{ type: "input_audio", input_audio: { data } }] }],
      },
      { fake },
    );
    const [, costs] = fake.sent;
    expect(JSON.parse(String(costs?.parameters[4]))).toEqual({
      input: 7,
      input_audio: 30,
      output: 100,
    });
    expect(costs?.parameters[8]).toBe("input_audio");
  });

  test("without an output limit assumes the model's for the bound", async () => {
    const fake = fakeDatabase();
    const { max_output_tokens, notes } = await estimate(
      { ...KNOWN, max_output_tokens: undefined },
      { fake },
    );
    expect(max_output_tokens).toBe(16_384);
    const [costs] = fake.sent;
    expect([costs?.parameters[3], costs?.parameters[7]]).toEqual([4_096, 16_384]);
    expect(notes.join()).toContain("Send max_output_tokens");
  });

  test("without any limit known assumes the operator's default and says so", async () => {
    const { max_output_tokens, notes } = await estimate({
      provider: "mistral",
      model: "mistral-large",
      input_tokens: 10,
    });
    expect(max_output_tokens).toBe(4_096);
    expect(notes.join()).toContain("default of 4096");
  });

  test("is written with every digit of its money, and nothing empty", async () => {
    const fake = fakeDatabase({ likely: "0.0000000123456789012345", upper: "12345678901234.5" });
    const text = writeEstimate(await estimate(KNOWN, { fake }));
    expect(text).toContain('"cost_usd":0.0000000123456789012345');
    expect(text).toContain('"cost_usd_upper":12345678901234.5');
    expect(Object.keys(JSON.parse(text))).not.toContain("notes");
    expect(Object.keys(JSON.parse(text))).not.toContain("quota");
  });

  test("of a model without a price is refused", async () => {
    const fake = fakeDatabase({ upper: null });
    await expect(estimate(KNOWN, { fake })).rejects.toMatchObject({ code: "PT422" });
  });
});

describe("an organization", () => {
  test("is checked as the user before anything of it is read as the owner", async () => {
    const fake = fakeDatabase();
    const { quota } = await estimate(
      { ...KNOWN, organization_id: ORGANIZATION },
      { actor: user, fake },
    );
    expect(fake.sent.map(({ as }) => as)).toEqual(["user", "owner"]);
    expect(fake.sent[0]?.parameters[5]).toBe(ORGANIZATION);
    expect(fake.sent[1]?.parameters[9]).toBe(user.userId);
    expect(quota).toBe('{"allowed":true,"remaining":9.90}');
  });

  test("that is not the user's leaves the owner's statement unsent", async () => {
    const fake = fakeDatabase();
    fake.database.queryAs = () => Promise.reject(new Error("You may not do this."));
    await expect(
      estimate({ ...KNOWN, organization_id: OTHER }, { actor: user, fake }),
    ).rejects.toThrow("You may not");
    expect(fake.sent).toEqual([]);
  });

  test("is the key's own for an API key", async () => {
    const fake = fakeDatabase();
    await estimate(KNOWN, { actor: apiKey, fake });
    await estimate(
      { ...KNOWN, organization_id: ORGANIZATION.toUpperCase() },
      { actor: apiKey, fake },
    );
    const own = ["openai", "gpt-4o", 1_000, 100, null, ORGANIZATION, 1_000, 100, "", null];
    expect(fake.sent.map(({ parameters }) => parameters)).toEqual([own, own]);
    await expect(
      estimate({ ...KNOWN, organization_id: OTHER }, { actor: apiKey, fake }),
    ).rejects.toMatchObject({ code: "PT403", details: "organization_id" });
  });
});

describe("bad input is named", () => {
  test.each([
    ["a missing provider", { ...KNOWN, provider: undefined }, "provider"],
    ["an empty model", { ...KNOWN, model: "" }, "model"],
    ["an unknown field", { ...KNOWN, max_tokens: 5 }, "max_tokens"],
    ["no input", { ...KNOWN, input_tokens: undefined }, "messages"],
    ["two inputs", { ...KNOWN, input: "hello" }, "input_tokens"],
    ["no messages", { ...ASKED, messages: [] }, "messages"],
    ["a message that is no object", { ...ASKED, messages: ["hello"] }, "messages.0"],
    ["fractional tokens", { ...KNOWN, input_tokens: 1.5 }, "input_tokens"],
    ["negative tokens", { ...KNOWN, input_tokens: -1 }, "input_tokens"],
    ["huge tokens", { ...KNOWN, input_tokens: 1e15 }, "input_tokens"],
    ["a text for a number", { ...KNOWN, max_output_tokens: "100" }, "max_output_tokens"],
    ["an id that is none", { ...KNOWN, organization_id: "acme" }, "organization_id"],
    ["a null", { ...KNOWN, organization_id: null }, "organization_id"],
    ["a prompt of no kind", { ...ASKED, messages: undefined, input: [5] }, "input"],
    ["an empty prompt of items", { ...ASKED, messages: undefined, contents: [] }, "contents"],
    ["instructions that are a number", { ...ASKED, system: 5 }, "system"],
    ["a tool that is no object", { ...ASKED, tools: [{}, "search"] }, "tools.1"],
    ["a field that every object has", { ...KNOWN, toString: 1 }, "toString"],
    ["a body that is no object", [KNOWN], "body"],
  ])("%s", async (_, body, details) => {
    const fake = fakeDatabase();
    const refused = estimate(JSON.parse(JSON.stringify(body)), { fake });
    await expect(refused).rejects.toMatchObject({ code: "PT400", details });
    await expect(refused).rejects.toHaveProperty("hint", expect.stringMatching(/\.$/));
    expect(fake.sent).toEqual([]);
  });
});

test("a learned factor is read again after a minute, and of bounded many models", async () => {
  const { database, sent } = fakeDatabase({ factor: 1.3 });
  const factors = new LearnedFactors();
  const read = (model: string, now: number) => factors.read(database, "openai", model, now);
  expect([await read("a", 0), await read("a", 59_999), await read("b", 0)]).toEqual([
    1.3, 1.3, 1.3,
  ]);
  expect(sent).toHaveLength(2);
  await read("a", 60_000);
  expect(sent).toHaveLength(3);
  for (let at = 0; at < 1_000; at++) await read(`model ${at}`, 60_000);
  await read("a", 60_001);
  expect(sent).toHaveLength(1_004);
});

test("output limits follow the models", () => {
  expect(outputLimit("openai", "gpt-4.1-mini")).toBe(32_768);
  expect(outputLimit("openai", "gpt-5.4-nano")).toBe(128_000);
  expect(outputLimit("openai", "text-embedding-3-large")).toBe(0);
  expect(outputLimit("anthropic", "claude-opus-4-1-20250805")).toBe(32_000);
  expect(outputLimit("anthropic", "claude-haiku-4-5")).toBe(64_000);
  expect(outputLimit("anthropic", "claude-opus-5-5")).toBe(128_000);
  expect(outputLimit("google", "gemini-3-pro-preview")).toBe(65_536);
  expect(outputLimit("xai", "grok-4.7")).toBeNull();
});
