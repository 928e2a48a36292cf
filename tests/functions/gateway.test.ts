import OpenAI, { APIError } from "openai";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { LearnedFactors } from "../../supabase/functions/_tally/count-learned.ts";
import {
  handleGateway,
  respondToGatewayError,
} from "../../supabase/functions/_tally/gateway/handle-gateway.ts";
import { keepHold } from "../../supabase/functions/_tally/gateway/keep-hold.ts";
import { KnownKeys } from "../../supabase/functions/_tally/gateway/known-keys.ts";
import { type Ledger, openLedger } from "../../supabase/functions/_tally/gateway/ledger.ts";
import { handleRequests } from "../../supabase/functions/_tally/handle-request.ts";
import {
  API_KEY_ID,
  databaseError,
  ENVIRONMENT,
  fakeDatabase,
  keyRow,
  logsOf,
  ORGANIZATION,
  type Sent,
  tokenOf,
  USER_ID,
} from "./support.ts";

const API_KEY = `tally_${"k".repeat(43)}`;
const HOLD_ID = "01a20a44-0000-7000-8000-000000000001";
const BASE = "http://functions.invalid/functions/v1/gateway/openai/v1";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());
afterEach(() => vi.useRealTimers());

const words = async (texts: readonly string[]) => ({
  tokens: texts.join(" ").split(/\s+/).length,
  wide_tokens: 0,
  bytes: new TextEncoder().encode(texts.join("")).length,
  is_exact: true,
  operations: 0,
});

/** The answer to an admitted call. */
const admitted = (more: object = {}) => ({
  allowed: true,
  hold_id: HOLD_ID,
  retries: 0,
  headroom: { metric: "cost_usd", remaining: "4", held: "0.5" },
  ...more,
});

/** The gateway in this process: its ledger is a list, its provider the fake one. */
function setUp(
  options: {
    answers?: Parameters<typeof fakeDatabase>[0];
    fetch?: typeof fetch;
    env?: Record<string, string | undefined>;
  } = {},
) {
  const database = fakeDatabase({
    verify_api_key: keyRow,
    admit_gateway_call: () => ({ answer: admitted() }),
    settle_gateway_call: ({ parameters }) => ({
      id: JSON.parse(String(parameters[1])).id,
      cost_usd: "0.00001230",
      remaining: "4.5",
    }),
    release_hold: () => [],
    token_factor: () => ({ factor: null }),
    ...options.answers,
  });
  const env: Record<string, string | undefined> = {
    ...ENVIRONMENT,
    TALLY_OPENAI_BASE_URL: `${provider.url}/openai/v1`,
    ...options.env,
  };
  const memory = { countText: words, factors: new LearnedFactors(), keys: new KnownKeys() };
  const answer = handleRequests(
    {
      name: "gateway",
      scope: "gateway",
      handle: (context) => handleGateway(context, memory),
      respondToError: respondToGatewayError,
    },
    {
      variable: (name) => env[name],
      database,
      fetch: async (input, init) =>
        String(input).includes("/auth/v1/user")
          ? Response.json({ id: USER_ID })
          : (options.fetch ?? fetch)(input, init),
    },
  );
  const openai = (apiKey = API_KEY, defaultHeaders: Record<string, string> = {}) =>
    new OpenAI({
      apiKey,
      baseURL: BASE,
      maxRetries: 0,
      defaultHeaders,
      fetch: (input, init) => answer(new Request(input, init)),
    });
  const calls = (name: string) => database.sent.filter(({ statement }) => statement.includes(name));
  return {
    answer,
    openai,
    calls,
    reserved: () => JSON.parse(String(calls("admit_gateway_call")[0]?.parameters[0])),
    admission: () => JSON.parse(String(calls("admit_gateway_call")[0]?.parameters[1])),
    settled: () =>
      calls("settle_gateway_call").map(({ parameters }) => JSON.parse(String(parameters[1]))),
    settledMore: () =>
      calls("settle_gateway_call").map(({ parameters }) => JSON.parse(String(parameters[2]))),
    released: () => calls("release_hold").length,
  };
}

const ask = (content: string, more: object = {}) => ({
  model: "gpt-4o-mini",
  messages: [{ role: "user" as const, content }],
  ...more,
});

