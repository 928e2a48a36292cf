import { expect, test } from "vitest";
import type { QuotaState } from "../../packages/client/src/index.ts";
import { describeQuota } from "../../packages/react/src/index.ts";

const quota = {
  metric: "cost_usd",
  quotaType: "monthly",
  currentUsage: 7.5,
  quotaLimit: 10,
  percentUsed: 75,
  level: "warning",
  resetAt: "2026-12-01T00:00:00Z",
} as QuotaState;

test("money, how full it is, and when it starts again", () => {
  expect(describeQuota(quota, "en-US")).toMatchObject({
    label: "Budget this month",
    usage: "$7.50 of $10.00 used (75%)",
    warning: "Running low",
    reset: expect.stringMatching(/^Starts again (November 30|December 1) at /),
  });
});

test("numbers as they are written elsewhere", () => {
  expect(describeQuota(quota, "de-DE").usage).toBe("7,50\u00a0$ of 10,00\u00a0$ used (75\u00a0%)");
});

test.each([
  [
    "a budget below a cent",
    { quotaLimit: 0.001, currentUsage: 0.00025 },
    "$0.00025 of $0.001 used (75%)",
  ],
  [
    "tokens",
    { metric: "total_tokens", quotaLimit: 1e6, currentUsage: 750_000 },
    "750,000 of 1,000,000 used (75%)",
  ],
])("%s", (_, more, usage) => {
  expect(describeQuota({ ...quota, ...more }, "en-US").usage).toBe(usage);
});

test.each([
  ["ok", null],
  ["critical", "Almost used up"],
  ["exceeded", "Used up"],
])("level %s", (level, warning) => {
  expect(describeQuota({ ...quota, level }, "en-US").warning).toBe(warning);
});

test("a limit in total never starts again", () => {
  const words = describeQuota({ ...quota, quotaType: "total", resetAt: null }, "en-US");
  expect(words).toMatchObject({ label: "Budget in total", reset: null });
});
