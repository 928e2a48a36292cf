import type { MatchLogic } from "@pydantic/genai-prices";
import type { MatchRule } from "./book.ts";

/**
 * What may follow a known id without changing its price: dates, revisions and stages of a release.
 * A lone digit may not (`claude-sonnet-5` must never price `claude-sonnet-5-5`), nor may a word
 * such as `lite` or `mini`, nor a second version of a model that is not pinned to a date.
 */
function suffix(text: string): string {
  const version = /\d{8}$/.test(text) ? "v\\d+" : "v1";
  const stage = "latest|preview|exp|experimental|beta|stable|nightly|thinking|instruct";
  return `([-@:._]?(\\d{2,8}|${version}|${stage})|:\\d+)*`;
}
/** What may stand before a known id: a path, a region or a vendor. */
const PREFIX = "(.*[-/.:@])?";

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** The exact ids and the patterns of a match rule of the catalogue. */
export interface ModelMatch {
  readonly ids: readonly string[];
  readonly patterns: readonly { kind: MatchRule["kind"]; pattern: string; specificity: number }[];
}

function anchored(text: string, before: string, after: string): ModelMatch {
  const pattern = `^${before}${literal(text)}${after}$`;
  return { ids: [], patterns: [{ kind: "regex", pattern, specificity: text.length }] };
}

/**
 * Turns a match rule of the catalogue into exact ids and anchored patterns. Its open prefixes and
 * substrings are narrowed to {@link suffix}: an id they would only guess at stays unpriced and is
 * seen, instead of paying another model's price.
 */
export function readMatch(match: MatchLogic): ModelMatch {
  if ("equals" in match) return { ids: [match.equals], patterns: [] };
  if ("or" in match) {
    const parts = match.or.map(readMatch);
    return {
      ids: parts.flatMap((part) => part.ids),
      patterns: parts.flatMap((part) => part.patterns),
    };
  }
  if ("and" in match) {
    // A narrowed prefix leaves nothing for the other conditions to exclude.
    const prefix = match.and.find((part) => "starts_with" in part);
    if (!prefix) throw new RangeError(`No prefix in ${JSON.stringify(match)}`);
    return readMatch(prefix);
  }
  if ("starts_with" in match) {
    const text = match.starts_with;
    // After the base model, the id of a fine-tune is a free name.
    if (/^ft:|\.ft-$/.test(text)) {
      const pattern = { kind: "starts_with" as const, pattern: text, specificity: text.length };
      return { ids: [], patterns: [pattern] };
    }
    return anchored(text, "", suffix(text));
  }
  if ("contains" in match) return anchored(match.contains, PREFIX, suffix(match.contains));
  if ("ends_with" in match) return anchored(match.ends_with, PREFIX, "");
  return {
    ids: [],
    patterns: [{ kind: "regex", pattern: match.regex, specificity: match.regex.length }],
  };
}

/** Whether a rule recognizes an id, as the database decides it. */
export function ruleMatches(rule: Pick<MatchRule, "kind" | "pattern">, id: string): boolean {
  return rule.kind === "starts_with"
    ? id.startsWith(rule.pattern)
    : new RegExp(rule.pattern).test(id);
}
