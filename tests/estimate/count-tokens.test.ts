import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { safetyFactors } from "../../supabase/functions/_tally/count-factors.ts";
import { readModelTraits } from "../../supabase/functions/_tally/count-models.ts";
import { createTextCounter } from "../../supabase/functions/_tally/count-text.ts";
import { countTokens } from "../../supabase/functions/_tally/count-tokens.ts";
import { IMAGE_HEADERS } from "./image-headers.ts";
import { exactTokens } from "./oracle.ts";

// The machine may be busy: no test here is about seconds.
vi.setConfig({ testTimeout: 120_000 });

const countText = createTextCounter();

function count(model: string, request: Record<string, unknown>, factor: number | null = null) {
  const provider = /claude/.test(model) ? "anthropic" : /gemini/.test(model) ? "google" : "openai";
  return countTokens(provider, model, request, {
    countText,
    readFactor: () => Promise.resolve(factor),
  });
}

const SYSTEM = "You answer in one sentence.";
const QUESTION = "What does a meter measure?";
/** The same prompt in the four formats. */
const FORMATS: [string, Record<string, unknown>][] = [
  [
    "OpenAI chat",
    {
      messages: [
        { role: "system", content: SYSTEM },
        { role: "user", content: [{ type: "text", text: QUESTION }] },
      ],
    },
  ],
  [
    "OpenAI responses",
    {
      instructions: SYSTEM,
      input: [{ role: "user", content: [{ type: "input_text", text: QUESTION }] }],
    },
  ],
  [
    "Anthropic",
    {
      system: [{ type: "text", text: SYSTEM, cache_control: { type: "ephemeral" } }],
      messages: [{ role: "user", content: QUESTION }],
    },
  ],
  [
    "Gemini",
    {
      systemInstruction: { parts: [{ text: SYSTEM }] },
      contents: [{ role: "user", parts: [{ text: QUESTION }] }],
    },
  ],
];

describe("a chat", () => {
  test("has OpenAI's published number of tokens around its messages", async () => {
    const answer = await count("gpt-4o", {
      messages: [
        { role: "system", content: SYSTEM },
        { role: "user", name: "ada", content: QUESTION },
      ],
    });
    const texts = ["system", SYSTEM, "user", "ada", QUESTION];
    const expected = texts.reduce((sum, text) => sum + exactTokens(text), 2 * 3 + 1 + 3);
    expect(answer).toMatchObject({
      input_tokens: expected,
      input_tokens_upper: expected,
      is_exact: true,
      notes: [],
    });
  });

  test.each(FORMATS)("counts the same text in the format of %s", async (_, request) => {
    const { input_tokens } = await count("gpt-4o", request);
    const text = exactTokens(SYSTEM) + exactTokens(QUESTION);
    expect(input_tokens).toBeGreaterThanOrEqual(text + 3 * 2 + 3);
    expect(input_tokens).toBeLessThanOrEqual(text + 3 * 2 + 3 + 2);
  });

  test("is exact only where the rule is published", async () => {
    const messages = { messages: [{ role: "user", content: "hello" }] };
    for (const model of ["gpt-5", "gpt-6-sol", "o3", "claude-opus-4-7", "gemini-3-pro-preview"]) {
      const answer = await count(model, messages);
      expect(answer.is_exact).toBe(false);
      expect(answer.input_tokens_upper).toBeGreaterThan(answer.input_tokens);
    }
    expect((await count("gpt-4o", { input: "hello" })).is_exact).toBe(false);
  });

  test("an embedding has nothing around its texts", async () => {
    const { input_tokens } = await count("text-embedding-3-small", { input: ["un", "believable"] });
    expect(input_tokens).toBe(exactTokens("un") + exactTokens("believable"));
  });
});

