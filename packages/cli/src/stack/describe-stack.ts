import { styleText } from "node:util";
import type { StackInfo } from "../state/run-file.ts";

/** The formats of `tallybase status`. */
export const FORMATS = ["pretty", "json", "env"] as const;
export type Format = (typeof FORMATS)[number];

/** Writes what is where, for a person or a program. */
export function describeStack(info: StackInfo, format: Format): string {
  if (format === "json") return JSON.stringify(info, null, 2);
  if (format === "env") {
    return Object.entries(info)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join("\n");
  }
  return pretty(info);
}

function pretty(info: StackInfo): string {
  const rows: [string, string][] = [
    ["API", info.API_URL],
    ["Functions", info.FUNCTIONS_URL],
    ["Database", info.DB_URL],
    ["Fake provider", info.FAKE_PROVIDER_URL],
    ["Fake Stripe", `${info.FAKE_STRIPE_URL}/__fake/usage`],
    ["Publishable key", info.PUBLISHABLE_KEY],
    ["Secret key", info.SECRET_KEY],
  ];
  if (info.DEMO_API_KEY) {
    rows.push(
      ["Demo login", `${info.DEMO_EMAIL}  ${info.DEMO_PASSWORD}`],
      ["Organization", info.DEMO_ORGANIZATION_ID],
      ["API key", info.DEMO_API_KEY],
    );
  }
  const lines = rows.map(([label, value]) => `  ${styleText("dim", label.padEnd(16))} ${value}`);
  if (!info.DEMO_API_KEY) return lines.join("\n");
  return [
    ...lines,
    "",
    `  ${styleText("bold", "A first metered call")} (no provider key needed):`,
    "",
    firstCall(info),
  ].join("\n");
}

function firstCall(info: StackInfo): string {
  const body = JSON.stringify({
    model: "gpt-5-mini",
    messages: [{ role: "user", content: "Hello" }],
  });
  return [
    `  curl -i ${info.FUNCTIONS_URL}/gateway/openai/v1/chat/completions \\`,
    `    -H "Authorization: Bearer ${info.DEMO_API_KEY}" \\`,
    `    -H "Content-Type: application/json" \\`,
    `    -d '${body}'`,
  ].join("\n");
}
