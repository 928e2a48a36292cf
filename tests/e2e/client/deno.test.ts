import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { buildClient } from "../../../packages/client/scripts/build.ts";
import { repository } from "../../client/snippets.ts";
import { createTenant, eventsOf, sql, stack } from "./arrange.ts";

afterAll(() => sql.end());

test("Deno: a call, a chat, a measured block and a queue, in the ledger", async () => {
  const { organizationId } = await createTenant();
  const directory = await mkdtemp(join(tmpdir(), "tallybase-deno-"));
  try {
    await buildClient(join(directory, "client"));
    await writeFile(join(directory, "program.ts"), program);
    const { host } = new URL(stack.API_URL);
    const permissions = [`--allow-net=${host}`, "--allow-env=API_URL,SECRET_KEY,ORGANIZATION_ID"];
    await promisify(execFile)(
      join(repository, "node_modules/.bin/deno"),
      ["run", "--no-prompt", "--no-remote", ...permissions, join(directory, "program.ts")],
      {
        env: {
          ...process.env,
          API_URL: stack.API_URL,
          SECRET_KEY: stack.SECRET_KEY,
          ORGANIZATION_ID: organizationId,
        },
      },
    );
    const events = await eventsOf(organizationId);
    expect(events.map(({ tool_name }) => tool_name).sort()).toEqual([
      "chat",
      "measured",
      "queued",
      "queued",
      "wrapped",
    ]);
    expect(events.every(({ cost_usd }) => Number(cost_usd) > 0)).toBe(true);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

const program = `
import { createTallybase } from "./client/index.js";

const tally = createTallybase({
  url: Deno.env.get("API_URL")!,
  key: Deno.env.get("SECRET_KEY")!,
  organizationId: Deno.env.get("ORGANIZATION_ID")!,
});
const model = { provider: "openai", model: "gpt-4o" };

await tally.wrapWithTracking(
  { ...model, toolName: "wrapped" },
  () => ({ model: "gpt-4o", usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } }),
  0.01,
);
const stream = await tally.executeWithTracking(
  { provider: "openai", model: "gpt-4o", messages: [{ role: "user", content: "Hello" }], stream: true },
  { toolName: "chat" },
);
if ((await stream.finalResponse()).content === "") throw new Error("no answer");
{
  await using usage = tally.track({ ...model, toolName: "measured" });
  usage.inputTokens = 10;
}
// Not flushed: what waits is sent before the process ends.
for (let count = 0; count < 2; count++) {
  tally.queue.add({ ...model, toolName: "queued", inputTokens: 10, outputTokens: 1 });
}
`;
