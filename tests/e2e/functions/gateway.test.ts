import type OpenAI from "openai";
import { APIError } from "openai";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  addMember,
  billedClasses,
  billOf,
  callFunction,
  createApiKey,
  createOrganization,
  createUser,
  eventsOf,
  marker,
  nextEvent,
  type Organization,
  openaiThroughGateway,
  openHolds,
  setDailyQuota,
  signToken,
  sql,
  stack,
} from "./arrange.ts";

const MODEL = "gpt-4o-mini";
let organization: Organization;
let openai: OpenAI;

beforeEach(async () => {
  organization = await createOrganization();
  openai = openaiThroughGateway(organization.apiKey);
});
// Whatever a test did: nothing is held any more, and the ledger is sound.
afterEach(async () => {
  expect(await openHolds(organization.id)).toBe(0);
  expect(await sql`select * from public.verify_ledger(${organization.id})`).toEqual([]);
});
afterAll(() => sql.end());

function ask(content: string) {
  return { model: MODEL, messages: [{ role: "user" as const, content }] };
}

/** What `complete` calls of these classes cost by the cards in force. */
async function priceOf(classes: Record<string, number>): Promise<string | undefined> {
  const [row] = await sql<{ cost_usd: string }[]>`
    select cost_usd::text from public.estimate_cost('openai', ${MODEL}, 0, 0, ${sql.json(classes)})`;
  return row?.cost_usd;
}

test("a call is priced to the last digit of the provider's own bill", async () => {
  const mark = marker();
  const { data, response } = await openai.chat.completions
    .create(ask(`${mark} [[fake input=2006 cached=1920 output=300 reasoning=20]]`))
    .withResponse();

  const [line] = await billOf(mark);
  const [event] = await eventsOf(organization.id);
  expect(data.usage?.prompt_tokens).toBe(2006);
  expect(event).toMatchObject({
    model: MODEL,
    status: "success",
    is_estimated: false,
    input_tokens: 2006,
    output_tokens: 320,
    classes: billedClasses(line),
  });
  expect(event?.cost_usd).toBe(await priceOf(billedClasses(line)));
  expect(response.headers.get("x-tally-cost-usd")).toBe(event?.cost_usd);
  expect(response.headers.get("x-tally-usage-id")).toBe(event?.id);
});

test("a stream is priced as exactly, without the usage that nobody asked for", async () => {
  const mark = marker();
  const { data: stream, response } = await openai.chat.completions
    .create({ ...ask(`${mark} [[fake words=40 unicode split=11]]`), stream: true })
    .withResponse();
  let text = "";
  for await (const chunk of stream) {
    expect(chunk.choices).toHaveLength(1);
    expect(chunk.usage ?? null).toBeNull();
    text += chunk.choices[0]?.delta.content ?? "";
  }

  const [line] = await billOf(mark);
  // The stream closes after its event is there.
  const [event] = await eventsOf(organization.id);
  expect(text).toContain("🚀");
  expect(event).toMatchObject({
    status: "success",
    is_estimated: false,
    classes: billedClasses(line),
  });
  expect(event?.cost_usd).toBe(await priceOf(billedClasses(line)));
  expect(response.headers.get("x-tally-usage-id")).toBe(event?.id);
});

test("a compressed answer arrives as if it were none, and is priced", async () => {
  const mark = marker();
  const completion = await openai.chat.completions.create(ask(`${mark} [[fake gzip words=50]]`));

  const [line] = await billOf(mark);
  expect(completion.choices[0]?.message.content?.split(" ")).toHaveLength(50);
  expect(await eventsOf(organization.id)).toMatchObject([
    { is_estimated: false, classes: billedClasses(line) },
  ]);
});

test("a stream arrives while it is made", async () => {
  const stream = await openai.chat.completions.create(
    { ...ask("[[fake words=9 hang_after=3]]"), stream: true },
    { timeout: 20_000 },
  );
  // The provider now waits for us: what it sent is here, or this never ends.
  let pieces = 0;
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content && ++pieces === 3) break;

  expect((await nextEvent(organization.id)).status).toBe("aborted");
});

for (const pieces of [0, 1, 7]) {
  test(`a caller who leaves after ${pieces} words stops the provider and pays for them`, async () => {
    const mark = marker();
    const stream = await openai.chat.completions.create({
      ...ask(`${mark} [[fake words=30 hang_after=${pieces}]]`),
      stream: true,
    });
    let seen = 0;
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) seen++;
      if (seen === pieces) break;
    }

    const [line] = await billOf(mark);
    const event = await nextEvent(organization.id);
    expect(line?.outcome).toBe("aborted");
    expect(event).toMatchObject({ status: "aborted", is_estimated: true, output_tokens: pieces });
    expect(event.output_tokens).toBe(line?.classes?.output);
    expect(event.input_tokens).toBeGreaterThanOrEqual(line?.classes?.input ?? Infinity);
    expect(event.cost_usd).not.toBeNull();
  });
}

