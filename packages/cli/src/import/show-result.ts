import { styleText } from "node:util";
import type { Estimate } from "./check-events.ts";
import type { RejectionGroup } from "./collect-rejections.ts";

/** What an import came to. */
export interface ImportResult {
  file: string;
  isDryRun: boolean;
  events: number;
  recorded: number;
  duplicates: number;
  rejected: number;
  rejections: RejectionGroup[];
  /** Of reading and recording. */
  seconds: number;
  /** Of the tidy-up at the end. */
  foldSeconds: number;
  /** Changes folded into quotas and reports afterwards; null when nothing was written. */
  folded: number | null;
  /** What a dry run foresees. */
  estimate: Estimate | null;
  rejectsFile: string | null;
}

const GROUPS_SHOWN = 20;

/** For programs: one object. */
export function resultToJson(result: ImportResult): string {
  const { estimate } = result;
  return JSON.stringify(
    {
      file: result.file,
      dry_run: result.isDryRun,
      events: result.events,
      recorded: result.recorded,
      duplicates: result.duplicates,
      rejected: result.rejected,
      rejections: result.rejections,
      seconds: Number(result.seconds.toFixed(3)),
      events_per_second: rate(result),
      folded: result.folded,
      fold_seconds: Number(result.foldSeconds.toFixed(3)),
      ...(estimate && { cost_usd: estimate.costUsd, unpriced: estimate.unpriced }),
    },
    null,
    2,
  );
}

/** For people: a table. */
export function resultToTable(result: ImportResult): string {
  const { isDryRun, estimate } = result;
  const rows: [string, string][] = [
    [isDryRun ? "Would be recorded" : "Recorded", count(result.recorded)],
    [isDryRun ? "Recorded before" : "Duplicates", count(result.duplicates)],
    ["Rejected", count(result.rejected)],
  ];
  if (estimate) {
    rows.push(["Cost", `${estimate.costUsd} USD`], ["Without a price", count(estimate.unpriced)]);
  }
  rows.push(["Events/s", `${count(rate(result))}`]);
  const labels = Math.max(...rows.map(([label]) => label.length));
  const values = Math.max(...rows.map(([, value]) => value.length));
  const lines = rows.map(
    ([label, value]) => `  ${label.padEnd(labels)}  ${value.padStart(values)}`,
  );
  const sum = `${count(result.events)} events in ${result.seconds.toFixed(1)} s`;
  const note = isDryRun
    ? `${sum}; nothing is written`
    : `${sum}, folded in ${result.foldSeconds.toFixed(1)} s more`;
  return [
    `  ${styleText("bold", result.file === "-" ? "Standard input" : result.file)}  ${styleText("dim", note)}`,
    "",
    ...lines,
    ...showRejections(result),
  ].join("\n");
}

function showRejections({ rejected, rejections, rejectsFile }: ImportResult): string[] {
  if (rejected === 0) return [];
  const shown = rejections.slice(0, GROUPS_SHOWN).flatMap((group) => {
    const more = group.count - group.lines.length;
    const lines = `${group.lines.length === 1 ? "line" : "lines"} ${group.lines.join(", ")}`;
    return [
      `  ${styleText("red", count(group.count))} × ${group.message} ${styleText("dim", group.code)}`,
      `      ${lines}${more > 0 ? ` and ${count(more)} more` : ""}`,
    ];
  });
  const hidden = rejections.length - GROUPS_SHOWN;
  if (hidden > 0) shown.push(`  and ${count(hidden)} reasons more`);
  const way =
    rejectsFile === null
      ? "--rejects FILE writes all of them, to mend and import again."
      : `All of them are in ${rejectsFile}. Mend their events and import those alone.`;
  return ["", "  Rejected", ...shown, "", `  ${way}`];
}

function rate({ events, seconds }: ImportResult): number {
  return Math.round(events / Math.max(seconds, 0.001));
}

function count(number: number): string {
  return number.toLocaleString("en");
}
