import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createStreamAccumulator } from "../../supabase/functions/_tally/accumulate-stream.ts";
import {
  type NormalizedUsage,
  normalizeUsage,
  type UsageApi,
} from "../../supabase/functions/_tally/normalize-usage.ts";

const count = fc.oneof(fc.nat(50), fc.nat(2_000_000));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const providers = ["openai", "anthropic", "google", "xai", "groq", "openrouter", "constructor", ""];

function sum(record: NormalizedUsage, pattern: RegExp): number {
  const amounts = Object.entries(record.classes).filter(([name]) => pattern.test(name));
  return amounts.reduce((total, [, amount]) => total + amount, 0);
}

/** What holds for every record, whatever it was made from. */
function expectSound(record: NormalizedUsage): void {
  const input = sum(record, /^(input|cache_)/);
  const output = sum(record, /^(output|reasoning)/);
  expect([record.input_tokens, record.output_tokens]).toEqual([input, output]);
  for (const [name, amount] of Object.entries(record.classes)) {
    expect(name).toMatch(/^[a-z][a-z0-9_]{0,62}$/);
    expect(amount).toBeGreaterThan(0);
    if (name !== "second") expect(Number.isSafeInteger(amount)).toBe(true);
  }
  expect((record.units === undefined) === (record.unit_type === undefined)).toBe(true);
  if (record.unit_type !== undefined) expect(record.unit_type).toMatch(/^[a-z][a-z0-9_]{0,62}$/);
  if (record.units !== undefined) expect(record.units).toBeGreaterThanOrEqual(0);
  if (record.provider_cost_usd !== undefined) {
    expect(record.provider_cost_usd).toMatch(/^\d+(\.\d*[1-9])?$/);
  }
  expect(record.service_tier ?? "standard").toMatch(/^[a-z][a-z0-9_-]*$/);
  for (const anomaly of record.anomalies) expect(anomaly).toMatch(/^[a-z_]+: ./);
  for (const other of record.additional_usage ?? []) expectSound(other);
}

