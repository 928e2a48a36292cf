/**
 * A quota in React without `@tallybase/react`: it asks every minute. The package does the same for many
 * components at once, by Realtime, and accessibly.
 */
import { getQuotaStatus, type QuotaStatusResult } from "@tallybase/client";
import { createElement, type ReactElement, useEffect, useState } from "react";

/** Shows how much of an organization's budget is used; nothing while it is unknown. */
export function QuotaIndicator(props: { organizationId: string }): ReactElement | null {
  const { organizationId } = props;
  const [quota, setQuota] = useState<QuotaStatusResult | null>(null);

  useEffect(() => {
    const refresh = () => getQuotaStatus(organizationId).then(setQuota, console.error);
    void refresh();
    const interval = setInterval(refresh, 60_000);
    return () => clearInterval(interval);
  }, [organizationId]);

  return quota && createElement(QuotaBar, { quota });
}

/** The bar and the same in words. */
export function QuotaBar({ quota }: { quota: QuotaStatusResult }): ReactElement {
  const percentage = Math.min(100, (quota.currentUsage / quota.quotaLimit) * 100);
  const backgroundColor = percentage > 90 ? "#b91c1c" : percentage > 75 ? "#b45309" : "#15803d";
  const words = `$${quota.currentUsage.toFixed(2)} / $${quota.quotaLimit.toFixed(2)} used`;
  const fill = createElement("div", {
    className: "quota-fill",
    style: { width: `${percentage}%`, height: "0.5rem", backgroundColor },
  });
  return createElement(
    "div",
    { className: "quota-indicator" },
    createElement(
      "div",
      {
        className: "quota-bar",
        role: "progressbar",
        "aria-label": "Usage quota",
        "aria-valuenow": Math.round(percentage),
        "aria-valuetext": words,
      },
      fill,
    ),
    createElement("span", null, words),
  );
}
