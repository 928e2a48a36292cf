import { beforeEach, describe, expect, test, vi } from "vitest";
import { createTallybase, type Tallybase } from "../../packages/client/src/index.ts";
import { type FakeProject, fakeProject, refuse } from "./fake-project.ts";
import { anthropicMessage } from "./provider-answers.ts";

const claude = { provider: "anthropic", model: "claude-sonnet-4-5" };

let project: FakeProject;
let tally: Tallybase;
let log: Record<string, unknown>[];
beforeEach(() => {
  project = fakeProject();
  log = [];
  project.answer("log_execution", ({ execution }) => {
    log.push(execution as Record<string, unknown>);
    return Response.json({ id: (execution as { id: string }).id });
  });
  tally = createTallybase({
    url: "http://project.test",
    key: "sb_secret_1",
    organizationId: "org-1",
    fetch: project.fetch,
    retries: 0,
  });
});

describe("an agent's run", () => {
  test("is logged from its start to its end, its calls count for it", async () => {
    const reply = await tally.execution(
      {
        package: { id: "ticket-resolver", name: "Ticket resolver" },
        userId: "user-1",
        customerTier: "premium",
        inputData: { ticketId: 7 },
        queueTimeMs: 12,
      },
      async (run) => {
        await run.wrapWithTracking(claude, async () => anthropicMessage, 0.01);
        await run.track({ ...claude, inputTokens: 3 });
        run.set({ outputData: { resolved: true }, metadata: { steps: { maxTokens: 2 } } });
        return "done";
      },
    );
    expect(reply).toBe("done");
    const [started, ended] = log;
    expect(started).toMatchObject({ status: "running", package_id: "ticket-resolver" });
    expect(ended).toMatchObject({
      id: started?.id,
      organization_id: "org-1",
      package_name: "Ticket resolver",
      user_id: "user-1",
      customer_tier: "premium",
      status: "success",
      input_data: { ticketId: 7 },
      output_data: { resolved: true },
      metadata: { steps: { maxTokens: 2 } },
      queue_time_ms: 12,
      started_at: expect.any(String),
      completed_at: expect.any(String),
    });
    expect([...project.events.values()]).toMatchObject([
      { execution_id: started?.id, user_id: "user-1" },
      { execution_id: started?.id, user_id: "user-1" },
    ]);
  });

  test("what the agent answers is not logged by itself", async () => {
    await tally.execution({ package: "writer" }, async () => "a secret");
    expect(JSON.stringify(log)).not.toContain("a secret");
  });

  test("that throws is logged as failed, with its error", async () => {
    const run = tally.execution({ package: "writer" }, () => {
      throw new Error("out of ideas");
    });
    await expect(run).rejects.toThrow("out of ideas");
    expect(log.at(-1)).toMatchObject({ status: "failed", error: "out of ideas" });
  });

  test.each([
    ["TimeoutError", "timeout"],
    ["AbortError", "aborted"],
  ])("that ends by %s is logged as %s", async (name, status) => {
    const run = tally.execution({ package: "writer" }, () => {
      throw new DOMException("over", name);
    });
    await expect(run).rejects.toThrow("over");
    expect(log.at(-1)).toMatchObject({ status });
  });

  test("goes on when it cannot be logged", async () => {
    project.answer("log_execution", () => refuse(503, "PT503", "Later."));
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await tally.execution({ package: "writer" }, () => 42)).toBe(42);
    expect(told).toHaveBeenCalledTimes(2);
    told.mockRestore();
  });
});

test("logExecution writes a run of elsewhere", async () => {
  project.answer("log_execution", () =>
    Response.json({ id: "x", status: "success", total_cost_usd: 0.5, request_count: 2 }),
  );
  const { data } = await tally.logExecution({ packageId: "writer", durationMs: 2_500 });
  expect(data).toMatchObject({ totalCostUsd: 0.5, requestCount: 2 });
});
