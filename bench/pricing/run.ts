/**
 * Measures what share of recording a batch of 500 events is pricing. Writes
 * bench/results/pricing.md and .json.
 *
 *     npm run bench:pricing
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { useDatabase } from "../../scripts/databases/use-database.ts";
import { MIXES } from "./event-mixes.ts";
import { measureMix, type Round } from "./measure-mix.ts";

const RESULTS = fileURLToPath(new URL("../results", import.meta.url));
const ROUNDS = 30;
const BATCH = 500;
const CONDITIONS =
  `2 cores, shared. Postgres 17 on the same machine, one connection, \`fsync\` off: a server that ` +
  `waits for its disk spends a smaller share on pricing. Batches of ${BATCH} events, ${ROUNDS} rounds ` +
  `after a warm-up, medians; each round measures everything once, so that a busy machine slows all ` +
  `alike.`;

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

interface Result {
  mix: string;
  batch_ms: number;
  pricing_ms: number;
  pricing_us_per_event: number;
  share: number;
  share_lowest: number;
  share_highest: number;
  marginal_share: number;
}

/** Ratios within a round first, then the median of them. */
function summarize(mix: string, rounds: readonly Round[]): Result {
  const of = (pick: (round: Round) => number) => rounds.map(pick);
  const shares = of((round) => round.pricing_ms / round.batch_ms).toSorted((a, b) => a - b);
  const pricing = median(of((round) => round.pricing_ms));
  const tenth = Math.floor(shares.length / 10);
  return {
    mix,
    batch_ms: median(of((round) => round.batch_ms)),
    pricing_ms: pricing,
    pricing_us_per_event: (pricing * 1000) / BATCH,
    share: median(shares),
    share_lowest: shares[tenth] ?? 0,
    share_highest: shares[shares.length - 1 - tenth] ?? 0,
    marginal_share: median(of((round) => 1 - round.unpriced_batch_ms / round.batch_ms)),
  };
}

const results = await useDatabase(17, async ({ url }) => {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    const all: Result[] = [];
    for (const mix of MIXES)
      all.push(summarize(mix.name, await measureMix(sql, mix, BATCH, ROUNDS)));
    return all;
  } finally {
    await sql.end();
  }
});

const header = [
  "events",
  "batch ms",
  "pricing ms",
  "µs per event",
  "share",
  "10th to 90th percentile",
  "share by leaving it out",
];
const rows = results.map((result) => [
  result.mix,
  result.batch_ms.toFixed(1),
  result.pricing_ms.toFixed(1),
  result.pricing_us_per_event.toFixed(1),
  percent(result.share),
  `${percent(result.share_lowest)} – ${percent(result.share_highest)}`,
  percent(result.marginal_share),
]);
const table = [header, header.map(() => "---"), ...rows]
  .map((cells) => `| ${cells.join(" | ")} |`)
  .join("\n");

const markdown = `# What pricing costs

${CONDITIONS} Made by \`npm run bench:pricing\`.

*Share*: \`tally.price_call\` over the 500 events of a batch, set against \`track_usage_batch\` of
the same events. *By leaving it out*: how much faster the batch is when \`price_call\` is replaced
by a function that answers a constant. A batch prices plain events set by set, without it: where the last column says next to nothing, none
of them went one by one.

${table}
`;

console.log(`\n${table}`);
mkdirSync(RESULTS, { recursive: true });
writeFileSync(`${RESULTS}/pricing.md`, markdown);
writeFileSync(
  `${RESULTS}/pricing.json`,
  `${JSON.stringify({ conditions: CONDITIONS, results }, null, 2)}\n`,
);
