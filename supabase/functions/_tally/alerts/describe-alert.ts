import type { AlertData } from "./delivery.ts";

const METRICS: Record<string, { name: string; unit: string }> = {
  cost_usd: { name: "cost", unit: "USD" },
  total_tokens: { name: "token", unit: "tokens" },
  input_tokens: { name: "input token", unit: "input tokens" },
  output_tokens: { name: "output token", unit: "output tokens" },
  requests: { name: "request", unit: "requests" },
  units: { name: "usage", unit: "units" },
};

/** Longer names are cut: they are free text of whoever made them. */
const MAX_NAME_LENGTH = 80;

/** What a person reads about an alert: one line, and a few sentences. */
export function describeAlert(alert: AlertData): { title: string; text: string } {
  const name = oneLine(alert.organization_name);
  const { used, limit } = amounts(alert);
  if (alert.kind === "top_up") {
    const left = amount(alert.quota_limit - alert.current_usage, alert);
    return {
      title: `${name}: prepaid credit is below ${amount(alert.threshold, alert)}`,
      text: `${left} of credit is left. Calls are refused when it is used up.`,
    };
  }
  const what = limitName(alert);
  if (alert.kind === "forecast" && alert.expected_at !== null) {
    const reset = alert.reset_at === null
      ? ""
      : `, before it resets on ${time(alert.reset_at, alert)}`;
    return {
      title: `${name}: the ${what} will be used up by ${
        day(alert.expected_at, alert)
      } at this pace`,
      text:
        `${used} of ${limit} ${
          is(alert)
        } used. At the pace since the period began, the limit is reached on ` +
        `${time(alert.expected_at, alert)}${reset}.`,
    };
  }
  const title = alert.threshold === 100
    ? `${name}: the ${what} is used up`
    : `${name}: ${alert.threshold}% of the ${what} is used`;
  return { title, text: `${used} of ${limit} ${is(alert)} used. ${consequence(alert)}` };
}

function limitName(alert: AlertData): string {
  if (alert.is_credit) return "prepaid credit";
  const metric = METRICS[alert.metric]?.name ?? alert.metric;
  return [alert.quota_type, metric, "limit", ...scopeWords(alert)].join(" ");
}

/** `for model gpt-5 of openai, API key "build server"` */
function scopeWords({ scope }: AlertData): string[] {
  const { user_id, api_key_id, api_key_name, provider, model, tool_name, resource_type } = scope;
  const parts: string[] = [];
  if (model !== undefined) parts.push(`model ${oneLine(model)}`);
  if (provider !== undefined) parts.push(`provider ${oneLine(provider)}`);
  if (tool_name !== undefined) parts.push(`tool ${oneLine(tool_name)}`);
  if (resource_type !== undefined) parts.push(`resource ${oneLine(resource_type)}`);
  if (user_id !== undefined) parts.push(`user ${user_id}`);
  if (api_key_name !== undefined) parts.push(`API key "${oneLine(api_key_name)}"`);
  else if (api_key_id !== undefined) parts.push(`API key ${api_key_id}`);
  return parts.length === 0 ? [] : ["for", parts.join(", ")];
}

function amounts(alert: AlertData): { used: string; limit: string } {
  const share = alert.percent_used === null ? "" : ` (${alert.percent_used}%)`;
  return {
    used: amount(alert.current_usage, alert),
    limit: `${amount(alert.quota_limit, alert)}${unit(alert)}${share}`,
  };
}

function unit({ metric }: AlertData): string {
  return metric === "cost_usd" ? "" : ` ${METRICS[metric]?.unit ?? metric}`;
}

function is({ metric }: AlertData): string {
  return metric === "cost_usd" ? "is" : "are";
}

function amount(value: number, { metric }: AlertData): string {
  if (metric !== "cost_usd") return value.toLocaleString("en-US");
  return value.toLocaleString("en-US", {
    style: "currency",
    currency: "USD",
    // Small sums would read as nothing.
    maximumFractionDigits: Math.abs(value) < 1 ? 6 : 2,
  });
}

function consequence(alert: AlertData): string {
  const isRefusing = alert.enforcement === "hard" && alert.current_usage >= alert.quota_limit;
  if (alert.is_credit) {
    return isRefusing ? "Calls are refused until credit is granted." : "It does not renew.";
  }
  if (alert.reset_at === null) {
    return isRefusing
      ? "It does not reset: calls are refused until it is raised."
      : "It does not reset.";
  }
  const refused = isRefusing ? " Calls are refused until then." : "";
  return `It resets on ${time(alert.reset_at, alert)}.${refused}`;
}

function time(iso: string, { timezone }: AlertData): string {
  const formatted = new Date(iso).toLocaleString("en-GB", {
    dateStyle: "long",
    timeStyle: "short",
    timeZone: timezone,
  });
  return `${formatted} (${timezone})`;
}

function day(iso: string, { timezone }: AlertData): string {
  return new Date(iso).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    timeZone: timezone,
  });
}

/** A name must not break out of its line: it stands in subjects of e-mail. */
function oneLine(name: string): string {
  const clean = name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return clean.length > MAX_NAME_LENGTH ? `${clean.slice(0, MAX_NAME_LENGTH - 1)}…` : clean;
}
