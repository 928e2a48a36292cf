import { beforeEach, describe, expect, test, vi } from "vitest";
import { createTallybase, type Tallybase } from "../../packages/client/src/index.ts";
import { type FakeProject, fakeProject, refuse } from "./fake-project.ts";
import { openaiCompletion } from "./provider-answers.ts";

const context = { provider: "google", model: "gemini-3-pro", toolName: "ads", operation: "hook" };

let project: FakeProject;
let tally: Tallybase;
beforeEach(() => {
  project = fakeProject();
  tally = createTallybase({
    url: "http://project.test",
    key: "sb_secret_1",
    organizationId: "org-1",
    fetch: project.fetch,
    retries: 0,
  });
});

const events = () => [...project.events.values()];

describe("using usage = tally.track(…)", () => {
  test("records what was filled in, with its duration, when the block ends", async () => {
    {
      await using usage = tally.track(context);
      usage.inputTokens = 120;
      usage.outputTokens = 30;
      usage.requestMetadata = { brand: 7 };
      expect(events()).toEqual([]);
    }
    expect(events()).toMatchObject([
      {
        provider: "google",
        tool_name: "ads",
        operation: "hook",
        input_tokens: 120,
        output_tokens: 30,
        status: "success",
        request_metadata: { brand: 7 },
        duration_ms: expect.any(Number),
      },
    ]);
  });

  test("without await records all the same, in its own time", async () => {
    {
      using usage = tally.track(context);
      usage.inputTokens = 1;
    }
    await expect.poll(events).toMatchObject([{ input_tokens: 1 }]);
  });

  test("records on the way out of an error", async () => {
    const fail = async () => {
      await using usage = tally.track(context);
      usage.status = "failed";
      usage.inputTokens = 9;
      throw new Error("the model is gone");
    };
    await expect(fail()).rejects.toThrow("the model is gone");
    expect(events()).toMatchObject([{ input_tokens: 9, output_tokens: 0, status: "failed" }]);
  });

  test("takes a provider's response as it came", async () => {
    {
      await using usage = tally.track({ provider: "openai", model: "gpt-4o" });
      usage.read(openaiCompletion);
    }
    expect(events()).toMatchObject([
      { model: "gpt-4o-2024-08-06", classes: { input: 120, output: 30 } },
    ]);
  });

  test("takes classes, or units", async () => {
    {
      await using usage = tally.track(context);
      usage.classes = { input: 3, cache_read: 4 };
    }
    {
      await using video = tally.track({ provider: "google", model: "veo-3" });
      video.units = 8;
      video.unitType = "second";
    }
    expect(events()).toMatchObject([
      { classes: { input: 3, cache_read: 4 } },
      { units: 8, unit_type: "second" },
    ]);
    expect(events()[1]).not.toHaveProperty("input_tokens");
  });

  test("finish answers with the receipt, and once is enough", async () => {
    await using usage = tally.track(context);
    usage.inputTokens = 10;
    const { data } = await usage.finish();
    expect(data).toMatchObject({ status: "recorded", inputTokens: 10 });
    await usage.finish();
    expect(project.count("track_usage")).toBe(1);
  });

  test("tells on the console what it could not write, when nobody else is told", async () => {
    project.answer("track_usage", () => refuse(400, "PT400", "No."));
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    {
      await using usage = tally.track(context);
      usage.inputTokens = 1;
    }
    expect(told).toHaveBeenCalledOnce();
    told.mockRestore();
  });
});

describe("tally.track(context, fn)", () => {
  test("returns what the function returns", async () => {
    const text = await tally.track(context, async (usage) => {
      usage.inputTokens = 5;
      return "hook";
    });
    expect(text).toBe("hook");
    expect(events()).toMatchObject([{ input_tokens: 5, status: "success" }]);
  });

  test("records a function that throws as failed, and throws its error", async () => {
    const call = tally.track(context, (usage) => {
      usage.inputTokens = 5;
      throw new Error("no");
    });
    await expect(call).rejects.toThrow("no");
    expect(events()).toMatchObject([{ input_tokens: 5, status: "failed" }]);
  });
});

test("an event that says what was used is recorded at once", async () => {
  const { data } = await tally.track({ ...context, inputTokens: 0, outputTokens: 0 });
  expect(data?.status).toBe("recorded");
  expect((await tally.track({ ...context, status: "failed" })).data?.status).toBe("recorded");
});