describe("the bound", () => {
  test("is the count times the factor for the model and script", async () => {
    const english = { input: "The quick brown fox jumps over the lazy dog. ".repeat(200) };
    const russian = { input: "Съешь же ещё этих мягких французских булок. ".repeat(200) };
    for (const model of ["claude-opus-4-7", "claude-sonnet-4-6", "gemini-2.5-pro", "gpt-4"]) {
      const provider = /claude/.test(model) ? "anthropic" : "openai";
      const ascii = await count(model, english);
      const wide = await count(model, russian);
      const factors = safetyFactors(readModelTraits(provider, model));
      expect(ascii.input_tokens_upper / ascii.input_tokens).toBeCloseTo(factors.ascii, 1);
      expect(wide.input_tokens_upper / wide.input_tokens).toBeGreaterThan(factors.ascii * 0.95);
      expect(wide.input_tokens_upper / wide.input_tokens).toBeLessThan(factors.wide * 1.05);
    }
  });

  test("uses a learned factor instead when there is one", async () => {
    const request = { input: "The quick brown fox jumps over the lazy dog. ".repeat(200) };
    const learned = await count("claude-opus-4-7", request, 1.2);
    expect(learned.input_tokens_upper / learned.input_tokens).toBeCloseTo(1.2, 1);
  });

  test("is never above one token per byte of text", async () => {
    const base64 = Buffer.from(Array.from({ length: 9_000 }, (_, at) => (at * 7919) % 251));
    const text = base64.toString("base64");
    const { input_tokens, input_tokens_upper } = await count("claude-opus-4-7", { input: text });
    expect(input_tokens * 1.75).toBeGreaterThan(text.length);
    expect(input_tokens_upper).toBeLessThanOrEqual(text.length + 16);
  });
});

describe("tools", () => {
  const weather = {
    name: "get_weather",
    description: "Get the weather of a place.",
    parameters: {
      type: "object",
      properties: {
        place: { type: "string", description: "City and country." },
        unit: { type: "string", enum: ["celsius", "fahrenheit"] },
      },
    },
  };
  const messages = [{ role: "user", content: "hello" }];

  test("follow OpenAI's published rule", async () => {
    const plain = await count("gpt-4o", { messages });
    const withTool = await count("gpt-4o", {
      messages,
      tools: [{ type: "function", function: weather }],
    });
    const texts = [
      "get_weather:Get the weather of a place",
      "place:string:City and country",
      "unit:string",
      "celsius",
      "fahrenheit",
    ];
    const rule = texts.reduce((sum, text) => sum + exactTokens(text), 7 + 3 + 3 + 3 - 3 + 6 + 12);
    expect(withTool.input_tokens - plain.input_tokens).toBe(rule);
    expect(withTool.input_tokens_upper).toBeGreaterThan(withTool.input_tokens);
    expect(withTool.is_exact).toBe(false);
  });

  test("count alike in each provider's format", async () => {
    const { name, description, parameters } = weather;
    const formats: Record<string, unknown>[] = [
      { tools: [{ type: "function", function: weather }] },
      { tools: [{ type: "function", ...weather }] },
      { tools: [{ name, description, input_schema: parameters }] },
      { tools: [{ functionDeclarations: [weather] }] },
      { functions: [weather] },
    ];
    const counts = await Promise.all(
      formats.map((tools) => count("gpt-4o", { messages, ...tools })),
    );
    expect(new Set(counts.map(({ input_tokens }) => input_tokens)).size).toBe(1);
  });

  test("bring Anthropic's own prompt for them", async () => {
    const plain = await count("claude-opus-4-7", { messages });
    const withTool = await count("claude-opus-4-7", {
      messages,
      tools: [{ name: "now", input_schema: { type: "object" } }],
    });
    expect(withTool.input_tokens - plain.input_tokens).toBeGreaterThan(346);
  });

  test("that the provider runs are said not to be in the estimate", async () => {
    const { notes } = await count("claude-opus-4-7", {
      messages,
      tools: [{ type: "web_search_20250305", name: "web_search" }],
    });
    expect(notes.join()).toContain("search results");
  });

  const prose = "Some of this is shown to a model. ".repeat(100);
  const schema = (more: object) => ({
    type: "object",
    properties: { a: { type: "string", ...more } },
  });
  test.each<[string, object]>([
    ["defaults", { tools: [{ name: "f", input_schema: schema({ default: prose }) }] }],
    ["patterns", { tools: [{ name: "f", parameters: schema({ pattern: prose }) }] }],
    ["examples", { tools: [{ name: "f", input_schema: {}, input_examples: [prose] }] }],
    [
      "a schema of answers",
      { tools: [{ functionDeclarations: [{ name: "f", response: prose }] }] },
    ],
    ["a grammar", { tools: [{ type: "custom", name: "f", format: { definition: prose } }] }],
    ["a server", { tools: [{ type: "mcp", server_label: "s", server_description: prose }] }],
    [
      "an output format",
      { output_format: { type: "json_schema", schema: schema({ title: prose }) } },
    ],
    [
      "a schema in snake case",
      { generation_config: { response_schema: schema({ title: prose }) } },
    ],
  ])("%s that nobody publishes a rule for is in the bound", async (_, more) => {
    const tokens = exactTokens(prose);

    const { input_tokens_upper } = await count("claude-opus-4-7", { messages, ...more });
    expect(input_tokens_upper).toBeGreaterThan(tokens);
    const endless = JSON.parse(JSON.stringify(more).replaceAll(prose, prose.repeat(40)));
    const bound = await count("claude-opus-4-7", { messages, ...endless });
    expect(bound.input_tokens_upper).toBeGreaterThan(40 * tokens);
  });

  test("nested in each other count to any depth", async () => {
    let schema: Record<string, unknown> = { type: "string", description: "the innermost word" };
    const deep = () => ({ tools: [{ type: "function", name: "f", parameters: schema }], messages });
    const before = await count("gpt-4o", deep());
    for (let depth = 0; depth < 40; depth++) {
      schema = { type: "object", properties: { [`level${depth}`]: schema } };
    }
    expect((await count("gpt-4o", deep())).input_tokens).toBeGreaterThan(before.input_tokens + 80);
  });
});