describe("consistent counts lose nothing and double nothing", () => {
  test("openai chat and responses", () => {
    const parts = fc.tuple(count, count, count, count, count, count, count);
    fc.assert(
      fc.property(
        parts,
        fc.boolean(),
        ([text, read, write, audio, out, thought, spoken], isChat) => {
          const input = text + read + write + audio;
          const output = out + thought + spoken;
          const inputDetails = {
            cached_tokens: read,
            cache_write_tokens: write,
            audio_tokens: audio,
          };
          const outputDetails = { reasoning_tokens: thought, audio_tokens: spoken };
          const usage = isChat
            ? {
                prompt_tokens: input,
                completion_tokens: output,
                total_tokens: input + output,
                prompt_tokens_details: inputDetails,
                completion_tokens_details: outputDetails,
              }
            : {
                input_tokens: input,
                output_tokens: output,
                total_tokens: input + output,
                input_tokens_details: inputDetails,
                output_tokens_details: outputDetails,
              };
          const record = normalizeUsage("openai", { model: "m", usage });
          expect(record).toMatchObject({
            input_tokens: input,
            output_tokens: output,
            anomalies: [],
          });
          expect({ ...record?.classes }).toEqual(
            withoutZeros({
              input: text,
              cache_read: read,
              cache_write: write,
              input_audio: audio,
              output: out,
              reasoning: thought,
              output_audio: spoken,
            }),
          );
        },
      ),
    );
  });

  test("anthropic", () => {
    fc.assert(
      fc.property(
        fc.tuple(count, count, count, count, count, count),
        ([input, read, fiveMinutes, oneHour, out, thought]) => {
          const record = normalizeUsage("anthropic", {
            usage: {
              input_tokens: input,
              cache_read_input_tokens: read,
              cache_creation_input_tokens: fiveMinutes + oneHour,
              cache_creation: {
                ephemeral_5m_input_tokens: fiveMinutes,
                ephemeral_1h_input_tokens: oneHour,
              },
              output_tokens: out + thought,
              output_tokens_details: { thinking_tokens: thought },
            },
          });
          expect(record?.anomalies).toEqual([]);
          expect(record?.classes).toEqual(
            withoutZeros({
              input,
              cache_read: read,
              cache_write: fiveMinutes,
              cache_write_1h: oneHour,
              output: out,
              reasoning: thought,
            }),
          );
        },
      ),
    );
  });

  test("gemini", () => {
    const modal = fc.record({ fresh: count, cached: count });
    fc.assert(
      fc.property(
        fc.record({ TEXT: modal, AUDIO: modal, IMAGE: modal, VIDEO: modal }),
        fc.tuple(count, count, count),
        (modalities, [tool, out, thoughts]) => {
          const list = Object.entries(modalities);
          const prompt = list.reduce((total, [, m]) => total + m.fresh + m.cached, 0);
          const record = normalizeUsage("google", {
            usageMetadata: {
              promptTokenCount: prompt,
              cachedContentTokenCount: list.reduce((total, [, m]) => total + m.cached, 0),
              toolUsePromptTokenCount: tool,
              candidatesTokenCount: out,
              thoughtsTokenCount: thoughts,
              totalTokenCount: prompt + tool + out + thoughts,
              promptTokensDetails: list.map(([modality, m]) => ({
                modality,
                tokenCount: m.fresh + m.cached,
              })),
              cacheTokensDetails: list.map(([modality, m]) => ({
                modality,
                tokenCount: m.cached,
              })),
            },
          });
          expect(record?.anomalies).toEqual([]);
          expect(record?.classes).toEqual(
            withoutZeros({
              input: modalities.TEXT.fresh + tool,
              cache_read: modalities.TEXT.cached,
              input_audio: modalities.AUDIO.fresh,
              cache_read_audio: modalities.AUDIO.cached,
              input_image: modalities.IMAGE.fresh,
              cache_read_image: modalities.IMAGE.cached,
              input_video: modalities.VIDEO.fresh,
              cache_read_video: modalities.VIDEO.cached,
              output: out,
              reasoning: thoughts,
            }),
          );
        },
      ),
    );
  });

  test("reasoning beside or inside, as the total says", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("xai", "openai", "groq"),
        fc.tuple(count, count, count),
        fc.boolean(),
        (provider, [prompt, text, reasoning], isBeside) => {
          const record = normalizeUsage(provider, {
            prompt_tokens: prompt,
            completion_tokens: isBeside ? text : text + reasoning,
            total_tokens: prompt + text + reasoning,
            completion_tokens_details: { reasoning_tokens: reasoning },
          });
          expect(record?.classes).toEqual(withoutZeros({ input: prompt, output: text, reasoning }));
          expect(record?.anomalies).toEqual([]);
        },
      ),
    );
  });

  test("the AI SDK's summary says the same as the provider's object it was made from", () => {
    fc.assert(
      fc.property(
        fc.tuple(count, count, count, count, count),
        ([text, read, write, out, thought]) => {
          const classes = withoutZeros({
            input: text,
            cache_read: read,
            cache_write: write,
            output: out,
            reasoning: thought,
          });
          const summary = {
            inputTokens: text + read + write,
            inputTokenDetails: {
              noCacheTokens: text,
              cacheReadTokens: read,
              cacheWriteTokens: write,
            },
            outputTokens: out + thought,
            outputTokenDetails: { textTokens: out, reasoningTokens: thought },
            totalTokens: text + read + write + out + thought,
          };
          const raw = {
            input_tokens: text,
            cache_read_input_tokens: read,
            cache_creation_input_tokens: write,
            output_tokens: out + thought,
            output_tokens_details: { thinking_tokens: thought },
          };
          expect(normalizeUsage("anthropic", summary)?.classes).toEqual(classes);
          expect(normalizeUsage("anthropic", { ...summary, raw })?.classes).toEqual(classes);
        },
      ),
    );
  });
});

