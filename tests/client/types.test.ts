import type Anthropic from "@anthropic-ai/sdk";
import type { GoogleGenAI } from "@google/genai";
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import type { LanguageModelMiddleware } from "ai";
import type OpenAI from "openai";
import { describe, expectTypeOf, test } from "vitest";
import type { Database } from "../../packages/client/src/database.types.ts";
import {
  type AIModelRequest,
  type AIModelResponse,
  type AIModelStream,
  type AnomalyRow,
  type BreakdownRow,
  type CostEstimate,
  type CostRequest,
  createTallybase,
  type Forecast,
  meterAnthropic,
  meterGoogle,
  meterOpenAI,
  type PeakRow,
  type QuotaCheck,
  type QuotaRequest,
  type QuotaState,
  type StatisticsRow,
  type SupabaseLike,
  type Tallybase,
  type TallybaseError,
  type TimeseriesRow,
  type TopPackageRow,
  type TopUserRow,
  type Tracked,
  type TrackedResponse,
  type TrackedStream,
  type TrendRow,
  tallybaseMiddleware,
  type UsageEvent,
  type UsageMeasure,
  type UsageNotRecordedError,
  type UsageReceipt,
  type UsageTotals,
} from "../../packages/client/src/index.ts";

type Functions = Database["public"]["Functions"];
type Columns = Database["public"]["Tables"]["token_usage"]["Row"];

type CamelCase<Name> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;
/** The keys of an object of the API, as the client names them. */
type CamelKeys<T> = CamelCase<keyof T & string>;
type Row<Name extends keyof Functions> = Functions[Name]["Returns"] extends (infer One)[]
  ? One
  : never;

describe("the public types follow the database", () => {
  test("an event has the columns of token_usage, but for those that the database fills in", () => {
    type Stated = Exclude<CamelKeys<Columns>, "totalTokens" | "priceId" | "recordedAt">;
    expectTypeOf<keyof UsageEvent>().toEqualTypeOf<Stated>();
  });

  test("questions have the arguments of their functions", () => {
    expectTypeOf<keyof QuotaRequest>().toEqualTypeOf<CamelKeys<Functions["check_quota"]["Args"]>>();
    expectTypeOf<keyof CostRequest>().toEqualTypeOf<
      CamelKeys<Functions["estimate_cost"]["Args"]>
    >();
  });

  test("answers have the columns of their functions", () => {
    expectTypeOf<keyof QuotaCheck>().toEqualTypeOf<CamelKeys<Row<"check_quota">>>();
    expectTypeOf<keyof QuotaState>().toEqualTypeOf<CamelKeys<Row<"quota_status">>>();
    expectTypeOf<keyof CostEstimate>().toEqualTypeOf<CamelKeys<Row<"estimate_cost">>>();
  });

  test("each function behind a method exists", () => {
    expectTypeOf<
      | "check_quota"
      | "quota_status"
      | "estimate_cost"
      | "reserve_usage"
      | "settle_usage"
      | "release_hold"
      | "extend_hold"
      | "track_usage"
      | "track_usage_batch"
    >().toExtend<keyof Functions>();
  });
});

describe("the rows of reports follow their functions", () => {
  /** The columns of a function as the client names them; of one that the types do not have yet, ours. */
  type Columns<Name extends string, Ours> = Name extends keyof Functions
    ? CamelKeys<Row<Name>>
    : keyof Ours;

  test("one to one", () => {
    expectTypeOf<keyof UsageTotals>().toEqualTypeOf<Columns<"usage_totals", UsageTotals>>();
    expectTypeOf<keyof BreakdownRow>().toEqualTypeOf<Columns<"usage_breakdown", BreakdownRow>>();
    expectTypeOf<keyof TimeseriesRow>().toEqualTypeOf<Columns<"usage_timeseries", TimeseriesRow>>();
    expectTypeOf<keyof StatisticsRow>().toEqualTypeOf<Columns<"usage_statistics", StatisticsRow>>();
    expectTypeOf<keyof TrendRow>().toEqualTypeOf<Columns<"usage_trends", TrendRow>>();
    expectTypeOf<keyof PeakRow>().toEqualTypeOf<Columns<"usage_peaks", PeakRow>>();
    expectTypeOf<keyof Forecast>().toEqualTypeOf<Columns<"usage_forecast", Forecast>>();
    expectTypeOf<keyof AnomalyRow>().toEqualTypeOf<Columns<"usage_anomalies", AnomalyRow>>();
    expectTypeOf<keyof TopUserRow>().toEqualTypeOf<Columns<"top_users", TopUserRow>>();
    expectTypeOf<keyof TopPackageRow>().toEqualTypeOf<Columns<"top_packages", TopPackageRow>>();
  });
});

