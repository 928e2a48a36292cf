import { afterAll, expect, test } from "vitest";
import {
  billOf,
  createOrganization,
  marker,
  nextEvent,
  openHolds,
  setDailyQuota,
  sql,
} from "../functions/arrange.ts";
import { forEachAtOnce, openClients, priceOfBill, recordedCost, seededRandom } from "./arrange.ts";

const CALLS = 2_000;
const WIDTH = 16;
const SEED = Number(process.env.SEED ?? 20261123);

afterAll(() => sql.end());

interface PlannedCall {
  kind: "openai" | "anthropic" | "google" | "xai" | "responses" | "embeddings" | "images";
  fate: "complete" | "abort" | "fail";
  stream: boolean;
  wishes: string;
}

const STREAMED = new Set(["openai", "anthropic", "google", "xai", "responses"]);

/** 10 % are aborted in the middle of a stream, 5 % fail at the provider, the rest is answered. */
function planCalls(): PlannedCall[] {
  const random = seededRandom(SEED);
  const below = (most: number) => Math.floor(random() * most);
  const kinds = ["openai", "anthropic", "google", "xai", "responses", "embeddings", "images"];
  return Array.from({ length: CALLS }, () => {
    const dice = random();
    const fate = dice < 0.1 ? "abort" : dice < 0.15 ? "fail" : "complete";
    const kind = kinds[below(fate === "abort" ? 5 : 7)] as PlannedCall["kind"];
    const stream = STREAMED.has(kind) && (fate === "abort" || random() < 0.5);
    const words = 4 + below(30);
    const length = 20 + below(400);
    const ending =
      fate === "abort"
        ? ` hang_after=${below(words)}`
        : fate === "fail"
          ? ` status=${random() < 0.5 ? 500 : 429}`
          : "";
    const isText = kind !== "images" && kind !== "embeddings";
    const tokens = isText
      ? ` cached=${below(length)} reasoning=${below(3) === 0 ? below(200) : 0}`
      : "";
    const wishes = `${"word ".repeat(length)}[[fake words=${words}${tokens}${ending}]]`;
    return { kind, fate, stream, wishes };
  });
}

test(`${CALLS} mixed calls come to the provider's own bill (seed ${SEED})`, {
  timeout: 300_000,
}, async () => {
  const organization = await createOrganization();
  // Every call is held and settled on a quota, as in earnest.
  await setDailyQuota(organization.id, 1_000);
  const clients = openClients(organization.apiKey);
  const run = marker();
  const planned = planCalls();

  await forEachAtOnce([...planned.entries()], WIDTH, async ([index, call]) => {
    const mark = `${run}-${index}-`;
    const controller = new AbortController();
    const made = makeCall(clients, call, `${mark} ${call.wishes}`, controller.signal).then(
      () => "complete",
      (error: { status?: number }) => (error.status === undefined ? "abort" : "fail"),
    );
    if (call.fate === "abort") {
      // All that will come is on its way once the provider has the request; it then waits for us.
      await billOf(mark, { received: 1 });
      controller.abort();
    }
    expect(await made, `${index}: ${JSON.stringify(call)}`).toBe(call.fate);
  });

  const count = (fate: string) => planned.filter((call) => call.fate === fate).length;
  await nextEvent(organization.id, count("complete") + count("abort"));
  const bill = await billOf(run, { ended: CALLS });
  const complete = bill.filter(({ outcome }) => outcome === "complete");
  const aborted = bill.filter(({ outcome }) => outcome === "aborted");
  expect([complete.length, aborted.length]).toEqual([count("complete"), count("abort")]);

  // To the last digit.
  expect(await recordedCost(organization.id, "success")).toBe(await priceOfBill(complete));
  // An aborted call is recorded at no more than its hold, and at no less than what was read of it.
  const [bounds] = await sql<{ low: boolean; events: number; beyond: number }[]>`
      select count(*)::int as events,
        count(*) filter (where u.cost_usd > (h.amounts ->> 'cost_usd')::numeric)::int as beyond,
        bool_and(u.is_estimated and u.cost_usd > 0) as low
      from public.token_usage as u
      join public.usage_holds as h on h.organization_id = u.organization_id and h.event_id = u.id
      where u.organization_id = ${organization.id} and u.status = 'aborted'`;
  expect(bounds).toEqual({ events: count("abort"), beyond: 0, low: true });
  expect(await openHolds(organization.id)).toBe(0);
  expect(await sql`select * from public.verify_ledger(${organization.id})`).toEqual([]);
});

async function makeCall(
  { openai, anthropic, google, xai }: ReturnType<typeof openClients>,
  { kind, stream }: PlannedCall,
  prompt: string,
  signal: AbortSignal,
): Promise<void> {
  const messages = [{ role: "user" as const, content: prompt }];
  const max_tokens = 400;
  switch (kind) {
    case "openai":
    case "xai": {
      const model = kind === "xai" ? "grok-4" : "gpt-4o-mini";
      const { completions } = (kind === "xai" ? xai : openai).chat;
      const request = { model, messages, max_completion_tokens: max_tokens };
      if (stream) return drain(await completions.create({ ...request, stream }, { signal }));
      await completions.create(request, { signal });
      return;
    }
    case "responses": {
      const request = { model: "gpt-5", input: prompt, max_output_tokens: max_tokens };
      if (stream) return drain(await openai.responses.create({ ...request, stream }, { signal }));
      await openai.responses.create(request, { signal });
      return;
    }
    case "anthropic": {
      const request = { model: "claude-sonnet-4-6", max_tokens, messages };
      if (stream) return drain(await anthropic.messages.create({ ...request, stream }, { signal }));
      await anthropic.messages.create(request, { signal });
      return;
    }
    case "google": {
      const config = { abortSignal: signal, maxOutputTokens: max_tokens };
      const request = { model: "gemini-2.5-flash", contents: prompt, config };
      if (stream) return drain(await google.models.generateContentStream(request));
      await google.models.generateContent(request);
      return;
    }
    case "embeddings":
      await openai.embeddings.create({ model: "text-embedding-3-small", input: prompt });
      return;
    case "images":
      await openai.images.generate({ model: "gpt-image-1", prompt, quality: "low" });
      return;
  }
}

/** Reads a stream to its end; one that was aborted ends early without an error of its own. */
async function drain(stream: AsyncIterable<unknown> & { controller?: AbortController }) {
  for await (const _ of stream);
  if (stream.controller?.signal.aborted) throw new Error("aborted");
}
