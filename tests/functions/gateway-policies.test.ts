import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeProvider, startFakeProvider } from "../../packages/fake-provider/src/index.ts";
import { API_KEY, admitted, GATEWAY, openGateway, quietly } from "./gateway-support.ts";
import { databaseError, keyRow, type Sent } from "./support.ts";

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

const ask = (content: string, model = "gpt-4o-mini") => ({
  model,
  messages: [{ role: "user" as const, content }],
});
const completion = { model: "m", choices: [], usage: { prompt_tokens: 4, completion_tokens: 2 } };

/** A provider that fails as listed, then answers; notes what it was sent. */
function failing(...failures: (Response | Error)[]) {
  const bodies: { model?: string }[] = [];
  const urls: string[] = [];
  const send: typeof fetch = async (input, init) => {
    urls.push(String(input));
    bodies.push(JSON.parse(new TextDecoder().decode(init?.body as Uint8Array)));
    const failure = failures.shift();
    if (failure instanceof Error) throw failure;
    return failure ?? Response.json(completion);
  };
  return { send, bodies, urls };
}

const overloaded = (status = 503, headers: Record<string, string> = { "retry-after": "0" }) =>
  Response.json({ error: { message: "busy" } }, { status, headers });

test("what costs nothing is tried again on the same hold, and recorded once", async () => {
  const { send, bodies } = failing(overloaded(429), new TypeError("connection refused"));
  const gateway = openGateway(provider, {
    fetch: send,
    answers: { admit_gateway_call: () => ({ answer: admitted({ retries: 2 }) }) },
  });

  await quietly(() => gateway.openai().chat.completions.create(ask("again")));

  expect(bodies).toHaveLength(3);
  expect(gateway.reserved()).toHaveLength(1);
  expect(gateway.settled()).toMatchObject([{ request_metadata: { attempts: 3 } }]);
  expect(gateway.released()).toBe(0);
});

test("without a policy nothing is tried again", async () => {
  const { send, bodies } = failing(overloaded());
  const gateway = openGateway(provider, { fetch: send });

  await expect(
    quietly(() => gateway.openai().chat.completions.create(ask("once"))),
  ).rejects.toMatchObject({ status: 503 });
  expect(bodies).toHaveLength(1);
  expect(gateway.released()).toBe(1);
});

for (const [what, failure] of [
  ["a mistake of the caller", overloaded(400)],
  ["a provider that asks for a minute", overloaded(429, { "retry-after": "60" })],
] as const) {
  test(`${what} is not tried again`, async () => {
    const { send, bodies } = failing(failure);
    const gateway = openGateway(provider, {
      fetch: send,
      answers: { admit_gateway_call: () => ({ answer: admitted({ retries: 3 }) }) },
    });

    await expect(
      quietly(() => gateway.openai().chat.completions.create(ask("no"))),
    ).rejects.toMatchObject({ status: failure.status });
    expect(bodies).toHaveLength(1);
  });
}

test("a fallback is a call of its own: released, admitted, held and priced by its model", async () => {
  const { send, bodies } = failing(overloaded(), overloaded());
  const gateway = openGateway(provider, {
    fetch: send,
    answers: {
      admit_gateway_call: ({ parameters }: Sent) => {
        const { model } = JSON.parse(String(parameters[0]));
        return {
          answer: admitted(
            model === "gpt-5"
              ? { retries: 1, fallback: "gpt-5-mini" }
              : { hold_id: "01a20a44-0000-7000-8000-000000000002", retries: 1 },
          ),
        };
      },
    },
  });

  await quietly(() => gateway.openai().chat.completions.create(ask("other", "gpt-5")));

  expect(bodies.map(({ model }) => model)).toEqual(["gpt-5", "gpt-5", "gpt-5-mini"]);
  expect(gateway.reserved().map(({ model }) => model)).toEqual(["gpt-5", "gpt-5-mini"]);
  expect(gateway.admissions().map(({ is_fallback }) => is_fallback)).toEqual([undefined, true]);
  expect(gateway.released()).toBe(1);
  expect(gateway.calls("settle_gateway_call")[0]?.parameters[0]).toMatch(/2$/);
  expect(gateway.settled()).toMatchObject([
    { request_metadata: { fallback_from: "gpt-5", attempts: 3 } },
  ]);
});

test("a fallback whose model is in the path goes to another path", async () => {
  const { send, urls } = failing(overloaded());
  const gateway = openGateway(provider, {
    fetch: send,
    answers: {
      admit_gateway_call: () => ({ answer: admitted({ fallback: "gemini-2.5-flash-lite" }) }),
    },
  });
  const request = new Request(`${GATEWAY}/google/v1beta/models/gemini-2.5-flash:generateContent`, {
    method: "POST",
    headers: { "x-goog-api-key": API_KEY },
    body: JSON.stringify({ contents: [{ parts: [{ text: "hello" }] }] }),
  });

  expect((await quietly(() => gateway.answer(request))).status).toBe(200);
  expect(urls[1]).toContain("/models/gemini-2.5-flash-lite:generateContent");
});

