import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { executeAgent, type Session } from "../../../examples/agent-session.ts";
import { QuotaBar } from "../../../examples/quota-indicator.ts";
import { executeAINode } from "../../../examples/workflow-node.ts";
import { configureTallybase, getQuotaStatus } from "../../../packages/client/src/index.ts";
import { readSnippets, repository } from "../../client/snippets.ts";
import { createTenant, eventsOf, setQuota, sql, stack, type Tenant } from "./arrange.ts";

const programs = readSnippets().filter(({ isProgram }) => isProgram);
/** In the repository, so that the programs find the packages that they import. */
const file = join(repository, `examples/guide-${process.pid}.ts`);

let tenant: Tenant;
beforeEach(async () => {
  tenant = await createTenant();
});
afterAll(async () => {
  await rm(file, { force: true });
  await sql.end();
});

/** Runs a program with the environment that the guides assume, its providers at the fake one. */
async function run(code: string): Promise<string> {
  await writeFile(file, code);
  const provider = stack.FAKE_PROVIDER_URL;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], {
    env: {
      ...process.env,
      SUPABASE_URL: stack.API_URL,
      SUPABASE_SECRET_KEY: stack.SECRET_KEY,
      ORGANIZATION_ID: tenant.organizationId,
      TALLYBASE_API_KEY: tenant.apiKey,
      OPENAI_BASE_URL: `${provider}/openai/v1`,
      OPENAI_API_KEY: "any",
      ANTHROPIC_BASE_URL: `${provider}/anthropic`,
      ANTHROPIC_API_KEY: "any",
      GOOGLE_GEMINI_BASE_URL: `${provider}/google`,
      GEMINI_API_KEY: "any",
      NODE_NO_WARNINGS: "1",
    },
  });
  expect(stderr).toBe("");
  return stdout;
}

test("the guides have programs", () => {
  expect(programs.length).toBeGreaterThanOrEqual(10);
});

test.each(programs.map(({ place, code }) => [place, code] as const))("%s runs", async (_, code) => {
  const output = await run(code);
  const records = !code.includes("tally.reports.") || code.includes("execution(");
  const events = await eventsOf(tenant.organizationId);
  expect(events.length > 0).toBe(records);
  expect(events.every(({ cost_usd }) => Number(cost_usd) >= 0)).toBe(true);
  if (code.includes("console.log(") && records) expect(output).not.toContain("Refused");
});

describe("the examples", () => {
  beforeAll(() => {
    configureTallybase({ url: stack.API_URL, key: stack.SECRET_KEY });
  });

  const session = (): Session => ({
    model: { provider: "openai", model: "gpt-4o" },
    context: { organizationId: tenant.organizationId, sessionId: "session-1" },
    messages: [{ role: "user", content: "Hello!" }],
  });

  test("a session: its answer, its cost, and a quota in words", async () => {
    const talk = session();
    const turn = await executeAgent(talk);
    expect(turn).toMatchObject({ error: null, costUsd: expect.any(Number) });
    expect(talk.messages.at(-1)).toEqual({ role: "assistant", content: turn.answer });
    await setQuota(tenant.organizationId, 0.0001);
    const refused = await executeAgent(session());
    expect(refused.error).toBe("Usage quota exceeded. Ask your administrator.");
    expect(await eventsOf(tenant.organizationId)).toHaveLength(1);
  });

  test("a workflow's node: what it hands on, and that it failed", async () => {
    const workflow = { organizationId: tenant.organizationId, workflowId: "flow-1" };
    const messages = [{ role: "user", content: "Hello!" }];
    const config = { provider: "anthropic", model: "claude-sonnet-4-5", messages } as const;
    const done = await executeAINode({ config }, workflow);
    expect(done).toMatchObject({ success: true, metadata: { tokens: expect.any(Number) } });
    const failed = await executeAINode({ config }, { ...workflow, organizationId: "none" });
    expect(failed).toMatchObject({ success: false, error: expect.stringContaining("uuid") });
  });

  test("a quota's bar", async () => {
    await setQuota(tenant.organizationId, 1);
    await tenant.tally.track({ provider: "openai", model: "gpt-4o", inputTokens: 320_000 });
    const quota = await getQuotaStatus(tenant.organizationId);
    if (!quota) throw new Error("the quota is there");
    const html = renderToString(createElement(QuotaBar, { quota }));
    expect(html).toContain("$0.80 / $1.00 used");
    expect(html).toContain('aria-valuenow="80"');
  });
});