describe("what a client is made of", () => {
  test("any supabase-js client will do, typed or not", () => {
    expectTypeOf<SupabaseClient>().toExtend<SupabaseLike>();
    expectTypeOf<SupabaseClient<Database>>().toExtend<SupabaseLike>();
    expectTypeOf(createTallybase).toBeCallableWith(createClient<Database>("http://a.test", "key"));
    expectTypeOf(createTallybase).toBeCallableWith({ url: "http://a.test", key: "sb_secret_1" });
  });
});

test("an answer has data or an error, never both", () => {
  const narrow = async (tally: Tallybase, event: UsageEvent) => {
    const answer = await tally.track(event);
    return answer.error ?? answer.data;
  };
  expectTypeOf(narrow).returns.resolves.toEqualTypeOf<UsageReceipt | UsageNotRecordedError>();
  expectTypeOf<UsageNotRecordedError>().toExtend<TallybaseError>();
});

describe("a wrapped call returns what its function returns", () => {
  type Wrapped<T> = Tracked<T>;

  test("a value", () => {
    expectTypeOf<Wrapped<OpenAI.ChatCompletion>>().toEqualTypeOf<
      TrackedResponse<OpenAI.ChatCompletion>
    >();
  });

  test("an SDK's stream as an iterable of its chunks", () => {
    type Stream = AsyncIterable<OpenAI.ChatCompletionChunk>;
    expectTypeOf<Wrapped<Stream>>().toEqualTypeOf<
      TrackedStream<AsyncIterableIterator<OpenAI.ChatCompletionChunk>>
    >();
  });

  test("a stream of bytes as one", () => {
    expectTypeOf<Wrapped<ReadableStream<Uint8Array>>>().toEqualTypeOf<
      TrackedStream<ReadableStream<Uint8Array>>
    >();
  });

  test("of unknown type as a value", () => {
    expectTypeOf<Wrapped<ReturnType<JSON["parse"]>>["usage"]>().toHaveProperty("costUsd");
  });

  test("whatever its function returns, promise or not", () => {
    const wrap = {} as Tallybase["wrapWithTracking"];
    const call = () => wrap({ provider: "openai", model: "m" }, async () => ({ text: "hi" }));
    expectTypeOf(call).returns.resolves.toEqualTypeOf<TrackedResponse<{ text: string }>>();
  });
});

describe("track tells an event from a use that is going on", () => {
  const track = {} as Tallybase["track"];
  const described = { provider: "openai", model: "m", toolName: "chat" };

  test("what states an amount, or an outcome, is recorded", () => {
    const tracked = () => track({ ...described, inputTokens: 1 });
    expectTypeOf(tracked).returns.resolves.toExtend<{ error: UsageNotRecordedError | null }>();
    const failed = () => track({ ...described, status: "failed" });
    expectTypeOf(failed).returns.resolves.toExtend<{ error: UsageNotRecordedError | null }>();
    const stored = (event: UsageEvent) => track(event);
    expectTypeOf(stored).returns.resolves.toExtend<{ error: UsageNotRecordedError | null }>();
  });

  test("what states none is a measure, to be used up", () => {
    expectTypeOf(() => track(described)).returns.toEqualTypeOf<UsageMeasure>();
    expectTypeOf<UsageMeasure>().toExtend<Disposable & AsyncDisposable>();
  });

  test("around a function it gives what the function gives", () => {
    const measured = () => track(described, async () => "text");
    expectTypeOf(measured).returns.resolves.toEqualTypeOf<string>();
  });
});

describe("a chat", () => {
  const execute = {} as Tallybase["executeWithTracking"];
  const chat: AIModelRequest = { provider: "openai", model: "m", messages: [] };

  test("is whole, or piece by piece, as it was asked for", () => {
    const whole = () => execute({ ...chat, stream: false });
    expectTypeOf(whole).returns.resolves.toEqualTypeOf<AIModelResponse>();
    const literal = () => execute({ provider: "xai", model: "m", messages: [] });
    expectTypeOf(literal).returns.resolves.toEqualTypeOf<AIModelResponse>();
    const pieces = () => execute({ ...chat, stream: true });
    expectTypeOf(pieces).returns.resolves.toEqualTypeOf<AIModelStream>();
    const either = () => execute(chat);
    expectTypeOf(either).returns.resolves.toEqualTypeOf<AIModelResponse | AIModelStream>();
  });

  test("knows four providers", () => {
    expectTypeOf<AIModelRequest["provider"]>().toEqualTypeOf<
      "openai" | "anthropic" | "google" | "xai"
    >();
  });
});

describe("SDKs keep their types", () => {
  test("a metered client is what it was", () => {
    expectTypeOf(meterOpenAI<OpenAI>).returns.toEqualTypeOf<OpenAI>();
    expectTypeOf(meterAnthropic<Anthropic>).returns.toEqualTypeOf<Anthropic>();
    expectTypeOf(meterGoogle<GoogleGenAI>).returns.toEqualTypeOf<GoogleGenAI>();
  });

  test("the middleware is one of the AI SDK", () => {
    expectTypeOf(tallybaseMiddleware).returns.toExtend<LanguageModelMiddleware>();
  });
});