describe("inconsistent counts", () => {
  const odd = fc.oneof(
    count,
    fc.constantFrom(
      null,
      undefined,
      Number.NaN,
      -1,
      -0,
      0.5,
      1e300,
      Infinity,
      "7",
      "abc",
      "",
      true,
    ),
    fc.bigInt({ min: 0n, max: 10n }),
    fc.constant({ toString: 1 }),
    fc.constant([3]),
  );
  const keys = [
    "prompt_tokens,completion_tokens,input_tokens,output_tokens,total_tokens,cached_tokens,seconds",
    "cache_creation_input_tokens,cache_read_input_tokens,promptTokenCount,candidatesTokenCount",
    "thoughtsTokenCount,totalTokenCount,cachedContentTokenCount,toolUsePromptTokenCount,tokens",
    "total_input_tokens,total_output_tokens,inputTokens,outputTokens,cachedInputTokens,totalTokens",
    "reasoningTokens,prompt_audio_seconds,prompt_cache_hit_tokens,cost_in_usd_ticks,cost,type",
  ]
    .join()
    .split(",");
  const details = fc.dictionary(
    fc.constantFrom(
      ..."cached_tokens,cache_write_tokens,audio_tokens,image_tokens,reasoning_tokens,text_tokens".split(
        ",",
      ),
      ..."thinking_tokens,ephemeral_1h_input_tokens,web_search_requests,input_tokens".split(","),
    ),
    odd,
  );
  const usage = fc
    .tuple(
      fc.dictionary(fc.constantFrom(...keys), odd, { maxKeys: 9 }),
      fc.record(
        {
          prompt_tokens_details: details,
          completion_tokens_details: details,
          input_tokens_details: details,
          output_tokens_details: details,
          input_token_details: details,
          cache_creation: details,
          server_tool_use: details,
          server_side_tool_usage_details: details,
          billed_units: details,
          inputTokenDetails: details,
          iterations: fc.array(details, { maxLength: 2 }),
          promptTokensDetails: fc.array(
            fc.record({ modality: fc.constantFrom("AUDIO", "TEXT", 1), tokenCount: odd }),
            { maxLength: 3 },
          ),
        },
        { requiredKeys: [] },
      ),
    )
    .map(([flat, nested]) => ({ ...flat, ...nested }));

  test("never throw, never give an unsound record", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...providers),
        usage,
        fc.boolean(),
        (provider, counts, isBare) => {
          const record = normalizeUsage(provider, isBare ? counts : { model: "m", usage: counts });
          if (record !== null) expectSound(record);
        },
      ),
      { numRuns: 5_000 },
    );
  });
});

describe("anything at all", () => {
  const apis: UsageApi[] = [
    "chat",
    "messages",
    "generate_content",
    "cohere",
    "images",
    "speech",
    "video",
  ];

  test("never throws", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...providers),
        fc.jsonValue(),
        maybe(fc.constantFrom(...apis)),
        (provider, value, api) => {
          for (const response of [value, { usage: value }, { usageMetadata: value, data: value }]) {
            const record = normalizeUsage(provider, response, api ? { api } : {});
            if (record !== null) expectSound(record);
          }
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test("as a stream never throws either", () => {
    const event = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          type: fc.constantFrom("message_start", "message_delta", "response.completed", "x", 3),
          usage: fc.jsonValue(),
          message: fc.jsonValue(),
          delta: fc.jsonValue(),
          response: fc.jsonValue(),
          choices: fc.array(fc.jsonValue()),
          candidates: fc.array(fc.jsonValue()),
          usageMetadata: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
    );
    fc.assert(
      fc.property(fc.constantFrom(...providers), fc.array(event), (provider, events) => {
        const stream = createStreamAccumulator(provider);
        for (const each of events) stream.push(each);
        const { usage } = stream.finish();
        if (usage !== null) expectSound(usage);
      }),
      { numRuns: 2_000 },
    );
  });
});

function withoutZeros(classes: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(classes).filter(([, amount]) => amount > 0));
}