/** The chunks of a stream, as the SDK gives them. */
async function readStream(openai: OpenAI, request: object): Promise<OpenAI.ChatCompletionChunk[]> {
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  const body = { ...request, stream: true } as OpenAI.ChatCompletionCreateParamsStreaming;
  for await (const chunk of await openai.chat.completions.create(body)) chunks.push(chunk);
  return chunks;
}

async function quietly<Result>(work: () => Promise<Result>): Promise<Result> {
  let result: Result | undefined;
  await logsOf(async () => {
    result = await work();
  });
  return result as Result;
}

test("an ordinary call is reserved at its upper bound and settled at what it used", async () => {
  const gateway = setUp();

  const { data, response } = await quietly(() =>
    gateway
      .openai()
      .chat.completions.create(
        ask("g-plain [[fake answer_model=gpt-4o-mini-2024-07-18]]", { max_tokens: 100, n: 2 }),
      )
      .withResponse(),
  );

  expect(data.choices[0]?.message.content).toBeTypeOf("string");
  expect(gateway.reserved()).toMatchObject({
    organization_id: ORGANIZATION,
    api_key_id: API_KEY_ID,
    provider: "openai",
    model: "gpt-4o-mini",
    max_output_tokens: 200,
    operation: "chat.completions",
  });
  const [event] = gateway.settled();
  expect(event).toMatchObject({
    organization_id: ORGANIZATION,
    api_key_id: API_KEY_ID,
    model: "gpt-4o-mini-2024-07-18",
    request_metadata: { requested_model: "gpt-4o-mini" },
    input_tokens: data.usage?.prompt_tokens,
    output_tokens: data.usage?.completion_tokens,
    status: "success",
    is_estimated: false,
    is_byok: false,
  });
  expect(response.headers.get("x-tally-cost-usd")).toBe("0.00001230");
  expect(response.headers.get("x-tally-usage-id")).toBe(event.id);
  expect(response.headers.get("x-tally-remaining")).toBe("4.5");
  expect(gateway.released()).toBe(0);
});

test("a settled call teaches how the model counts, and what was learned sizes the next hold", async () => {
  const text = "word ".repeat(150);
  const untaught = setUp();
  await quietly(() => untaught.openai().chat.completions.create(ask(`g-teach ${text}`)));
  const [noted] = untaught.settledMore();
  const taught = setUp({ answers: { token_factor: () => ({ factor: 1.8 }) } });
  await quietly(() => taught.openai().chat.completions.create(ask(`g-taught ${text}`)));

  const [event] = untaught.settled();
  expect(noted).toMatchObject({ counted_model: "gpt-4o-mini", counted_tokens: expect.any(Number) });
  expect(noted.counted_tokens).toBeGreaterThan(150);
  expect(event.input_tokens).toBeGreaterThan(150);
  expect(taught.reserved().input_tokens).toBeGreaterThan(1.5 * untaught.reserved().input_tokens);
});

test("what the policy adds is all that the provider sees beside the caller's own words", async () => {
  const gateway = setUp({ env: { TALLY_DEFAULT_MAX_OUTPUT_TOKENS: "77" } });
  const request = ask("g-added", { stream: true, stream_options: { include_obfuscation: false } });

  await quietly(async () => {
    const openai = gateway.openai(API_KEY, { "x-tally-tool": "chat", "x-custom": "private" });
    await readStream(openai, request);
  });

  const [line] = await provider.when({ ended: 1, contains: "g-added" });
  expect(line?.body).toEqual({
    ...request,
    max_completion_tokens: 77,
    stream_options: { include_obfuscation: false, include_usage: true },
  });
  expect(Object.keys(line?.headers ?? {})).not.toContain("x-custom");
  expect(JSON.stringify(line?.headers)).not.toContain("tally");
  expect(gateway.reserved().max_output_tokens).toBe(77);
});

test("a stream reaches a caller who did not ask for usage as if we were not there", async () => {
  const gateway = setUp();
  const options = "[[fake words=12 unicode split=7]]";

  const chunks = await quietly(() => readStream(gateway.openai(), ask(`g-stream ${options}`)));

  expect(JSON.stringify(chunks)).not.toContain("prompt_tokens");
  const [line] = await provider.when({ ended: 1, contains: "g-stream" });
  const [event] = gateway.settled();
  expect(event).toMatchObject({ status: "success", is_estimated: false });
  expect(event.output_tokens).toBe(line?.classes?.output);
});

