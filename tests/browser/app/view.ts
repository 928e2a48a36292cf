import type { Tallybase } from "@tallybase/client";
import { QuotaIndicator, type RealtimeLike, TallybaseProvider, useUsage } from "@tallybase/react";
import { createElement, type ReactElement, StrictMode } from "react";

/** What the page shows: indicators in our style, in the page's own style, and in the page's own words. */
export function view(
  client: Tallybase,
  more: {
    organizationId: string;
    pollIntervalMs?: number;
    realtime?: RealtimeLike | null;
    components?: number;
  },
): ReactElement {
  const { components = 3, ...provided } = more;
  const indicators = [
    createElement(QuotaIndicator, { metric: "cost_usd", locale: "en-US" }),
    createElement(QuotaIndicator, { label: "Calls", metric: "requests", locale: "en-US" }),
    createElement(QuotaIndicator, { unstyled: true, className: "mine", metric: "cost_usd" }),
  ];
  const sections = Array.from({ length: components }, (_, index) =>
    createElement("section", { key: index }, indicators[index % indicators.length]),
  );
  const heading = createElement("h1", null, "Usage");
  const inside = createElement("main", null, heading, createElement(ThisMonth), sections);
  const provider = createElement(TallybaseProvider, { client, ...provided }, inside);
  return createElement(StrictMode, null, provider);
}

/** What was used this month; asks again when it is clicked. */
function ThisMonth(): ReactElement {
  const { usage, isLoading, error, refetch } = useUsage({ filters: { provider: "openai" } });
  const words = usage && `${usage.requestCount} calls, $${usage.totalCostUsd}`;
  const shown = isLoading ? "…" : (words ?? error?.code ?? "nothing");
  return createElement("button", { type: "button", onClick: () => void refetch() }, shown);
}
