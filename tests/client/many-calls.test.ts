import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTallybase } from "../../packages/client/src/index.ts";
import { fakeProject } from "./fake-project.ts";
import { openaiChunks, openaiCompletion, sourceOf } from "./provider-answers.ts";

const context = { provider: "openai", model: "gpt-4o" };
const calls = 1_000;

const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);
beforeAll(() => void process.on("unhandledRejection", note));
afterAll(() => void process.off("unhandledRejection", note));

function connect() {
  const project = fakeProject();
  const connection = { url: "http://project.test", key: "sb_secret_1", organizationId: "org-1" };
  return { project, tally: createTallybase({ ...connection, fetch: project.fetch, retries: 0 }) };
}

/** A third answers, a third streams, a third fails; of the streams a half is left early. */
async function makeCalls(tally: ReturnType<typeof createTallybase>): Promise<void> {
  const one = async (index: number) => {
    if (index % 3 === 0) {
      await tally.wrapWithTracking(context, async () => openaiCompletion, 0.01);
    } else if (index % 3 === 1) {
      const source = () => sourceOf(openaiChunks).stream;
      const { response } = await tally.wrapWithTracking(context, source, 0.01);
      for await (const _ of response) if (index % 2 === 0) break;
    } else {
      const failing = tally.wrapWithTracking(context, () => Promise.reject(new Error("no")), 0.01);
      await failing.catch(() => {});
    }
  };
  await Promise.all(Array.from({ length: calls }, (_, index) => one(index)));
}

test("1,000 calls at once: each hold ends, nothing is left behind", async () => {
  const { project, tally } = connect();
  await makeCalls(tally);
  const states = [...project.holds.values()];
  expect(states).toHaveLength(calls);
  expect(states.filter((state) => state === "open")).toEqual([]);
  expect(project.events.size).toBe(states.filter((state) => state === "settled").length);
  expect(unhandled).toEqual([]);
});

test("the memory of thousands of calls is given back", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const { tally } = connect();
  await makeCalls(tally);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let round = 0; round < 5; round++) await makeCalls(connect().tally);
  collect();
  const grownBytes = process.memoryUsage().heapUsed - before;
  console.log(`5,000 calls left ${(grownBytes / 1e6).toFixed(1)} MB behind`);
  // Five thousand calls that were kept would be some 50 MB.
  expect(grownBytes).toBeLessThan(5e6);
  expect(process.listenerCount("beforeExit")).toBeLessThan(5);
});

test("what wrapping a call costs", async () => {
  const { tally } = connect();
  const call = () => tally.wrapWithTracking(context, async () => openaiCompletion, 0.01);
  await Promise.all(Array.from({ length: calls }, call));
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: calls }, call));
  const perCallMs = (performance.now() - startedAt) / calls;
  console.log(`overhead of a wrapped call: ${perCallMs.toFixed(3)} ms, two requests included`);
  expect(perCallMs).toBeLessThan(10);
});