test("a caller who asked for usage gets it", async () => {
  const gateway = setUp();
  const request = ask("g-asked", { stream: true, stream_options: { include_usage: true } });

  const chunks = await quietly(() => readStream(gateway.openai(), request));

  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
});

const quota = {
  quota_id: ORGANIZATION,
  reason: "quota",
  metric: "cost_usd",
  quota_type: "daily",
  quota_limit: 1,
  current_usage: 0.9999998,
  reserved: 0,
  remaining: 2e-7,
  requested: 0.003,
  reset_at: "2026-11-24T00:00:00+00:00",
};

test("a refusal is the SDK's ordinary error with status 402, and the provider sees nothing", async () => {
  const gateway = setUp({
    answers: {
      admit_gateway_call: () => ({
        answer: { allowed: false, refused_by: "quota", blocked_by: quota },
      }),
    },
  });

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
  expect(body).toMatchObject({ quota });
  expect(provider.requests("g-refused")).toEqual([]);
  expect(gateway.settled()).toEqual([]);
});

test("a model without a price is refused with the reason", async () => {
  const gateway = setUp({
    answers: {
      admit_gateway_call: () => ({
        answer: {
          allowed: false,
          refused_by: "quota",
          blocked_by: { ...quota, reason: "unpriced" },
        },
      }),
    },
  });

  await expect(
    quietly(() => gateway.openai().chat.completions.create(ask("g-unpriced"))),
  ).rejects.toMatchObject({
    status: 402,
    message: expect.stringContaining("no price for gpt-4o-mini"),
  });
});

for (const status of [400, 401, 429, 500, 503]) {
  test(`the provider's ${status} passes untouched and costs nothing`, async () => {
    const gateway = setUp();
    const marker = `g-error-${status}`;

    const error = await quietly(() =>
      gateway
        .openai()
        .chat.completions.create(ask(`${marker} [[fake status=${status} retry_after=9]]`))
        .catch((thrown: unknown) => thrown),
    );

    expect(error).toMatchObject({
      status,
      message: expect.stringContaining(`Fake error ${status}`),
    });
    expect((error as APIError).headers?.get("retry-after")).toBe("9");
    expect(gateway.released()).toBe(1);
    expect(gateway.settled()).toEqual([]);
  });
}

test("a provider that cannot be reached costs nothing", async () => {
  const gateway = setUp({ env: { TALLY_OPENAI_BASE_URL: "http://127.0.0.1:9/v1" } });

  await expect(
    quietly(() => gateway.openai().chat.completions.create(ask("g-unreachable"))),
  ).rejects.toMatchObject({ status: 502, code: "PT502" });
  expect(gateway.released()).toBe(1);
});

test("an answer without usage is estimated, and said to be", async () => {
  const gateway = setUp();

  await quietly(() =>
    gateway.openai().chat.completions.create(ask("g-omitted [[fake omit_usage words=9]]")),
  );

  const [event] = gateway.settled();
  expect(event).toMatchObject({
    status: "success",
    is_estimated: true,
    output_tokens: 9,
    request_metadata: { anomalies: [expect.stringContaining("usage_missing")] },
  });
  expect(event.input_tokens).toBeGreaterThan(0);
  expect(event.input_tokens).toBeLessThanOrEqual(gateway.reserved().input_tokens);
});

test("an answer that breaks off in its middle is a failed call, not a free one", async () => {
  const gateway = setUp();

  await expect(
    quietly(() => gateway.openai().chat.completions.create(ask("g-broken [[fake break_after=1]]"))),
  ).rejects.toMatchObject({ status: 502 });
  expect(gateway.settled()).toMatchObject([{ status: "failed", is_estimated: true }]);
  expect(gateway.released()).toBe(0);
});

test("a provider that does not begin to answer has timed out", async () => {
  const signals: AbortSignal[] = [];
  const gateway = setUp({
    env: { TALLY_UPSTREAM_TIMEOUT_MS: "20" },
    fetch: (_input, init) =>
      new Promise((_, reject) => {
        init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
        if (init?.signal) signals.push(init.signal);
      }),
  });

  await expect(
    quietly(() => gateway.openai().chat.completions.create(ask("g-late"))),
  ).rejects.toMatchObject({ status: 504, code: "PT504" });
  expect(gateway.settled()).toMatchObject([{ status: "timeout", is_estimated: true }]);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});

