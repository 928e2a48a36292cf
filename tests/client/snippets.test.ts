import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as client from "../../packages/client/src/index.ts";
import * as react from "../../packages/react/src/index.ts";
import { readSnippets, repository, type Snippet } from "./snippets.ts";

/** What a short snippet leaves to its reader, and its type. */
const surroundings: Record<string, string> = {
  tally: 'import("@tallybase/client").Tallybase',
  supabase: 'import("@supabase/supabase-js").SupabaseClient',
  anthropic: 'InstanceType<typeof import("@anthropic-ai/sdk").default>',
  openai: '((model: string) => import("@ai-sdk/provider").LanguageModelV4) & OpenAIClient',
  Anthropic: 'typeof import("@anthropic-ai/sdk").default',
  OpenAI: 'typeof import("openai").default',
  GoogleGenAI: 'typeof import("@google/genai").GoogleGenAI',
  wrapLanguageModel: 'typeof import("ai").wrapLanguageModel',
  generateText: 'typeof import("ai").generateText',
  hold: "{ holdId: string }",
  event: 'import("@tallybase/client").UsageEvent',
  events: 'import("@tallybase/client").UsageEvent[]',
  chat: 'import("@tallybase/client").AIModelRequest',
  context: 'import("@tallybase/client").CallContext',
  options: 'import("@tallybase/client").UsageTrackingOptions & { provider: string; model: string }',
  request: "{ model: string; messages: { role: 'user'; content: string }[] }",
  messages: "{ role: 'user'; content: string }[]",
  quota: 'import("@tallybase/client").QuotaState',
  response: "unknown",
  ticket: "string",
  prompt: "string",
  error: "unknown",
  callModel: "(...args: unknown[]) => Promise<unknown>",
  callGemini: "(prompt: string) => Promise<{ text: string }>",
  askClaude: "(ticket: string) => Promise<{ text: string }>",
  saveForLater: "(events: readonly unknown[]) => Promise<void>",
  tryLater: "(provider: string) => Promise<void>",
};
for (const name of [
  "url",
  "key",
  "organizationId",
  "userId",
  "sessionId",
  "model",
  "id",
  "apiKey",
  "accessToken",
  "secretKey",
]) {
  surroundings[name] = "string";
}

let directory: string;
beforeAll(async () => {
  // In the repository, so that the snippets find the packages that they import.
  directory = await mkdtemp(join(repository, "examples/.snippets-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("every snippet of the documentation compiles", async () => {
  const snippets = readSnippets();
  expect(snippets.length).toBeGreaterThan(60);
  const names = new Map<string, string>();
  for (const [index, snippet] of snippets.entries()) {
    const file = `snippet-${index}.${snippet.language}`;
    names.set(file, snippet.place);
    await writeFile(join(directory, file), complete(snippet));
  }
  await writeFile(join(directory, "tsconfig.json"), tsconfig);
  const tsc = join(repository, "node_modules/.bin/tsc");
  const output = await promisify(execFile)(tsc, ["-p", directory, "--pretty", "false"]).then(
    () => "",
    ({ stdout }: { stdout: string }) => stdout,
  );
  const told = output.replaceAll(
    /[^\s(]*(snippet-\d+\.tsx?)/g,
    (_, file: string) => names.get(file) ?? "",
  );
  expect(told).toBe("");
}, 120_000);

/** The snippet with what it leaves out: imports of our packages, and the reader's own things. */
function complete({ code, isProgram }: Snippet): string {
  if (isProgram) return `${code}\nexport {};\n`;
  const imports = code.match(/^import [\s\S]*? from ".*";$/gm) ?? [];
  const body = imports.reduce((rest, line) => rest.replace(line, ""), code);
  const isModule = /^export /m.test(body);
  // A spread has dots before it, a member has one.
  const isUsed = (name: string) =>
    new RegExp(`(?<!(?<!\\.\\.)\\.)(?<![\\w"'])${name}(?![\\w"'])`).test(body);
  // What the body declares itself goes before what is declared around its function.
  const isThere = (name: string) =>
    new RegExp(`\\b${name}\\b`).test(imports.join()) ||
    (isModule && new RegExp(`(?:const|function) ${name}\\b`).test(body));
  const wanted = (name: string) => isUsed(name) && !isThere(name);
  const imported = (exported: object, from: string) => {
    const found = Object.keys(exported).filter(wanted);
    return found.length > 0 ? `import { ${found.join(", ")} } from "${from}";` : "";
  };
  const given = Object.entries(surroundings).filter(([name]) => wanted(name));
  return [
    imported(client, "@tallybase/client"),
    imported(react, "@tallybase/react"),
    ...imports,
    'type OpenAIClient = InstanceType<typeof import("openai").default>;',
    ...given.map(([name, type]) => `declare const ${name}: ${type};`),
    isModule ? body : `export async function snippet() {\n${body}\n}`,
  ].join("\n");
}

const tsconfig = JSON.stringify({
  extends: "../../tsconfig.base.json",
  compilerOptions: {
    jsx: "react-jsx",
    lib: ["es2024", "esnext.disposable", "dom", "dom.iterable", "dom.asynciterable"],
    types: ["node"],
    // A snippet shows what there is, not what becomes of it.
    noUnusedLocals: false,
    exactOptionalPropertyTypes: false,
  },
  include: ["*.ts", "*.tsx"],
});