test("a fallback that is not admitted leaves the first model's error", async () => {
  const { send } = failing(overloaded(500));
  let admissions = 0;
  const gateway = openGateway(provider, {
    fetch: send,
    answers: {
      admit_gateway_call: () => {
        if (admissions++ > 0) throw databaseError("PT403", "Not this model.");
        return { answer: admitted({ fallback: "gpt-5-mini" }) };
      },
    },
  });

  await expect(
    quietly(() => gateway.openai().chat.completions.create(ask("refused", "gpt-5"))),
  ).rejects.toMatchObject({ status: 500 });
  expect(gateway.settled()).toEqual([]);
});

test("too many requests say when to come back, in each provider's shape", async () => {
  const gateway = openGateway(provider, {
    answers: {
      admit_gateway_call: () => ({
        answer: { allowed: false, refused_by: "rate", retry_after: 2.2, requests_per_minute: 9 },
      }),
    },
  });
  const errors = await quietly(() =>
    Promise.all([
      gateway
        .openai()
        .chat.completions.create(ask("fast"))
        .catch((error: unknown) => error),
      gateway
        .anthropic()
        .messages.create({ ...ask("fast"), max_tokens: 5 })
        .catch((error: unknown) => error),
    ]),
  );

  for (const error of errors) {
    expect(error).toMatchObject({ status: 429, message: expect.stringContaining("9 requests") });
    expect((error as { headers: Headers }).headers.get("retry-after")).toBe("3");
  }
});

test("keys: the caller's own, then the organization's, then the operator's", async () => {
  const sent: (string | null)[] = [];
  const send: typeof fetch = async (_input, init) => {
    sent.push(new Headers(init?.headers).get("authorization"));
    return Response.json(completion);
  };
  const organization = {
    admit_gateway_call: () => ({ answer: admitted({ provider_key: "theirs" }) }),
  };
  const keyed = openGateway(provider, { fetch: send, answers: organization });
  const plain = openGateway(provider, { fetch: send });

  await quietly(async () => {
    await keyed.openai({ "x-provider-key": "own" }).chat.completions.create(ask("1"));
    await keyed.openai().chat.completions.create(ask("2"));
    await plain.openai().chat.completions.create(ask("3"));
  });

  expect(sent).toEqual(["Bearer own", "Bearer theirs", "Bearer operator-openai"]);
  expect(keyed.admissions()[0]).toMatchObject({ has_own_key: true });
  expect([...keyed.settled(), ...plain.settled()].map(({ is_byok }) => is_byok)).toEqual([
    true,
    true,
    false,
  ]);
});

test("Azure and others: another address, another header for the key", async () => {
  const seen: [string, Headers][] = [];
  const gateway = openGateway(provider, {
    env: {
      TALLY_OPENAI_BASE_URL: "https://azure.invalid/openai/v1/?api-version=preview",
      TALLY_OPENAI_KEY_HEADER: "api-key",
    },
    fetch: async (input, init) => {
      seen.push([String(input), new Headers(init?.headers)]);
      return Response.json(completion);
    },
  });

  await quietly(() => gateway.openai().chat.completions.create(ask("azure")));

  expect(seen[0]?.[0]).toBe("https://azure.invalid/openai/v1/chat/completions?api-version=preview");
  expect(seen[0]?.[1].get("api-key")).toBe("operator-openai");
  expect(seen[0]?.[1].has("authorization")).toBe(false);
});

test("a key is asked about once, and a revoked one ends with the next call", async () => {
  let isRevoked = false;
  const gateway = openGateway(provider, {
    answers: {
      verify_api_key: () => (isRevoked ? [] : keyRow()),
      admit_gateway_call: () => {
        if (isRevoked) throw databaseError("PT401", "The API key is revoked.");
        return { answer: admitted() };
      },
    },
  });
  const call = () => quietly(() => gateway.openai().chat.completions.create(ask("key")));

  await call();
  await call();
  expect(gateway.calls("verify_api_key")).toHaveLength(1);
  expect(gateway.admissions()[1]).toMatchObject({ api_key: API_KEY });
  isRevoked = true;
  await expect(call()).rejects.toMatchObject({ status: 401 });
  expect(gateway.calls("verify_api_key")).toHaveLength(1);
  // It is not known any more: the next one does not even get its body read.
  await expect(call()).rejects.toMatchObject({ status: 401 });
  expect(gateway.calls("verify_api_key")).toHaveLength(2);
  expect(gateway.admissions()).toHaveLength(3);
});