test("a caller who leaves before the answer stops the provider and pays for the prompt", async () => {
  const gateway = setUp();
  const controller = new AbortController();
  const settled = vi.waitFor(() => expect(gateway.settled()).toHaveLength(1), 5_000);

  await quietly(async () => {
    const call = gateway.openai().chat.completions.create(ask("g-left [[fake delay=60000]]"), {
      signal: controller.signal,
    });
    await provider.when({ received: 1, contains: "g-left" });
    controller.abort();
    await expect(call).rejects.toThrow();
    await settled;
  });

  expect(gateway.settled()).toMatchObject([{ status: "aborted", output_tokens: 0 }]);
  const [line] = await provider.when({ ended: 1, contains: "g-left" });
  expect(line?.outcome).toBe("aborted");
});

test("a caller who leaves before anything was sent pays nothing", async () => {
  const controller = new AbortController();
  const gateway = setUp({
    answers: {
      admit_gateway_call: () => {
        controller.abort();
        return { answer: admitted() };
      },
    },
  });

  await quietly(async () => {
    const { signal } = controller;
    await gateway
      .openai()
      .chat.completions.create(ask("g-gone"), { signal })
      .catch(() => {});
    await vi.waitFor(() => expect(gateway.released()).toBe(1));
  });

  expect(gateway.settled()).toEqual([]);
  expect(provider.requests("g-gone")).toEqual([]);
});

test("attribution comes from headers", async () => {
  const gateway = setUp();
  const headers = {
    "x-tally-user": USER_ID,
    "x-tally-tool": "summarizer",
    "x-tally-operation": "summarize",
    "x-tally-session": "s-1",
    "x-tally-workflow": "w-1",
    "x-tally-execution": ORGANIZATION,
    "x-tally-metadata": '{"ticket":7}',
  };

  await quietly(() => gateway.openai(API_KEY, headers).chat.completions.create(ask("g-named")));

  const attribution = {
    user_id: USER_ID,
    tool_name: "summarizer",
    operation: "summarize",
    session_id: "s-1",
    workflow_id: "w-1",
    execution_id: ORGANIZATION,
  };
  expect(gateway.reserved()).toMatchObject(attribution);
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
  ["idempotency-key", "k".repeat(256), 400],
] as const) {
  test(`${header}: ${value.slice(0, 12)} is refused before anything happens`, async () => {
    const gateway = setUp();

    await expect(
      quietly(() =>
        gateway.openai(API_KEY, { [header]: value }).chat.completions.create(ask("g-header")),
      ),
    ).rejects.toMatchObject({ status, param: header });
    expect(gateway.calls("admit_gateway_call")).toEqual([]);
    expect(provider.requests("g-header")).toEqual([]);
  });
}

test("what is dearer than text is bounded as such", async () => {
  const gateway = setUp();
  const audio = { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } };
  const request = {
    model: "gpt-audio",
    modalities: ["text", "audio"],
    messages: [{ role: "user", content: [audio, { type: "text", text: "g-audio" }] }],
  } as OpenAI.ChatCompletionCreateParamsNonStreaming;

  await quietly(() => gateway.openai().chat.completions.create(request));

  expect(gateway.admission()).toMatchObject({ classes: "input_audio,output_audio" });
});

test("the limit put into a request is never above the model's own", async () => {
  const gateway = setUp({ env: { TALLY_DEFAULT_MAX_OUTPUT_TOKENS: "50000" } });

  await quietly(() => gateway.openai().chat.completions.create(ask("g-limit")));

  expect(gateway.reserved().max_output_tokens).toBe(16_384);
});

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
    const gateway = setUp();

    await expect(
      quietly(() => gateway.openai().chat.completions.create(body as never)),
    ).rejects.toMatchObject({ status: 400, code: "PT400", param });
    expect(gateway.calls("admit_gateway_call")).toEqual([]);
  });
}

test("large numbers and formatting in a request survive what is added to it", async () => {
  let received = "";
  const gateway = setUp({
    fetch: async (_input, init) => {
      received = new TextDecoder().decode(init?.body as Uint8Array);
      return Response.json({ error: {} }, { status: 500 });
    },
  });
  const body =
    '{ "seed": 9007199254740993, "model":"m",\n"messages":[{"role":"user","content":"x"}]}';

  await quietly(() =>
    gateway.answer(
      new Request(`${BASE}/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${API_KEY}` },
        body,
      }),
    ),
  );

  expect(received).toBe(`{"max_completion_tokens":4096,${body.slice(1)}`);
});

