import { expect, test } from "vitest";
import { describeAlert } from "../../supabase/functions/_tally/alerts/describe-alert.ts";
import { alertOf } from "./support.ts";

test("a threshold names the limit, how much of it is used and when it resets", () => {
  expect(describeAlert(alertOf())).toEqual({
    title: "Acme: 90% of the monthly cost limit is used",
    text: "$92.50 of $100.00 (92%) is used. It resets on 1 December 2026 at 00:00 (UTC).",
  });
});

test("at the limit it says what happens to calls", () => {
  const used = {
    threshold: 100,
    level: "exceeded",
    current_usage: 104,
    percent_used: 104,
  } as const;

  expect(describeAlert(alertOf(used))).toEqual({
    title: "Acme: the monthly cost limit is used up",
    text: "$104.00 of $100.00 (104%) is used. It resets on 1 December 2026 at 00:00 (UTC). Calls are refused until then.",
  });
  expect(describeAlert(alertOf({ ...used, enforcement: "soft" })).text).not.toContain("refused");
  expect(describeAlert(alertOf({ ...used, enforcement: null })).text).not.toContain("refused");
  expect(describeAlert(alertOf({ ...used, quota_type: "total", reset_at: null })).text).toBe(
    "$104.00 of $100.00 (104%) is used. It does not reset: calls are refused until it is raised.",
  );
});

test("counts have their unit, small sums their digits, times the zone of the quota", () => {
  expect(
    describeAlert(
      alertOf({
        metric: "total_tokens",
        quota_type: "daily",
        quota_limit: 2_000_000,
        current_usage: 1_850_000,
        timezone: "Asia/Kolkata",
        reset_at: "2026-11-23T18:30:00+00:00",
      }),
    ),
  ).toEqual({
    title: "Acme: 90% of the daily token limit is used",
    text: "1,850,000 of 2,000,000 tokens (92%) are used. It resets on 24 November 2026 at 00:00 (Asia/Kolkata).",
  });
  expect(describeAlert(alertOf({ quota_limit: 0.002, current_usage: 0.00185 })).text).toContain(
    "$0.00185 of $0.002 (92%) is used.",
  );
  expect(
    describeAlert(alertOf({ quota_limit: 0, current_usage: 0.5, percent_used: null })).text,
  ).toContain("$0.50 of $0.00 is used.");
});

test("what the quota is for is named", () => {
  const title = (scope: object) => describeAlert(alertOf({ scope })).title;

  expect(title({ model: "gpt-5", provider: "openai" })).toBe(
    "Acme: 90% of the monthly cost limit for model gpt-5, provider openai is used",
  );
  expect(title({ api_key_id: "id", api_key_name: "build server" })).toContain(
    'for API key "build server" is used',
  );
  expect(title({ api_key_id: "5b1f0a77" })).toContain("for API key 5b1f0a77 is used");
  expect(title({ user_id: "ada", tool_name: "search", resource_type: "gb_hour" })).toContain(
    "for tool search, resource gb_hour, user ada is used",
  );
});

test("a forecast names the expected day", () => {
  expect(
    describeAlert(
      alertOf({
        kind: "forecast",
        level: "warning",
        threshold: 100,
        current_usage: 80,
        percent_used: 80,
        expected_at: "2026-11-28T06:00:00+00:00",
        timezone: "America/New_York",
      }),
    ),
  ).toEqual({
    title: "Acme: the monthly cost limit will be used up by 28 November at this pace",
    text:
      "$80.00 of $100.00 (80%) is used. At the pace since the period began, the limit is reached on " +
      "28 November 2026 at 01:00 (America/New_York), before it resets on 30 November 2026 at 19:00 (America/New_York).",
  });
});

test("prepaid credit: the mark it fell below, and a share of it", () => {
  const credit = { is_credit: true, quota_type: "total", reset_at: null } as const;

  expect(
    describeAlert(alertOf({ ...credit, kind: "top_up", level: "warning", threshold: 10 })),
  ).toEqual({
    title: "Acme: prepaid credit is below $10.00",
    text: "$7.50 of credit is left. Calls are refused when it is used up.",
  });
  expect(describeAlert(alertOf(credit))).toEqual({
    title: "Acme: 90% of the prepaid credit is used",
    text: "$92.50 of $100.00 (92%) is used. It does not renew.",
  });
  expect(describeAlert(alertOf({ ...credit, current_usage: 100 })).text).toContain(
    "Calls are refused until credit is granted.",
  );
});

test("a name stays on its line and within reason", () => {
  const { title } = describeAlert(
    alertOf({
      organization_name: "Acme\r\nBcc: eve@evil.test\u2028",
      scope: { model: "m".repeat(300) },
    }),
  );

  expect(title).toBe(
    `Acme Bcc: eve@evil.test: 90% of the monthly cost limit for model ${"m".repeat(79)}… is used`,
  );
});