describe("media", () => {
  const [png] = IMAGE_HEADERS;
  const data = png?.make(1_024, 1_024) ?? "";
  const url = `data:image/png;base64,${data}`;
  const images: [string, Record<string, unknown>][] = [
    [
      "gpt-4o",
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] },
    ],
    ["gpt-4o", { input: [{ role: "user", content: [{ type: "input_image", image_url: url }] }] }],
    [
      "gpt-4o",
      {
        messages: [
          {
            role: "user",
            content: [{ type: "image", source: { type: "base64", media_type: "image/png", data } }],
          },
        ],
      },
    ],
    [
      "gpt-4o",
      {
        contents: [{ role: "user", parts: [{ inlineData: { mimeType: "image/png", data } }] }],
      },
    ],
    ["gpt-4o", { input: [{ role: "user", content: [{ type: "image", data }] }] }],
  ];

  test.each(images)(
    "an image is counted by its size, not by its base64 (%#)",
    async (model, request) => {
      const { input_tokens, classes, is_exact } = await count(model, request);
      expect(input_tokens).toBe(765 + exactTokens("user") + 3 + 3);
      expect(classes).toEqual(["input_image"]);
      expect(is_exact).toBe(false);
    },
  );

  test("detail is respected", async () => {
    const low = await count("gpt-4o", {
      messages: [
        { role: "user", content: [{ type: "image_url", image_url: { url, detail: "low" } }] },
      ],
    });
    expect(low.input_tokens).toBe(85 + 1 + 3 + 3);
  });

  test("an image behind a URL counts as the largest, and the answer says so", async () => {
    const { input_tokens_upper, notes } = await count("gpt-4o", {
      messages: [
        {
          role: "user",
          content: [{ type: "image_url", image_url: { url: "https://example.com/a.png" } }],
        },
      ],
    });
    expect(input_tokens_upper).toBe(85 + 8 * 170 + 1 + 3 + 3);
    expect(notes.join()).toContain("size of an image");
  });

  test("sound is told apart, because it has a price of its own", async () => {
    const { audio_tokens, input_tokens, classes } = await count("gpt-4o-audio-preview", {
      messages: [
        {
          role: "user",
          content: [
            { type: "input_audio", input_audio: { data: "A".repeat(64_000), format: "mp3" } },
          ],
        },
      ],
    });
    expect(audio_tokens).toBe(30);
    expect(input_tokens).toBe(30 + 1 + 3 + 3);
    expect(classes).toEqual(["input_audio"]);
  });

  test("a document of plain text is text", async () => {
    const { input_tokens, classes } = await count("claude-opus-4-7", {
      messages: [
        {
          role: "user",
          content: [
            {
              type: "document",
              source: { type: "text", media_type: "text/plain", data: QUESTION },
            },
          ],
        },
      ],
    });
    expect(classes).toEqual([]);
    expect(input_tokens).toBeLessThan(exactTokens(QUESTION) + 16);
  });

  test("an hour of cache is a class of its own", async () => {
    const { classes } = await count("claude-opus-4-7", {
      system: [{ type: "text", text: SYSTEM, cache_control: { type: "ephemeral", ttl: "1h" } }],
      messages: [{ role: "user", content: QUESTION }],
    });
    expect(classes).toEqual(["cache_write_1h"]);
  });
});

