import type { QuotaState } from "@tallybase/client";
import {
  type CSSProperties,
  createElement,
  Fragment,
  type ReactElement,
  type ReactNode,
  useId,
} from "react";
import { describeQuota, type QuotaWords } from "./describe-quota.ts";
import { type UseQuotaOptions, useQuota } from "./use-quota.ts";

/** What {@link QuotaIndicator} takes. */
export interface QuotaIndicatorProps extends UseQuotaOptions {
  /** Instead of "Budget this month". */
  label?: string | undefined;
  /** For numbers and dates. Default: that of the browser. */
  locale?: string | undefined;
  className?: string | undefined;
  style?: CSSProperties | undefined;
  /** True for no styles of ours at all: `data-level` and the parts' classes are there for yours. */
  unstyled?: boolean | undefined;
  /** Shown until the first answer, instead of "Loading quota …". */
  loading?: ReactNode;
  /** Shown when there is no quota. Default: nothing. */
  empty?: ReactNode;
  /** Renders the quota in your own way. */
  children?: ((quota: QuotaState, words: QuotaWords) => ReactNode) | undefined;
}

/** At least 3:1 against the track and 4.5:1 on white: the bar and the word say the same. */
const colors: Record<string, string> = {
  ok: "#15803d",
  warning: "#b45309",
  critical: "#b91c1c",
  exceeded: "#7f1d1d",
};

const styles = {
  root: { display: "grid", gap: "0.25rem", font: "inherit", minWidth: "12rem" },
  head: { display: "flex", justifyContent: "space-between", gap: "1rem" },
  label: { fontWeight: 600 },
  track: {
    height: "0.5rem",
    borderRadius: "0.25rem",
    overflow: "hidden",
    background: "var(--tallybase-track, #e5e7eb)",
  },
  details: { fontSize: "0.875em" },
} satisfies Record<string, CSSProperties>;

/**
 * Shows how full a quota is: a progress bar, the same in words, and a warning that is not only a
 * colour. Colours can be set by the CSS variables `--tallybase-ok`, `--tallybase-warning`,
 * `--tallybase-critical`, `--tallybase-exceeded` and `--tallybase-track`; everything by `unstyled`.
 *
 * @example
 * ```tsx
 * <QuotaIndicator metric="cost_usd" label="AI budget" />
 * ```
 */
export function QuotaIndicator(props: QuotaIndicatorProps): ReactElement | null {
  const { label, locale, className, style, unstyled = false, loading, empty = null } = props;
  const { quota, isLoading, error } = useQuota(props);
  const labelId = useId();
  const styled = (part: CSSProperties, more?: CSSProperties) =>
    unstyled ? {} : { style: { ...part, ...more } };
  const root = (level: string, more: object, ...children: ReactNode[]) =>
    createElement(
      "div",
      {
        className: ["tallybase-quota", className].filter(Boolean).join(" "),
        "data-level": level,
        ...(unstyled ? { style } : { style: { ...styles.root, ...style } }),
        ...more,
      },
      ...children,
    );
  if (isLoading) {
    return root("loading", { role: "status", "aria-busy": true }, loading ?? "Loading quota …");
  }
  if (!quota) {
    if (error) return root("unknown", { role: "status" }, "The quota cannot be read now.");
    return empty === null ? null : createElement(Fragment, null, empty);
  }
  const words = describeQuota(quota, locale);
  if (props.children) return root(quota.level, {}, props.children(quota, words));
  const color = `var(--tallybase-${quota.level}, ${colors[quota.level] ?? colors.ok})`;
  const filled = Math.min(100, Math.max(0, quota.percentUsed));
  return root(
    quota.level,
    {},
    createElement(
      "div",
      { className: "tallybase-quota-head", ...styled(styles.head) },
      createElement(
        "span",
        { id: labelId, className: "tallybase-quota-label", ...styled(styles.label) },
        label ?? words.label,
      ),
      // Without our styles, and to those who listen, these are words of one line.
      " ",
      words.warning &&
        createElement(
          "strong",
          { className: "tallybase-quota-warning", role: "status", ...styled({ color }) },
          words.warning,
        ),
    ),
    createElement(
      "div",
      {
        role: "progressbar",
        className: "tallybase-quota-track",
        "aria-labelledby": labelId,
        "aria-valuemin": 0,
        "aria-valuemax": 100,
        "aria-valuenow": Math.round(filled),
        "aria-valuetext": words.usage,
        ...styled(styles.track),
      },
      createElement("div", {
        className: "tallybase-quota-fill",
        style: { width: `${filled}%`, ...(unstyled ? {} : { height: "100%", background: color }) },
      }),
    ),
    createElement(
      "span",
      { className: "tallybase-quota-details", ...styled(styles.details) },
      [words.usage, words.reset].filter(Boolean).join(" · "),
    ),
  );
}
