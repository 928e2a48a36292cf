import { expect, test } from "vitest";
import { createTallybase } from "../../packages/client/src/index.ts";
import { fakeGateway } from "./fake-gateway.ts";

/** A streamed chat whose stream ends with this, by a client who may not ask the database. */
async function costOf(ending: string): Promise<number | null> {
  const gateway = fakeGateway();
  gateway.costless = true;
  gateway.answer(() => {
    const { headers } = gateway.stream([]);
    const text = `data: ${JSON.stringify({ choices: [{ delta: { content: "Hi" } }] })}\n\n`;
    return new Response(`${text}data: [DONE]\n\n${ending}`, { headers });
  });
  const url = "http://project.test";
  const tally = createTallybase({ url, key: "tally_1", fetch: gateway.fetch });
  const stream = await tally.executeWithTracking({
    provider: "openai",
    model: "gpt-5.4-mini",
    messages: [{ role: "user", content: "Hello!" }],
    stream: true,
  });
  const answer = await stream.finalResponse();
  expect(answer.content).toBe("Hi");
  expect(gateway.seen[0]?.headers.get("x-tally-stream-cost")).toBe("1");
  return answer.cost;
}

test("the cost of a stream is in the comment after it", async () => {
  expect(await costOf('\n\n: tally {"usage_id":"usage-1","cost_usd":"0.00005875"}\n\n')).toBe(
    0.00005875,
  );
});

test("no price, no comment, or one of somebody else: it is not known", async () => {
  for (const ending of [
    ': tally {"usage_id":"usage-1","cost_usd":null}\n\n',
    "",
    ": keep-alive\n\n",
    ": tally {\n\n",
  ]) {
    expect(await costOf(ending)).toBeNull();
  }
});