describe("any request", () => {
  const anyValue = fc.jsonValue({ maxDepth: 6 });
  const anyRequest = fc.record(
    {
      messages: fc.array(
        fc.record({ role: fc.constantFrom("user", "assistant"), content: anyValue }),
      ),
      input: anyValue,
      contents: anyValue,
      system: anyValue,
      tools: anyValue,
      response_format: anyValue,
    },
    { requiredKeys: [] },
  );

  test("has a count and a bound that is not below it", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyRequest,
        fc.constantFrom("gpt-4o", "claude-opus-4-7"),
        async (body, model) => {
          const { input_tokens, input_tokens_upper } = await count(model, body);
          expect(Number.isSafeInteger(input_tokens)).toBe(true);
          expect(Number.isSafeInteger(input_tokens_upper)).toBe(true);
          expect(input_tokens_upper).toBeGreaterThanOrEqual(input_tokens);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("says no less with more in it", async () => {
    await fc.assert(
      fc.asyncProperty(anyRequest, fc.string({ minLength: 1 }), async (body, text) => {
        const before = await count("gpt-4o", body);
        const messages = [...(body.messages ?? []), { role: "user", content: text }];
        const after = await count("gpt-4o", { ...body, messages });
        expect(after.input_tokens).toBeGreaterThan(before.input_tokens);
        expect(after.input_tokens_upper).toBeGreaterThan(before.input_tokens_upper);
      }),
      { numRuns: 300 },
    );
  });

  test("may have very many parts", async () => {
    const content = Array.from({ length: 200_000 }, () => ({ type: "text", text: "a" }));
    const enumeration = Array.from({ length: 200_000 }, (_, at) => at);
    const { input_tokens } = await count("gpt-4o", {
      messages: [{ role: "user", content }],
      tools: [{ type: "function", name: "f", parameters: { enum: enumeration } }],
    });
    expect(input_tokens).toBeGreaterThan(1_000_000);
  });

  test("nested beyond reason is refused in words", async () => {
    let content: unknown = "a";
    for (let depth = 0; depth < 100_000; depth++) content = [content];
    await expect(count("gpt-4o", { messages: [{ role: "user", content }] })).rejects.toMatchObject({
      code: "PT400",
      message: "The prompt is nested more than 256 levels deep.",
    });
  });
});
