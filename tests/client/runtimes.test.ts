import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildClient } from "../../packages/client/scripts/build.ts";

const run = promisify(execFile);
const bin = resolve(import.meta.dirname, "../../node_modules/.bin");

/** The built package and a program that uses every part of it, in a directory of their own. */
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tallybase-runtimes-"));
  await buildClient(join(directory, "client"));
  await writeFile(join(directory, "check.js"), program);
  await writeFile(join(directory, "package.json"), '{ "type": "module" }');
}, 60_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

/** What the program says when all is well. */
const expected = {
  tracked: "recorded",
  wrapped: 3,
  streamed: 3,
  measured: true,
  flushed: 1,
  chat: "Hello",
  resource: "0.000000001",
};

test("Node, as it is installed on this machine", async () => {
  const outside = process.env.PATH?.split(delimiter).filter(
    (part) => !part.includes("node_modules"),
  );
  await writeFile(
    join(directory, "node.js"),
    `import { check } from "./check.js";
     console.log(JSON.stringify(await check()), process.version);`,
  );
  const env = { ...process.env, PATH: outside?.join(delimiter) };
  const { stdout } = await run("node", ["node.js"], { cwd: directory, env });
  expect(JSON.parse(stdout.slice(0, stdout.lastIndexOf("}") + 1))).toEqual(expected);
});

test("Node: what waits in a queue is sent before the process ends", async () => {
  await writeFile(
    join(directory, "end.js"),
    `import { createTallybase } from "./client/index.js";
     const fetch = async (url, { body }) => {
       console.log(JSON.parse(body).events.length);
       return Response.json({ recorded: 1, duplicates: 0, rejected: [] });
     };
     const { queue } = createTallybase({ url: "http://project.test", key: "k", fetch });
     queue.add({ provider: "openai", model: "m", inputTokens: 1 });`,
  );
  const startedAt = performance.now();
  const { stdout } = await run("node", ["end.js"], { cwd: directory });
  expect(stdout.trim()).toBe("1");
  expect(performance.now() - startedAt).toBeLessThan(4_000);
});

test("Deno, without a permission", async () => {
  await writeFile(
    join(directory, "deno.js"),
    `import { check } from "./check.js";
     console.log(JSON.stringify(await check()));`,
  );
  const { stdout } = await run(
    join(bin, "deno"),
    ["run", "--no-prompt", "--no-remote", "deno.js"],
    {
      cwd: directory,
      env: { ...process.env, NO_COLOR: "1" },
    },
  );
  expect(JSON.parse(stdout)).toEqual(expected);
});

test("Cloudflare's workerd", async () => {
  const modules = ["worker.js", "check.js", ...(await clientModules())];
  await writeFile(
    join(directory, "worker.js"),
    `import { check } from "./check.js";
     export default {
       async test() {
         const found = JSON.stringify(await check());
         if (found !== ${JSON.stringify(JSON.stringify(expected))}) throw new Error(found);
       },
     };`,
  );
  const listed = modules.map((name) => `(name = "${name}", esModule = embed "${name}")`);
  await writeFile(
    join(directory, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
     const config :Workerd.Config = (services = [(name = "main", worker = .worker)]);
     const worker :Workerd.Worker = (
       modules = [${listed.join(", ")}],
       compatibilityDate = "2026-01-01",
     );`,
  );
  const { stderr } = await run(join(bin, "workerd"), ["test", "config.capnp"], { cwd: directory });
  expect(stderr).toContain("PASS");
});

async function clientModules(): Promise<string[]> {
  const files = await readdir(join(directory, "client"));
  return files.filter((name) => name.endsWith(".js")).map((name) => `client/${name}`);
}

const program = `
import { createTallybase, resources } from "./client/index.js";

const answers = {
  reserve_usage: { allowed: true, hold_id: "h", expires_at: "2036-01-01T00:00:00Z" },
  settle_usage: { id: "e", status: "recorded", cost_usd: 0.1, total_tokens: 3 },
  track_usage: { id: "e", status: "recorded", cost_usd: 0.1, total_tokens: 3 },
  track_usage_batch: { recorded: 1, duplicates: 0, rejected: [] },
  usage_event: [{ cost_usd: 0.1 }],
};
const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
const frame = (value) => "data: " + JSON.stringify(value) + "\\n\\n";
const stream = () =>
  new Response(
    frame({ model: "m", choices: [{ delta: { content: "Hello" } }] }) +
      frame({ model: "m", choices: [], usage }) + "data: [DONE]\\n\\n",
    { headers: { "content-type": "text/event-stream" } },
  );

export async function check() {
  const event = { provider: "openai", model: "m", inputTokens: 1, outputTokens: 2 };
  const tally = createTallybase({
    url: "http://project.test",
    key: "sb_secret_1",
    organizationId: "o",
    fetch: async (url) =>
      url.includes("/gateway/") ? stream() : Response.json(answers[url.split("/").at(-1)]),
  });
  const tracked = await tally.track(event);
  const wrapped = await tally.wrapWithTracking(event, () => ({ model: "m", usage }));
  const metered = await tally.wrapWithTracking(event, stream);
  await metered.response.text();
  const streamed = await metered.usage;
  const measured = await tally.track({ provider: "openai", model: "m" }, (usage) => {
    usage.inputTokens = 1;
    return true;
  });
  tally.queue.add(event);
  const flushed = await tally.queue.close();
  const chat = await tally.executeWithTracking({
    provider: "openai",
    model: "m",
    messages: [{ role: "user", content: "Hi" }],
    stream: true,
  });
  return {
    tracked: tracked.data?.status,
    wrapped: wrapped.usage.totalTokens,
    streamed: streamed.totalTokens,
    measured,
    flushed: flushed.recorded,
    chat: (await chat.finalResponse()).content,
    resource: resources.bandwidth({ bytes: 1 }).units,
  };
}
`;
