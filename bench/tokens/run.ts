/**
 * Measures what counting tokens costs and how exact it is. Writes bench/results/tokens.md and .json.
 *
 *     node bench/tokens/run.ts            # ten minutes
 *     node bench/tokens/run.ts --starts   # only the first answers; the counts are kept
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { useDatabase } from "../../scripts/databases/use-database.ts";
import { createTextCounter } from "../../supabase/functions/_tally/count-text.ts";
import { exactTokens } from "../../tests/estimate/oracle.ts";
import { TEXT_KINDS } from "../../tests/estimate/texts.ts";
import type { ColdStart } from "./cold-start.ts";
import type { Measured } from "./count-file.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RESULTS = `${ROOT}bench/results`;
const DENO = ["run", "--no-check", "-A", "--config", "supabase/functions/estimate/deno.json"];
const MEBIBYTE = 2 ** 20;
const RUNS = 30;
/** The oracle is quadratic on unbroken runs, so those are compared on short texts. */
const LONG_FOR_ORACLE = new Set(["prose", "code", "JSON", "Russian", "Korean", "Arabic"]);

function deno(script: string, args: string[], env: Record<string, string> = {}): string {
  return execFileSync("deno", [...DENO, `bench/tokens/${script}`, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
}

interface KindResult extends Measured {
  kind: string;
  /** Tokens here and by js-tiktoken, of as many bytes as that can count. */
  compared_bytes: number;
  counted: number;
  exact: number;
}

async function measureKinds(file: string): Promise<KindResult[]> {
  const countText = createTextCounter();
  const results: KindResult[] = [];
  for (const { name, make } of TEXT_KINDS) {
    const text = make(LONG_FOR_ORACLE.has(name) ? 100_000 : 2_000);
    const { tokens, bytes } = await countText([text]);
    writeFileSync(file, make(MEBIBYTE));
    const runs = Array.from({ length: 3 }, () =>
      JSON.parse(deno("count-file.ts", [file])),
    ) as Measured[];
    const [best] = runs.sort((a, b) => a.cpu_ms - b.cpu_ms);
    if (best === undefined) throw new Error("No run.");
    results.push({
      kind: name,
      ...best,
      peak_mb: Math.max(...runs.map((run) => run.peak_mb)),
      compared_bytes: bytes,
      counted: tokens,
      exact: exactTokens(text),
    });
    console.log(name, JSON.stringify(best));
  }
  return results;
}

const CALL = { provider: "openai", model: "gpt-4o", max_output_tokens: 100 };
const STARTS: [string, object][] = [
  ["without the tokenizer", { ...CALL, input_tokens: 1_000 }],
  ["with the tokenizer", { ...CALL, messages: [{ role: "user", content: "How warm is it?" }] }],
  ["with 900 kB of prose", { ...CALL, messages: [{ role: "user", content: ofKind("prose") }] }],
  [
    "with 900 kB of random letters",
    { ...CALL, messages: [{ role: "user", content: ofKind("random letters") }] },
  ],
];

function ofKind(name: string): string {
  return TEXT_KINDS.find((kind) => kind.name === name)?.make(900_000) ?? "";
}

interface StartResult {
  start: string;
  best: ColdStart;
  median: ColdStart;
}

async function measureStarts(file: string): Promise<StartResult[]> {
  return await useDatabase(17, async ({ url }) => {
    const sql = postgres(url, { max: 1, onnotice: () => undefined });
    const [organization] = await sql`
      insert into public.organizations (name) values ('Bench') returning id`;
    const [made] = await sql`
      select public.create_api_key(${organization?.id}, 'bench') ->> 'key' as key`;
    await sql.end();
    const env = { TALLY_DB_URL: url, SUPABASE_URL: "http://127.0.0.1:1" };
    const runs: ColdStart[][] = STARTS.map(() => []);
    // In turns, so that a busy minute of the machine does not fall on one kind alone.
    for (let run = 0; run < RUNS; run++) {
      for (const [at, [, body]] of STARTS.entries()) {
        writeFileSync(file, JSON.stringify(body));
        const output = deno("cold-start.ts", [file, String(made?.key)], env);
        const coldStart = JSON.parse(/^result (.*)$/m.exec(output)?.[1] ?? "null") as ColdStart;
        if (coldStart?.status !== 200) throw new Error(`No answer: ${output}`);
        runs[at]?.push(coldStart);
      }
    }
    return STARTS.map(([start], at) => summarize(start, runs[at] ?? []));
  });
}

function summarize(start: string, runs: ColdStart[]): StartResult {
  const sum = (run: ColdStart) => run.import_ms + run.answer_ms;
  const [best] = [...runs].sort((a, b) => sum(a) - sum(b));
  if (best === undefined) throw new Error("No run.");
  const usual = (key: keyof ColdStart) => median(runs.map((run) => run[key]));
  return {
    start,
    best: rounded(best),
    median: rounded({
      status: 200,
      import_ms: usual("import_ms"),
      answer_ms: usual("answer_ms"),
      cpu_ms: usual("cpu_ms"),
      warm_ms: usual("warm_ms"),
      peak_mb: Math.max(...runs.map((run) => run.peak_mb)),
    }),
  };
}

function rounded(run: ColdStart): ColdStart {
  const { status, import_ms, answer_ms, cpu_ms, warm_ms, peak_mb } = run;
  return {
    status,
    import_ms: Math.round(import_ms),
    answer_ms: Math.round(answer_ms),
    cpu_ms: Math.round(cpu_ms),
    warm_ms: Math.round(warm_ms),
    peak_mb: Math.round(peak_mb),
  };
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function table(header: string[], rows: (string | number)[][]): string {
  const lines = [header, header.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function percent(counted: number, exact: number): string {
  return `${((counted / exact - 1) * 100).toFixed(2)} %`;
}

const scratch = mkdtempSync(`${tmpdir()}/bench-`);
const kinds = process.argv.includes("--starts")
  ? (JSON.parse(readFileSync(`${RESULTS}/tokens.json`, "utf8")) as { kinds: KindResult[] }).kinds
  : await measureKinds(`${scratch}/text`);
const starts = await measureStarts(`${scratch}/request.json`);
rmSync(scratch, { recursive: true });
const conditions =
  `Deno on ${availableParallelism()} cores of a shared machine. ` +
  `Cold starts: ${RUNS} processes each, the quickest and the median; counts: best CPU of 3 processes.`;

const markdown = `# Counting tokens

${conditions} Made by \`node bench/tokens/run.ts\`.

## One mebibyte of text

CPU includes the garbage collector and the compiler. Memory is the process's highest.

${table(
  ["text", "tokens", "CPU ms", "peak MB", "o200k here", "js-tiktoken", "difference"],
  kinds.map((kind) => [
    kind.kind,
    `${kind.tokens}${kind.is_exact ? "" : " (bound)"}`,
    kind.cpu_ms,
    kind.peak_mb,
    kind.counted,
    kind.exact,
    percent(kind.counted, kind.exact),
  ]),
)}

The last three columns compare 100 kB (2 kB where js-tiktoken is quadratic) with the exact count.

## First answer of the estimate function

From an isolate that has loaded nothing: the function's first modules, then a request with an API key
against Postgres on the same machine, the connection and the rest of the modules included. Quickest run /
median; other work on the machine is in both.

${table(
  ["request", "modules ms", "answer ms", "sum ms", "CPU ms", "warm answer ms", "peak MB"],
  starts.map(({ start, best, median: usual }) => [
    start,
    `${best.import_ms} / ${usual.import_ms}`,
    `${best.answer_ms} / ${usual.answer_ms}`,
    `${best.import_ms + best.answer_ms} / ${usual.import_ms + usual.answer_ms}`,
    `${best.cpu_ms} / ${usual.cpu_ms}`,
    `${best.warm_ms} / ${usual.warm_ms}`,
    usual.peak_mb,
  ]),
)}
`;

mkdirSync(RESULTS, { recursive: true });
writeFileSync(`${RESULTS}/tokens.md`, markdown);
writeFileSync(
  `${RESULTS}/tokens.json`,
  `${JSON.stringify({ conditions, kinds, starts }, null, 2)}\n`,
);