test("a caller who leaves before the answer stops the provider too", async () => {
  const mark = marker();
  const controller = new AbortController();
  const call = openai.chat.completions.create(ask(`${mark} [[fake hang_after=0]]`), {
    signal: controller.signal,
  });
  const failed = expect(call).rejects.toThrow();
  await billOf(mark, { received: 1 });
  controller.abort();
  await failed;

  const [line] = await billOf(mark);
  expect(line?.outcome).toBe("aborted");
  expect(await nextEvent(organization.id)).toMatchObject({
    status: "aborted",
    is_estimated: true,
    output_tokens: 0,
  });
});

test("a stream that breaks reaches its caller as an error and is recorded at what came", async () => {
  const mark = marker();
  const stream = await openai.chat.completions.create({
    ...ask(`${mark} [[fake words=30 break_after=5]]`),
    stream: true,
  });
  const read = async () => {
    for await (const _ of stream);
  };

  await expect(read()).rejects.toThrow();
  const event = await nextEvent(organization.id);
  expect(event).toMatchObject({ status: "failed", is_estimated: true });
  expect(event.output_tokens).toBeLessThanOrEqual(5);
});

for (const status of [400, 429, 500]) {
  test(`the provider's ${status} passes untouched and costs nothing`, async () => {
    const error = await openai.chat.completions
      .create(ask(`[[fake status=${status} retry_after=3]]`))
      .catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status, message: expect.stringContaining("as asked") });
    expect((error as APIError).headers?.get("retry-after")).toBe("3");
    expect(await eventsOf(organization.id)).toEqual([]);
  });
}

test("an answer without usage is recorded as an estimate", async () => {
  const mark = marker();
  await openai.chat.completions.create(ask(`${mark} [[fake omit_usage words=20]]`));

  const [line] = await billOf(mark);
  expect(await eventsOf(organization.id)).toMatchObject([
    { status: "success", is_estimated: true, output_tokens: line?.classes?.output },
  ]);
});

describe("over quota", () => {
  test("a call is refused with the SDK's own error, and the provider sees nothing", async () => {
    const mark = marker();
    await setDailyQuota(organization.id, 0.0001);

    const error = await openai.chat.completions
      .create(ask(mark))
      .catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(APIError);
    const { status, code, type, error: body } = error as APIError;
    expect({ status, code, type }).toEqual({
      status: 402,
      code: "PT402",
      type: "insufficient_quota",
    });
    expect(body).toMatchObject({
      quota: { metric: "cost_usd", quota_type: "daily", quota_limit: 0.0001, reason: "quota" },
    });
    expect(await billOf(mark, { ended: 0 })).toEqual([]);
    expect(await eventsOf(organization.id)).toEqual([]);
  });

  test("the same call fits when it asks for less", async () => {
    await setDailyQuota(organization.id, 0.0001);

    const { response } = await openai.chat.completions
      .create({ ...ask("hello"), max_completion_tokens: 20 })
      .withResponse();

    const left = Number(response.headers.get("x-tally-remaining"));
    const cost = Number(response.headers.get("x-tally-cost-usd"));
    expect(left + cost).toBeCloseTo(0.0001, 12);
    expect(response.headers.get("x-tally-remaining-metric")).toBe("cost_usd");
  });

  test("parallel callers never get more than the quota holds", async () => {
    const mark = marker();
    // Each call holds 2,000 output tokens of gpt-4o-mini at 0.60 per million, a little more in all.
    await setDailyQuota(organization.id, 0.0125);
    const calls = Array.from({ length: 30 }, () =>
      openai.chat.completions.create({
        ...ask(`${mark} [[fake output=2000 input=20]]`),
        max_completion_tokens: 2000,
      }),
    );

    const results = await Promise.allSettled(calls);

    const admitted = results.filter(({ status }) => status === "fulfilled").length;
    expect(admitted).toBe(10);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ status: 402 });
    }
    expect(await billOf(mark, { ended: admitted })).toHaveLength(admitted);
    expect(await eventsOf(organization.id)).toHaveLength(admitted);
  });

  test("a model without a price is refused while a cost quota guards it, recorded otherwise", async () => {
    const unknown = { ...ask("hello"), model: "a-model-without-a-price" };

    const { response } = await openai.chat.completions.create(unknown).withResponse();
    expect(response.headers.has("x-tally-cost-usd")).toBe(false);
    expect(await eventsOf(organization.id)).toMatchObject([{ cost_usd: null }]);

    await setDailyQuota(organization.id, 100);
    await expect(openai.chat.completions.create(unknown)).rejects.toMatchObject({
      status: 402,
      error: { quota: { reason: "unpriced" } },
    });
  });
});