test("paths that are not metered do not exist, and what there is is said", async () => {
  const gateway = setUp();
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

test("a caller's own provider key is used and flagged; without any key there is no call", async () => {
  const keys: (string | null)[] = [];
  const send: typeof fetch = (input, init) => {
    keys.push(new Headers(init?.headers).get("authorization"));
    return fetch(input, init);
  };
  const gateway = setUp({ fetch: send });
  const keyless = setUp({
    env: { OPENAI_API_KEY: undefined },
    answers: { admit_gateway_call: () => ({ answer: { allowed: false, refused_by: "key" } }) },
  });

  await expect(
    quietly(() => keyless.openai().chat.completions.create(ask("g-keyless"))),
  ).rejects.toMatchObject({ status: 503 });
  await quietly(async () => {
    await gateway.openai().chat.completions.create(ask("g-operator"));
    const own = gateway.openai(API_KEY, { "x-provider-key": "sk-own" });
    await own.chat.completions.create(ask("g-own"));
  });

  expect(keyless.admission()).not.toHaveProperty("has_operator_key");
  expect(gateway.admission()).toMatchObject({ has_operator_key: true });
  expect(keys).toEqual(["Bearer sk-operator", "Bearer sk-own"]);
  expect(gateway.settled()).toMatchObject([{ is_byok: false }, { is_byok: true }]);
});

test("a member acts for the organization that the header names, nobody else does", async () => {
  const token = tokenOf({
    sub: USER_ID,
    role: "authenticated",
    exp: Math.floor(Date.now() / 1000) + 60,
  });
  const named = { "x-tally-organization": ORGANIZATION };
  const member = setUp();
  const stranger = setUp({
    answers: {
      admit_gateway_call: () => {
        throw databaseError("PT403", "You are not a member of this organization.");
      },
    },
  });

  await quietly(() => member.openai(token, named).chat.completions.create(ask("g-member")));
  expect(member.admission()).toMatchObject({ member_id: USER_ID });
  expect(member.settled()).toMatchObject([{ organization_id: ORGANIZATION, user_id: USER_ID }]);
  expect(member.settled()[0]).not.toHaveProperty("api_key_id");
  await expect(
    quietly(() => stranger.openai(token, named).chat.completions.create(ask("g-stranger"))),
  ).rejects.toMatchObject({ status: 403 });
  await expect(
    quietly(() => member.openai(token).chat.completions.create(ask("g-unnamed"))),
  ).rejects.toMatchObject({ status: 400, param: "x-tally-organization" });
  await expect(
    quietly(() =>
      member
        .openai(token, { ...named, "x-tally-user": ORGANIZATION })
        .chat.completions.create(ask("g-forged")),
    ),
  ).rejects.toMatchObject({ status: 403, param: "x-tally-user" });
});

test("a key that already names an answered call is refused, and not retried by the SDK", async () => {
  const gateway = setUp({
    answers: {
      admit_gateway_call: () => {
        throw databaseError("PT409", "A call with this key was answered.", {
          detail: "usage earlier",
        });
      },
    },
  });
  const openai = gateway.openai(API_KEY, { "idempotency-key": "once" });
  openai.maxRetries = 2;

  await expect(quietly(() => openai.chat.completions.create(ask("g-again")))).rejects.toMatchObject(
    { status: 409, param: "usage earlier" },
  );
  expect(gateway.calls("admit_gateway_call")).toHaveLength(1);
  expect(gateway.admission()).toMatchObject({ idempotency_key: "once" });
  expect(provider.requests("g-again")).toEqual([]);
});

test("a key is used up by an answer in full only", async () => {
  const gateway = setUp();
  const openai = gateway.openai(API_KEY, { "idempotency-key": "once" });

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
    const gateway = setUp({ answers: { settle_gateway_call: settle } });

    const { response } = await quietly(() =>
      gateway
        .openai(API_KEY, { "idempotency-key": "shared" })
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

test("ending a hold is tried again while the database is away", async () => {
  const pauses: number[] = [];
  let failures = 3;
  const database = fakeDatabase({
    settle_gateway_call: () => {
      if (failures-- > 0) throw databaseError("CONNECTION_CLOSED", "gone");
      return { id: "e", cost_usd: null };
    },
  });
  const ledger = openLedger(database, async (ms) => {
    pauses.push(ms);
  });

  expect(await ledger.settle(HOLD_ID, { id: "e" })).toEqual({ id: "e", cost_usd: null });
  expect(pauses).toHaveLength(3);
  expect(pauses[2]).toBeGreaterThanOrEqual(150 * 4 * 0.5);
});

test("a mistake is not tried again, and patience has an end", async () => {
  const wait = async () => {};
  const wrong = fakeDatabase({
    settle_gateway_call: () => {
      throw databaseError("PT400", "no");
    },
  });
  const away = fakeDatabase({
    settle_gateway_call: () => {
      throw databaseError("ECONNREFUSED", "no");
    },
  });

  await expect(openLedger(wrong, wait).settle(HOLD_ID, { id: "e" })).rejects.toMatchObject({
    code: "PT400",
  });
  expect(wrong.sent).toHaveLength(1);
  await expect(openLedger(away, wait).settle(HOLD_ID, { id: "e" })).rejects.toMatchObject({
    code: "PT503",
  });
  expect(away.sent).toHaveLength(6);
});

test("an answer is not lost with the ledger: it is delivered, and the log says what to mend", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const gateway = setUp({
    answers: {
      settle_gateway_call: () => {
        throw databaseError("ECONNREFUSED", "no");
      },
    },
    fetch: async () =>
      Response.json({ model: "m", choices: [], usage: { prompt_tokens: 4, completion_tokens: 2 } }),
  });

  const lines = await logsOf(async () => {
    const call = gateway.openai().chat.completions.create(ask("g-lost")).withResponse();
    await vi.advanceTimersByTimeAsync(2_000);
    const { data, response } = await call;
    expect(data.usage?.prompt_tokens).toBe(4);
    expect(response.headers.has("x-tally-cost-usd")).toBe(false);
    await vi.advanceTimersByTimeAsync(20_000);
  });

  expect(lines).toMatchObject([
    { outcome: "ok", unsettled: "PT503", hold_id: HOLD_ID, input_tokens: 4, output_tokens: 2 },
  ]);
});

test("a hold is extended for as long as its call runs", () => {
  vi.useFakeTimers();
  const extensions: unknown[] = [];
  const ledger = {
    extend: async (...call: unknown[]) => {
      extensions.push(call);
      throw new Error("the database is away for a moment");
    },
  } as Partial<Ledger> as Ledger;

  const stop = keepHold(ledger, HOLD_ID, 600);
  vi.advanceTimersByTime(299_999);
  expect(extensions).toEqual([]);
  vi.advanceTimersByTime(600_001);
  expect(extensions).toEqual(Array(3).fill([HOLD_ID, 600]));
  stop();
  vi.advanceTimersByTime(3_600_000);
  expect(extensions).toHaveLength(3);
});

test("neither words nor keys are in the log", async () => {
  const gateway = setUp();
  const secrets = { "x-provider-key": "sk-canary-key", "x-tally-metadata": '{"x":"canary-meta"}' };

  const lines = await logsOf(async () => {
    const openai = gateway.openai(API_KEY, secrets);
    await openai.chat.completions.create(ask("canary-prompt"));
    await openai.chat.completions.create(ask("canary-prompt [[fake status=500]]")).catch(() => {});
    await openai.chat.completions.create({ ...ask("canary-prompt"), n: 0 }).catch(() => {});
  });

  expect(lines).toHaveLength(3);
  expect(JSON.stringify(lines)).not.toContain("canary");
  expect(JSON.stringify(lines)).not.toContain(API_KEY);
});

test("the log of a stream waits for its recording, however long that takes", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const { promise: databaseIsBack, resolve: bringBack } = Promise.withResolvers<void>();
  const gateway = setUp({
    answers: {
      settle_gateway_call: async () => {
        await databaseIsBack;
        throw databaseError("PT400", "no");
      },
    },
    fetch: async () =>
      new Response('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n', {
        headers: { "content-type": "text/event-stream" },
      }),
  });

  const lines = await logsOf(async () => {
    const chunks = readStream(gateway.openai(), ask("g-slow-ledger"));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await chunks).toHaveLength(1);
    bringBack();
  });

  expect(lines).toMatchObject([{ call: "success", unsettled: "PT400" }]);
});