describe("who calls", () => {
  const path = "gateway/openai/v1/chat/completions";

  test("nobody without a key, with a wrong, revoked or narrower one", async () => {
    const mark = marker();
    const revoked = await createApiKey(organization.id);
    await sql`
      select public.revoke_api_key(id) from public.api_keys
      where key_prefix = ${revoked.slice(0, 12)} and organization_id = ${organization.id}`;
    const narrow = await createApiKey(organization.id, ["track"]);

    for (const [key, status] of [
      [null, 401],
      [`tally_${"x".repeat(43)}`, 401],
      [revoked, 401],
      [stack.PUBLISHABLE_KEY, 401],
      [narrow, 403],
    ] as const) {
      const response = await callFunction(path, key, ask(mark));
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ error: { code: `PT${status}` } });
    }
    expect(await billOf(mark, { ended: 0 })).toEqual([]);
  });

  test("a member by session, for the organization that is named", async () => {
    const user = await createUser();
    await addMember(organization.id, user.id);
    const named = { "x-tally-organization": organization.id, "x-tally-tool": "assistant" };

    await openaiThroughGateway(user.token, named).chat.completions.create(ask("hello"));
    await openaiThroughGateway(user.token, named).chat.completions.create(ask("hello again"));

    expect(await eventsOf(organization.id)).toMatchObject([
      { user_id: user.id, api_key_id: null, tool_name: "assistant" },
      { user_id: user.id },
    ]);
  });

  test("nobody for somebody else's organization", async () => {
    const stranger = await createUser();
    const mark = marker();
    const named = { "x-tally-organization": organization.id };

    await expect(
      openaiThroughGateway(stranger.token, named).chat.completions.create(ask(mark)),
    ).rejects.toMatchObject({ status: 403 });
    const other = await createOrganization();
    await expect(
      openaiThroughGateway(other.apiKey, named).chat.completions.create(ask(mark)),
    ).rejects.toMatchObject({ status: 403 });
    expect(await billOf(mark, { ended: 0 })).toEqual([]);
  });

  test("nobody with a token that has expired or was made up", async () => {
    const user = await createUser();
    await addMember(organization.id, user.id);
    const claims = { sub: user.id, role: "authenticated", aud: "authenticated" };
    const expired = signToken({ ...claims, exp: Math.floor(Date.now() / 1000) - 1 });
    const [header, payload] = user.token.split(".");
    const forged = `${header}.${payload}.${"A".repeat(43)}`;

    for (const token of [expired, forged]) {
      const response = await callFunction(path, token, ask("hello"), {
        headers: { "x-tally-organization": organization.id },
      });
      expect(response.status).toBe(401);
    }
    expect(await eventsOf(organization.id)).toEqual([]);
  });

  test("the service, for anyone, in a user's name", async () => {
    const user = await createUser();
    const headers = { "x-tally-organization": organization.id, "x-tally-user": user.id };

    await openaiThroughGateway(stack.SECRET_KEY, headers).chat.completions.create(ask("hello"));

    expect(await eventsOf(organization.id)).toMatchObject([{ user_id: user.id }]);
  });
});

test("a key of the caller's own makes a call at most once", async () => {
  const mark = marker();
  const keyed = openaiThroughGateway(organization.apiKey, { "idempotency-key": mark });

  await expect(
    keyed.chat.completions.create(ask(`${mark} [[fake status=500]]`)),
  ).rejects.toMatchObject({ status: 500 });
  await keyed.chat.completions.create(ask(mark));
  await expect(keyed.chat.completions.create(ask(mark))).rejects.toMatchObject({ status: 409 });

  expect(await billOf(mark, { ended: 2 })).toHaveLength(2);
  expect(await eventsOf(organization.id)).toMatchObject([{ idempotency_key: mark }]);
});

test("no word of a conversation is kept in the database", async () => {
  const canary = marker();
  await openai.chat.completions.create(ask(`${canary} [[fake words=3]]`));
  const stream = await openai.chat.completions.create({
    ...ask(`${canary} [[fake words=9 break_after=2]]`),
    stream: true,
  });
  await (async () => {
    for await (const _ of stream);
  })().catch(() => {});
  await nextEvent(organization.id, 2);

  const tables = await sql<{ name: string }[]>`
    select format('%I.%I', schemaname, tablename) as name from pg_catalog.pg_tables
    where schemaname in ('public', 'tally')`;
  for (const { name } of tables) {
    const found = await sql.unsafe(`select 1 from ${name} as t where t::text like $1 limit 1`, [
      `%${canary}%`,
    ]);
    expect(found, name).toHaveLength(0);
  }
});
